"""Intercom's webhook `event.created` marks the delivery that it tells of, and nobody else's: over HTTP."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from typing import Any

import pytest

from connector.database.clock import wall
from connector.events import Key
from connector.intercom.client import IntercomClient, make_session
from connector.outbox import history, seen
from connector.outbox.delivery import Delivery, State
from connector.outbox.story import tell as story_of
from connector.sandbox import ReceivedEvent, Sandbox
from connector.sync.comparison import What
from connector.sync.verify import Verification, Verifier
from tests.journeys.conftest import Journey, eventually, running
from tests.journeys.test_contacts import CLIENT_SECRET, EMAIL, PAID, tell


@pytest.fixture
async def journey(database_url: str, sandbox: Sandbox) -> AsyncIterator[Journey]:
    async with running(database_url, sandbox, intercom_client_secret=CLIENT_SECRET) as found:
        yield found


async def delivered(journey: Journey) -> tuple[Delivery, ReceivedEvent]:
    """One that Intercom has taken, and the event that it made of it."""
    journey.sandbox.add_contact(email=EMAIL)
    await journey.stripe(PAID)
    found: list[Delivery] = []

    async def there() -> bool:
        page = await journey.service.database.read(history.page, history.Filter(), limit=10)
        found[:] = [each for each in page if each.state is State.DELIVERED]
        return bool(found)

    await eventually(there)
    (event,) = journey.sandbox.events()
    return found[0], event


def shown(event: ReceivedEvent, **more: Any) -> dict[str, Any]:
    """An event as Intercom's webhook shows it; its own id is nobody's."""
    item = {
        "type": "event",
        "id": "evt-1",
        "event_name": event.name,
        "created_at": event.created_at,
        "intercom_user_id": event.contact_id,
        "user_id": event.external_id,
        "email": event.email,
        "metadata": dict(event.metadata),
    }
    return item | more


async def marked(journey: Journey, delivery: Delivery) -> Mapping[Key, int]:
    return await journey.service.database.read(seen.times, delivery.workspace_id, [delivery.id])


async def test_the_delivery_that_it_tells_of_is_seen_and_its_story_says_so(journey: Journey):
    delivery, event = await delivered(journey)
    assert await marked(journey, delivery) == {}
    assert await tell(journey, "event.created", shown(event, event_name=event.name.upper())) == 200
    (at,) = (await marked(journey, delivery)).values()
    assert abs(at - wall()) < 60_000
    story = await journey.service.database.read(history.story, delivery.workspace_id, delivery.id)
    assert story is not None
    assert any("event.created" in each for each in story_of(story, None, same_mapping=True, now=wall()))
    assert await tell(journey, "event.created", shown(event)) == 200
    assert list((await marked(journey, delivery)).values()) == [at]  # the first time counts


@pytest.mark.parametrize(
    "other",
    [
        {"created_at": 1_763_687_761},
        {"event_name": "left-review"},
        {"intercom_user_id": "somebody", "user_id": "else", "email": "else@example.com"},
        {"created_at": "yesterday"},
        {"created_at": True},
        {"created_at": 1 << 80},
        {"event_name": None},
        {"intercom_user_id": None, "user_id": None, "email": None},
    ],
    ids=["second", "name", "contact", "words", "truth", "huge", "nameless", "nobody"],
)
async def test_what_it_says_of_others_or_nothing_marks_nothing(journey: Journey, other: dict[str, Any]):
    delivery, event = await delivered(journey)
    assert await tell(journey, "event.created", shown(event, **other)) == 200
    assert await tell(journey, "event.created", shown(event), app_id="another") == 200
    assert await marked(journey, delivery) == {}


async def test_verify_counts_what_was_seen_and_says_of_what_is_missing_that_it_was_there(journey: Journey):
    delivery, event = await delivered(journey)
    await tell(journey, "event.created", shown(event))
    assert (await verified(journey, delivery)).seen == 1
    journey.sandbox._state.workspace(None).events.forget(event.contact_id)
    result = await verified(journey, delivery)
    (missing,) = result.differences
    assert missing.what is What.MISSING
    assert "it was there" in missing.detail


async def verified(journey: Journey, delivery: Delivery) -> Verification:
    (workspace,) = journey.service.directory.workspaces()
    result = Verification(1)
    async with make_session(1) as http:
        client = IntercomClient(http, version="2.16", base_url_for=lambda _: journey.sandbox.url)
        async for checked in Verifier(journey.service.database, client, workspace, wall).verify([delivery]):
            result.add(checked)
    return result

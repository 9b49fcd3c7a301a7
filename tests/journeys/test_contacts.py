"""Contacts that come later, are several, are archived, or are to be created: over HTTP against the sandbox."""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import json
from collections.abc import AsyncIterator
from typing import Any

import pytest
import sqlalchemy as sa

from connector.database.tables import lanes, queue, workspaces
from connector.sandbox import Sandbox
from connector.sandbox.contacts import Contact
from tests.journeys.conftest import Journey, eventually, running, segment_payload, stripe_payload

PAID = stripe_payload("invoice.paid")
EMAIL = PAID["data"]["object"]["customer_email"]
CLIENT_SECRET = "client-secret-of-the-app"


@pytest.fixture
async def journey(database_url: str, sandbox: Sandbox) -> AsyncIterator[Journey]:
    async with running(database_url, sandbox, intercom_client_secret=CLIENT_SECRET) as found:
        yield found


def notification(topic: str, item: dict[str, Any], app_id: str = "sandbox") -> bytes:
    envelope = {
        "type": "notification_event",
        "id": "notif_1",
        "topic": topic,
        "app_id": app_id,
        "created_at": 1_763_687_761,
        "delivery_attempts": 1,
        "data": {"type": "notification_event_data", "item": item},
    }
    return json.dumps(envelope).encode()


def signed(body: bytes, secret: str = CLIENT_SECRET) -> dict[str, str]:
    return {"X-Hub-Signature": "sha1=" + hmac.new(secret.encode(), body, hashlib.sha1).hexdigest()}


def shown(contact: Contact) -> dict[str, Any]:
    """A contact as Intercom's webhook shows it."""
    fields = {"id": contact.id, "external_id": contact.external_id, "email": contact.email, "role": contact.role}
    return {"type": "contact", **fields}


async def tell(journey: Journey, topic: str, item: dict[str, Any], **more: Any) -> int:
    body = notification(topic, item, **more)
    url = f"{journey.address.url}/intercom/webhooks"
    async with journey.http.post(url, data=body, headers=signed(body)) as answer:
        return answer.status


async def choose(journey: Journey, **settings: str) -> None:
    """What the workspace wants."""
    from connector.workspaces import changes

    def change(connection: sa.Connection) -> None:
        connection.execute(sa.update(workspaces).values(settings=json.dumps(settings)))
        changes.bump(connection)

    await journey.service.database.transact(change)
    await journey.service.directory.reload()


async def hurry(journey: Journey) -> None:
    def now(connection: sa.Connection) -> None:
        connection.execute(sa.update(queue).where(queue.c.lease_id.is_(None)).values(due=0))
        connection.execute(sa.update(lanes).values(next_due=0, blocked_until=None, breaker_until=None))

    await journey.service.database.transact(now)


@pytest.mark.parametrize(("topic", "role"), [("contact.user.created", "user"), ("contact.lead.created", "lead")])
async def test_what_is_parked_goes_out_when_intercom_says_that_its_contact_is_there(
    journey: Journey, topic: str, role: str
):
    await journey.stripe(PAID)
    await journey.settled("parked")
    contact = journey.sandbox.add_contact(email=EMAIL.upper(), role=role)
    assert await tell(journey, topic, shown(contact)) == 200
    await journey.settled("delivered")
    (event,) = journey.sandbox.events()
    assert event.contact_id == contact.id


async def test_a_lead_that_search_does_not_see_yet_is_addressed_by_the_id_that_the_webhook_told(journey: Journey):
    await journey.stripe(PAID)
    await journey.settled("parked")
    journey.sandbox.configure(search_delay=3600)
    async with journey.http.post(
        f"{journey.sandbox.url}/contacts",
        json={"role": "lead", "email": EMAIL},
        headers={"Authorization": f"Bearer {journey.sandbox.token}", "Accept": "application/json"},
    ) as made:
        lead = await made.json()
    assert await tell(journey, "contact.lead.created", lead) == 200
    await journey.settled("delivered")
    (event,) = journey.sandbox.events()
    assert (event.identified_by, event.identifier) == ("id", lead["id"])


async def test_a_merged_contact_wakes_what_waited_for_either(journey: Journey):
    await journey.stripe(PAID)
    await journey.settled("parked")
    user = journey.sandbox.add_contact(email=EMAIL, external_id="u1")
    item = shown(user) | {"email": "another@example.com", "merged_from": {"type": "contact", "id": "64a0"}}
    assert await tell(journey, "contact.merged", item) == 200
    assert (await journey.settled("parked"))[0].state.value == "parked"  # nobody waits for that address
    assert await tell(journey, "contact.merged", shown(user) | {"merged_from": {"type": "contact", "id": "x"}}) == 200
    await journey.settled("delivered")


async def test_other_peoples_news_and_other_workspaces_news_wake_nothing(journey: Journey):
    await journey.stripe(PAID)
    await journey.settled("parked")
    calls = len(journey.sandbox.calls())
    somebody = {"type": "contact", "id": "64a1", "email": "else@example.com"}
    assert await tell(journey, "contact.user.created", somebody) == 200
    assert await tell(journey, "contact.user.created", somebody | {"email": EMAIL}, app_id="of-others") == 200
    assert await tell(journey, "ping", {"type": "ping"}) == 200
    await asyncio.sleep(0.1)
    await journey.settled("parked")
    assert len(journey.sandbox.calls()) == calls


async def test_a_webhook_that_intercom_did_not_sign_is_refused_and_wakes_nothing(journey: Journey):
    await journey.stripe(PAID)
    await journey.settled("parked")
    body = notification("contact.user.created", {"type": "contact", "id": "1", "email": EMAIL})
    url = f"{journey.address.url}/intercom/webhooks"
    for headers in ({}, signed(body, "guessed"), {"X-Hub-Signature": "sha1=" + "0" * 40}):
        async with journey.http.post(url, data=body, headers=headers) as answer:
            assert answer.status == 401
    async with journey.http.post(url, data=b"x" * (1024 * 1024 + 1), headers=signed(body)) as answer:
        assert answer.status == 413
    async with journey.http.post(url, data=b"[]", headers=signed(b"[]")) as answer:
        assert answer.status == 200  # signed, and nothing that would be better the second time
    async with journey.http.head(url) as answer:
        assert answer.status == 200
    await journey.settled("parked")


async def test_a_database_that_is_away_is_no_500_and_no_410(journey: Journey, monkeypatch: pytest.MonkeyPatch):
    await journey.stripe(PAID)
    await journey.settled("parked")
    from connector.errors import Unavailable

    async def away(*_args: object, **_more: object) -> object:
        raise Unavailable("the database is away")

    contact = journey.sandbox.add_contact(email=EMAIL)
    with monkeypatch.context() as patch:
        patch.setattr(journey.service.database, "transact", away)
        assert await tell(journey, "contact.user.created", shown(contact)) == 503
    assert await tell(journey, "contact.user.created", shown(contact)) == 200
    await journey.settled("delivered")


async def test_a_trusted_identify_has_what_is_parked_tried_soon(journey: Journey):
    order = segment_payload("track-order-completed")
    await journey.segment(order)
    await journey.settled("parked")
    (before,) = await journey.service.database.read(_dues)
    identify = {"type": "identify", "userId": order["userId"], "messageId": "i-1", "traits": {"plan": "pro"}}
    await journey.segment(identify)

    async def sooner() -> bool:
        (due,) = await journey.service.database.read(_dues)
        return due <= before

    await eventually(sooner)


def _dues(connection: sa.Connection) -> list[int]:
    return list(connection.scalars(sa.select(queue.c.due)))


@pytest.mark.parametrize(("rule", "role"), [("create_user", "user"), ("create_lead", "lead")])
async def test_a_contact_is_created_where_the_workspace_asked_for_that(journey: Journey, rule: str, role: str):
    await choose(journey, unknown_contact=rule)
    await journey.stripe(PAID)
    await journey.settled("delivered")
    (contact,) = journey.sandbox.contacts()
    (event,) = journey.sandbox.events()
    assert (contact.role, contact.email, event.contact_id) == (role, EMAIL, contact.id)


async def test_many_events_of_one_unknown_person_create_one_contact(journey: Journey):
    """At once, and although Intercom's search does not see the new contact for an hour."""
    journey.sandbox.configure(search_delay=3600)
    await choose(journey, unknown_contact="create_lead")
    for number in range(12):
        invoice = PAID["data"]["object"] | {"id": f"in_{number}"}
        await journey.stripe(PAID | {"id": f"evt_{number}", "data": {"object": invoice}})

    async def all_delivered() -> bool:
        await hurry(journey)
        return {each.state.value for each in await journey.deliveries()} == {"delivered"}

    await eventually(all_delivered)
    assert len(journey.sandbox.contacts()) == 1
    assert len([call for call in journey.sandbox.calls(path="/contacts") if call.method == "POST"]) == 1
    assert len(journey.sandbox.events(duplicate=False)) == 12


async def test_somebody_who_is_there_although_search_does_not_say_so_is_found_by_the_409(journey: Journey):
    journey.sandbox.configure(search_delay=3600, match_email_case=False)
    await choose(journey, unknown_contact="create_user")
    async with journey.http.post(
        f"{journey.sandbox.url}/contacts",
        json={"role": "user", "email": EMAIL},
        headers={"Authorization": f"Bearer {journey.sandbox.token}", "Accept": "application/json"},
    ) as made:
        there = await made.json()
    journey.sandbox.fail(status=404, times=1, body=_NOT_FOUND)
    await journey.stripe(PAID)
    await journey.settled("delivered")
    assert [event.contact_id for event in journey.sandbox.events()] == [there["id"]]
    assert len(journey.sandbox.contacts()) == 1


_NOT_FOUND = json.dumps({"type": "error.list", "errors": [{"code": "not_found", "message": "User Not Found"}]})


@pytest.mark.parametrize("policy", ["wait", "unarchive"])
async def test_an_archived_contact_is_brought_back_only_where_that_was_asked_for(journey: Journey, policy: str):
    archived = journey.sandbox.add_contact(email=EMAIL)
    await _archive(journey, archived)
    await choose(journey, unknown_contact="create_user", archived_contact=policy)
    await journey.stripe(PAID)
    if policy == "unarchive":
        await journey.settled("delivered")
        assert not journey.sandbox.contacts()[0].archived
        return
    (parked,) = await journey.settled("parked")
    assert parked.reason == "contact_archived"
    await _archive(journey, archived, "unarchive")
    assert await tell(journey, "contact.unarchive", shown(archived)) == 200
    await journey.settled("delivered")


async def _archive(journey: Journey, contact: Contact, verb: str = "archive") -> None:
    headers = {"Authorization": f"Bearer {journey.sandbox.token}", "Accept": "application/json"}
    async with journey.http.post(f"{journey.sandbox.url}/contacts/{contact.id}/{verb}", headers=headers) as answer:
        assert answer.status == 200


async def test_a_token_that_may_not_create_contacts_leaves_the_event_waiting_and_the_workspace_live(journey: Journey):
    await choose(journey, unknown_contact="create_user")
    journey.sandbox.fail(status=403, path="/contacts", method="POST", times=None)
    await journey.stripe(PAID)
    (parked,) = await journey.settled("parked")
    assert parked.reason == "no_contact"
    (workspace,) = journey.service.directory.workspaces()
    assert workspace.mode.value == "live"


async def test_several_leads_of_one_address_are_a_dead_letter_with_its_remedy(journey: Journey):
    leads = [journey.sandbox.add_contact(email=EMAIL, role="lead") for _ in range(2)]
    await journey.stripe(PAID)
    (dead,) = await journey.settled("dead")
    assert dead.reason == "ambiguous_contact"
    from connector.outbox import history

    (attempt,) = await journey.service.database.read(history.attempts_of, dead.workspace_id, dead.id)
    assert attempt.words is not None
    assert "several_contacts" in attempt.words
    assert all(lead.id in attempt.words for lead in leads)


@pytest.mark.parametrize(
    ("rule", "chosen"), [("user_over_lead", "user"), ("newest_active", "lead"), ("none", None), ("nonsense", None)]
)
async def test_the_workspaces_rule_decides_between_several(journey: Journey, rule: str, chosen: str | None):
    await choose(journey, several_contacts=rule)
    for user_id in ("u1", "u2")[: 2 if chosen is None else 1]:
        journey.sandbox.add_contact(email=EMAIL, external_id=user_id, last_seen_at=1_700_000_000)
    journey.sandbox.add_contact(email=EMAIL, role="lead", last_seen_at=1_763_000_000)
    conflict = json.dumps({"type": "error.list", "errors": [{"code": "conflict", "message": "Multiple users"}]})
    journey.sandbox.fail(status=409, times=1, body=conflict)
    await journey.stripe(PAID)
    await journey.settled("dead" if chosen is None else "delivered")
    by_id = {contact.id: contact.role for contact in journey.sandbox.contacts()}
    assert [by_id[event.contact_id] for event in journey.sandbox.events()] == ([chosen] if chosen else [])


async def test_what_evidence_knows_of_a_person_is_tried_too_before_an_event_waits(journey: Journey):
    """The customer has a user id, which Intercom does not know, and an address, which it does."""
    customer = stripe_payload("customer.created-amara")
    who = customer["data"]["object"] | {"metadata": {"user_id": "u-1"}}
    await journey.stripe(customer | {"data": {"object": who}})
    journey.sandbox.add_contact(email=who["email"])
    dispute = stripe_payload("charge.dispute.created")
    charge = {"object": "charge", "id": dispute["data"]["object"]["charge"], "customer": who["id"]}
    await journey.stripe(PAID | {"id": "evt_c", "type": "charge.updated", "data": {"object": charge}})
    dispute["data"]["object"]["evidence"]["customer_email_address"] = None
    await journey.stripe(dispute)

    async def delivered() -> bool:
        return any(event.name == "opened-dispute" for event in journey.sandbox.events())

    await eventually(delivered)

"""Reading back what was delivered finds a loss, a double and a change, and nothing where nothing is wrong."""

from __future__ import annotations

import random

import pytest
from aiohttp import ClientSession

from connector.alarms.proving import DIFFERS, Proving, proved
from connector.database.clock import wall
from connector.intercom.client import IntercomClient, make_session
from connector.outbox import alerts
from connector.outbox.matching import Trouble
from connector.sandbox import Sandbox
from connector.sandbox.settings import Scope
from connector.sync import verify
from connector.sync.comparison import What
from connector.sync.verify import Verification, Verifier
from tests.journeys.conftest import eventually
from tests.sync.conftest import InStep, in_step, paid

COUNT = 6


async def deliver(running: InStep, sandbox: Sandbox, count: int = COUNT) -> None:
    await running.register()
    sandbox.load_stripe([paid(number) for number in range(count)])
    await sandbox.send_stripe()

    async def all_there() -> bool:
        found = await running.deliveries()
        return sum(each.delivered_at is not None for each in found) >= count

    await eventually(all_there, within_s=60.0)


class Reader:
    def __init__(self, running: InStep, client: IntercomClient) -> None:
        self.running, self.client = running, client

    @property
    def workspace(self):
        (found,) = self.running.service.directory.workspaces()
        return found

    async def verify(self, *, grace_ms: int = 0) -> Verification:
        database, now = self.running.service.database, wall()
        asked = await database.read(
            verify.sample, self.workspace.id, size=100, since=0, until=now - grace_ms, choose=random.Random(1)
        )
        result = Verification(len(asked))
        async for checked in Verifier(database, self.client, self.workspace, wall).verify(asked):
            result.add(checked)
        return result


def client_of(sandbox: Sandbox, http: ClientSession) -> IntercomClient:
    return IntercomClient(http, version="2.16", base_url_for=lambda _: sandbox.url)


@pytest.fixture
async def reader(database_url: str, sandbox: Sandbox):
    async with in_step(database_url, sandbox) as running, make_session(2) as http:
        await deliver(running, sandbox)
        yield Reader(running, client_of(sandbox, http))


def held(sandbox: Sandbox):
    """What the sandbox holds of its only workspace's events, to be tampered with."""
    (workspace,) = sandbox._state.workspaces.values()
    return workspace.events._by_contact


async def test_what_was_delivered_is_there_and_what_was_tampered_with_is_found(reader: Reader, sandbox: Sandbox):
    well = await reader.verify()
    assert (well.asked, well.checked, well.as_sent, well.differences) == (COUNT, COUNT, COUNT, [])
    assert (await reader.verify(grace_ms=3_600_000)).asked == 0

    import msgspec

    lost, doubled, altered = list(held(sandbox))[:3]
    by_contact = held(sandbox)
    emails = {where: by_contact[where][0].email for where in (lost, doubled, altered)}
    by_contact[lost].clear()
    original = by_contact[doubled][0]
    by_contact[doubled].append(msgspec.structs.replace(original, number=900, created_at=original.created_at + 1))
    changed = by_contact[altered][0]
    by_contact[altered][0] = msgspec.structs.replace(
        changed, metadata={**changed.metadata, "price": {"amount": 1, "currency": "usd"}}
    )
    found = await reader.verify()
    deliveries = {each.id.hex(): {one.value for one in each.contact} for each in await reader.running.deliveries()}
    who = {what: emails[where] for what, where in zip(What, (lost, doubled, altered), strict=True)}
    assert {each.what: each.delivery for each in found.differences}.keys() == set(What)
    for each in found.differences:
        assert who[each.what] in deliveries[each.delivery]
    assert found.as_sent == COUNT - 3


async def test_a_contact_with_many_events_is_read_page_by_page(reader: Reader, sandbox: Sandbox):
    import msgspec

    contact = next(iter(held(sandbox)))
    original = held(sandbox)[contact][0]
    later = [
        msgspec.structs.replace(
            original, number=1000 + number, name="of-others", created_at=original.created_at + number
        )
        for number in range(1, 35)
    ]
    held(sandbox)[contact] += later
    before = len(sandbox.calls(path="/events"))
    assert (await reader.verify()).differences == []
    assert len(sandbox.calls(path="/events")) - before == COUNT + 3


async def test_a_contact_that_is_gone_is_no_difference(reader: Reader, sandbox: Sandbox):
    (workspace,) = sandbox._state.workspaces.values()
    workspace.contacts.delete(next(iter(held(sandbox))))
    found = await reader.verify()
    assert (found.checked, found.unchecked, found.differences) == (COUNT - 1, 1, [])


async def test_without_the_permission_it_says_which_one_is_missing(reader: Reader, sandbox: Sandbox):
    sandbox.configure(scopes=frozenset(Scope) - {Scope.READ_EVENTS})
    with pytest.raises(Trouble) as trouble:
        await reader.verify()
    assert "Read events" in trouble.value.why


async def test_a_daily_sample_keeps_a_figure_and_an_alert(reader: Reader, sandbox: Sandbox):
    database, told = reader.running.service.database, []
    later = wall() + 3_600_000
    proving = Proving(database, reader.running.service.directory, reader.client, told.append, 100, lambda: later)
    await proving.turn()
    await proving.turn()  # once a day
    assert [(each.outcome, each.checked, each.found) for each in told] == [("as_sent", COUNT, COUNT)]
    lost = next(iter(held(sandbox)))
    gone, held(sandbox)[lost] = held(sandbox)[lost], []
    await proving.prove(reader.workspace)
    assert [each.kind for each in await database.read(alerts.open_alerts)] == [DIFFERS]
    assert (await database.read(proved)).share == (COUNT - 1) / COUNT
    held(sandbox)[lost] = gone
    await proving.prove(reader.workspace)
    assert await database.read(alerts.open_alerts) == []
    assert (await database.read(proved)).share == 1.0


async def test_where_reading_is_not_allowed_there_is_no_alert(reader: Reader, sandbox: Sandbox):
    sandbox.configure(scopes=frozenset(Scope) - {Scope.READ_EVENTS})
    database, told = reader.running.service.database, []
    later = wall() + 3_600_000
    proving = Proving(database, reader.running.service.directory, reader.client, told.append, 100, lambda: later)
    await proving.prove(reader.workspace)
    assert [each.outcome for each in told] == ["stopped"]
    assert await database.read(alerts.open_alerts) == []

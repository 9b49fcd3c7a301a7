"""Whom of the last customers Intercom knows: asked of a real sandbox, within the budget, remembered; both databases."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest
from aiohttp import ClientSession

from connector.database.tables import lanes, matches
from connector.intercom.client import IntercomClient, make_session
from connector.outbox import matching, report
from connector.outbox.delivery import State
from connector.outbox.report import Match, Person, Report
from connector.sandbox import Sandbox, SandboxSettings, WorkspaceSettings
from connector.workspaces.modes import Mode
from tests.outbox.world import World, customer, email, event, user

TOKEN = "token-of-the-sandbox"
PEOPLE: list[Person] = [(user("nobody"), email("ada@example.com")), (user("nobody"),), (email("ADA@example.com"),), ()]


async def ask(world: World, people: list[Person], *, token: str | None = TOKEN) -> Match:
    workspace = replace(world.workspace(), token=token)
    async with Sandbox(SandboxSettings(workspaces=(WorkspaceSettings(token=TOKEN),))) as sandbox:
        await _know(sandbox.url, "ada@example.com")
        async with make_session(4) as http:
            client = IntercomClient(http, version="2.16", base_url_for=lambda _: sandbox.url)
            return await matching.match(world.database, client, workspace, people)


async def _know(url: str, address: str) -> None:
    async with (
        ClientSession() as http,
        http.post(f"{url}/sandbox/contacts", json={"contacts": [{"email": address}]}) as answer,
    ):
        assert answer.status == 200, await answer.text()


async def test_each_is_found_by_the_first_identifier_that_intercom_knows(world: World):
    found = await ask(world, PEOPLE)
    assert (found.people, found.matched, dict(found.by)) == (4, 2, {"email": 2})
    assert (found.unmatched, found.nameless, found.unasked, found.why_not) == (1, 1, 0, None)
    assert found.rate == 0.5
    (lane,) = await world.rows(lanes)
    assert lane["remaining"] is not None, "the workspace's budget has learnt from the answers"


async def test_what_intercom_said_is_remembered(world: World):
    await ask(world, PEOPLE)
    assert len(await world.rows(matches)) == 3
    again = await ask(world, PEOPLE, token=None)
    assert (again.matched, again.unasked, again.why_not) == (2, 0, None)


@pytest.mark.parametrize(("token", "why"), [(None, "no access token"), ("wrong", "refuses the workspace's token")])
async def test_what_could_not_be_asked_is_said(world: World, token: str | None, why: str):
    found = await ask(world, PEOPLE, token=token)
    assert (found.matched, found.unasked) == (0, 3)
    assert why in (found.why_not or "")
    assert found.rate == 0.0


async def test_the_last_distinct_customers_are_looked_at(world: World):
    for number in range(3):
        await world.due(user("ada"), at=world.now // 1000 - number)
    world.now += 1000
    await world.due(user("bob"), email("bob@example.com"))
    await world.due(customer("cus_9"))
    people = await world.database.read(report.people, 1)
    assert set(people) == {(user("bob"), email("bob@example.com")), (user("ada"),), ()}
    assert len(await world.database.read(report.people, 1, limit=2)) == 2


@pytest.mark.parametrize("how", [report.read, report.at_a_glance], ids=["read", "at_a_glance"])
async def test_the_report_counts_by_name_and_day(world: World, how: Callable[..., Report]):
    await world.due()
    await world.map(event(user("bob"), name="opened-dispute", mapping_id="m"))
    await world.due(customer())
    found = await world.database.read(how, 1, Mode.LIVE, now=world.now)
    assert [(each.name, each.total, each.per_day[-1]) for each in found.volumes] == [
        ("paid-invoice", 2, 2),
        ("opened-dispute", 1, 1),
    ]
    assert {(each.state, each.reason, each.count) for each in found.standings} == {
        (State.DUE, None, 2),
        (State.WAITING, "contact_unknown", 1),
    }


async def test_at_a_glance_only_the_newest_of_each_state_are_counted(world: World, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(report, "NEWEST", 2)
    for number in range(3):
        await world.due(user("ada"), at=world.now // 1000 - number)
    await world.due(customer())
    found = await world.database.read(report.at_a_glance, 1, Mode.LIVE, now=world.now)
    assert [each.total for each in found.volumes] == [3]  # two that are due, and the one that waits
    assert {(each.state, each.count) for each in found.standings} == {(State.DUE, 3), (State.WAITING, 1)}


def test_a_summary_of_nothing_is_empty():
    found = report.summary(Mode.WATCHING, [], [], now=10 * report.DAY_MS)
    assert (found.days, found.volumes, found.standings) == (tuple(range(4, 11)), (), ())
    assert Match(0, 0).rate is None

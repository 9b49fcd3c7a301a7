"""Old history goes to Intercom in counts, each event once, however often it is killed and whatever is not answered."""

from __future__ import annotations

import asyncio
import json
import os
import random
import signal
import subprocess
import sys
from collections import Counter
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from connector.database.clock import wall
from connector.events import Identifier, IdentifierKind
from connector.intercom.client import IntercomClient, make_session
from connector.intercom.listed_events import EventCount, event_counts
from connector.outbox import replay, summaries
from connector.outbox.delivery import State
from connector.outbox.replay import NotReplayed
from connector.outbox.restored import take_over
from connector.people.forgetting import forget
from connector.sandbox import Sandbox
from connector.sandbox.settings import Scope
from connector.sync import backfills
from connector.sync.backfill import FileHistory, Runner
from connector.sync.backfills import Backfill, Request
from connector.sync.proof import GRACE_MS, Proof, prove
from connector.sync.summarise import SummariesStopped, Summariser
from connector.workspaces import store
from connector.workspaces.endpoints import Endpoint
from connector.workspaces.keys import load_vault
from tests.journeys.conftest import eventually
from tests.sync.conftest import DAY, ENCRYPTION_KEY, NOW, InStep, in_step
from tests.sync.test_backfill import message, segment_endpoint

OLD = NOW - 200 * DAY


def order(number: int, *, user: str = "ada", at: int = OLD, **more: Any) -> dict[str, Any]:
    """An order `number` seconds after `at`."""
    told = datetime.fromtimestamp(at + number, UTC).isoformat()
    return message(number, **{"userId": user, "timestamp": told, **more})


@pytest.fixture
def archive(tmp_path: Path) -> Path:
    return tmp_path / "archive.jsonl"


def write(archive: Path, *messages: dict[str, Any]) -> None:
    archive.write_text("\n".join(map(json.dumps, messages)))


class Counting:
    """A backfill with summaries, as the command does it, and what Intercom counts."""

    def __init__(self, running: InStep, endpoint: Endpoint, archive: Path) -> None:
        self.running, self.endpoint = running, endpoint
        self.database, self.sandbox = running.service.database, running.sandbox
        self.request = Request(endpoint.workspace_id, endpoint.id, "file", 0, None, path=str(archive), summaries=True)
        self.sent: Summariser | None = None

    async def run(self, **how: Any) -> Backfill:
        """To its end."""
        begun = await self.database.transact(backfills.begin, self.request, now=wall())
        async with make_session(2) as http:
            workspace = await self.database.read(
                store.get, load_vault(self.running.service.settings), self.endpoint.workspace_id
            )
            client = IntercomClient(http, version="2.14", base_url_for=lambda _: self.sandbox.url)
            self.sent = Summariser(self.database, client, workspace, self.request, wall, **how)
            runner = Runner(self.database, self.endpoint, replace(begun, request=self.request), summarise=self.sent.run)
            ended = await runner.run(FileHistory(self.request).portions(begun.cursor))
        assert isinstance(ended, Backfill)
        return ended

    async def counts(self, user: str = "ada") -> dict[str, EventCount]:
        """What Intercom counts of somebody, by name."""
        async with make_session(1) as http:
            client = IntercomClient(http, version="2.14", base_url_for=lambda _: self.sandbox.url)
            who = Identifier(IdentifierKind.USER_ID, user)
            answer = await client.list_events("us", self.sandbox.token, who, summary=True)
        return {each.name: each for each in event_counts(answer) or ()}

    async def states(self) -> Counter[tuple[str, str | None]]:
        """How many deliveries stand where."""
        return Counter((each.state.value, each.reason) for each in await self.running.deliveries())

    async def map(self) -> None:
        """Take in what there is and have it mapped, without a count sent."""
        begun = await self.database.transact(backfills.begin, self.request, now=wall())

        async def nothing() -> None:
            pass

        runner = Runner(self.database, self.endpoint, replace(begun, request=self.request), summarise=nothing)
        await runner.run(FileHistory(self.request).portions(None))

    async def made(self) -> summaries.Summary:
        """The first count, written down and not sent."""
        (group,) = await self.database.read(summaries.groups, self.endpoint.workspace_id)
        made = await self.database.transact(summaries.make, group, "ada", now=wall())
        assert isinstance(made, summaries.Summary)
        return made


async def counting(running: InStep, archive: Path) -> Counting:
    running.sandbox.add_contact(external_id="ada", email="ada@example.com")
    return Counting(running, await segment_endpoint(running), archive)


async def test_what_is_old_is_counted_and_what_is_not_is_sent_and_each_once(database_url, sandbox, archive):
    recent = [order(100 + number, at=NOW - 10 * DAY) for number in range(3)]
    write(archive, *(order(number) for number in range(5)), *recent)
    async with in_step(database_url, sandbox, reconcile_seconds=0) as running:
        it = await counting(running, archive)
        ended = await it.run()
        assert (ended.new, ended.summaries, ended.summarised) == (8, 1, 5)

        async def all_told() -> bool:
            return (await it.counts())["completed-order"].count == 8

        await eventually(all_told)
        assert (await it.counts())["completed-order"].first == OLD
        assert len(sandbox.events()) == 3
        again = await it.run()
        assert (again.new, again.summaries) == (0, 0)
        assert (await it.counts())["completed-order"].count == 8
        assert await it.states() == {("delivered", None): 8}


async def test_what_a_webhook_has_told_is_not_counted_again(sqlite_url, sandbox, archive):
    write(archive, order(1), order(2))
    async with in_step(sqlite_url, sandbox, reconcile_seconds=0, max_age=0) as running:
        it = await counting(running, archive)
        request = replace(it.request, summaries=False)
        begun = await it.database.transact(backfills.begin, request, now=wall())
        await Runner(it.database, it.endpoint, replace(begun, request=request)).run(FileHistory(request).portions(None))

        async def told() -> bool:
            return len(sandbox.events()) == 2

        await eventually(told)
        write(archive, order(1), order(2), order(3))
        await it.run()
        assert (await it.counts())["completed-order"].count == 3
        assert len(sandbox.events()) == 2


async def test_somebody_known_by_address_is_counted_under_the_user_id_that_intercom_has(sqlite_url, sandbox, archive):
    properties = {"order_id": "1", "revenue": 1, "currency": "USD"}
    by_address = [
        order(number, userId=None, anonymousId="x", properties={**properties, "order_id": str(number), "email": who})
        for number, who in enumerate(("ada@example.com", "ada@example.com", "lead@example.com"))
    ]
    write(archive, *by_address)
    async with in_step(sqlite_url, sandbox, reconcile_seconds=0) as running:
        it = await counting(running, archive)
        sandbox.add_contact(email="lead@example.com")
        await it.run()
        assert (await it.counts())["completed-order"].count == 2
        assert await it.states() == {("delivered", None): 2, ("held", "summary_no_user"): 1}
        (lead,) = [each for each in await running.deliveries() if each.state is State.HELD]
        assert await it.database.transact(replay.release, lead.workspace_id, lead.id, now=wall())

        async def sent() -> bool:
            return [each.email for each in sandbox.events()] == ["lead@example.com"]

        await eventually(sent)


@pytest.mark.parametrize("kind", ["status_after", "reset_after"])
async def test_a_count_that_arrived_without_an_answer_is_known_by_intercoms_count(sqlite_url, sandbox, archive, kind):
    write(archive, *(order(number) for number in range(4)))
    async with in_step(sqlite_url, sandbox, reconcile_seconds=0) as running:
        it = await counting(running, archive)
        sandbox.fail(kind, path="/events/summaries")
        ended = await it.run()
        assert (ended.summaries, ended.summarised) == (1, 4)
        assert (await it.counts())["completed-order"].count == 4
        assert await it.states() == {("delivered", None): 4}


async def test_a_count_that_did_not_arrive_is_sent_again_only_when_it_would_be_seen_by_then(
    sqlite_url, sandbox, archive
):
    write(archive, *(order(number) for number in range(4)))
    async with in_step(sqlite_url, sandbox, reconcile_seconds=0) as running:
        it = await counting(running, archive)
        sandbox.fail("status", status=502, path="/events/summaries")
        await it.run()
        assert it.sent is not None
        assert it.sent.waits == 1
        assert "completed-order" not in await it.counts()
        assert await it.states() == {("held", "in_summary"): 4}
        await it.run()
        assert "completed-order" not in await it.counts()  # it might still appear
        await it.run(grace_ms=0)
        assert (await it.counts())["completed-order"].count == 4
        assert await it.states() == {("delivered", None): 4}


async def test_where_intercom_may_not_be_asked_a_count_without_an_answer_is_never_sent_again(
    sqlite_url, sandbox, archive
):
    write(archive, *(order(number) for number in range(4)))
    async with in_step(sqlite_url, sandbox, reconcile_seconds=0) as running:
        it = await counting(running, archive)
        sandbox.configure(scopes=frozenset(Scope) - {Scope.READ_EVENTS})
        sandbox.fail("reset_after", path="/events/summaries")
        await it.run()
        await it.run(grace_ms=0)
        assert await it.states() == {("held", "summary_in_doubt"): 4}
        sandbox.configure(scopes=frozenset(Scope))
        assert (await it.counts())["completed-order"].count == 4


async def test_an_intercom_in_trouble_is_left_alone_and_the_rest_goes_on_later(sqlite_url, sandbox, archive):
    people = [f"user{number}" for number in range(6)]
    write(archive, *(order(number, user=who) for number, who in enumerate(people)))
    async with in_step(sqlite_url, sandbox, reconcile_seconds=0) as running:
        it = await counting(running, archive)
        for who in people:
            sandbox.add_contact(external_id=who)
        sandbox.fail("status_after", status=503, path="/events/summaries", times=3)
        with pytest.raises(SummariesStopped, match="3 times in a row"):
            await it.run()
        await it.run()
        assert [(await it.counts(who))["completed-order"].count for who in people] == [1] * 6


async def test_a_paused_workspace_keeps_what_is_to_be_counted(sqlite_url, sandbox, archive):
    from connector.workspaces.modes import Mode

    write(archive, order(1))
    async with in_step(sqlite_url, sandbox, reconcile_seconds=0) as running:
        it = await counting(running, archive)
        await it.database.transact(store.set_mode, it.endpoint.workspace_id, Mode.PAUSED, reason="by_operator", now=2)
        with pytest.raises(SummariesStopped, match="paused"):
            await it.run()
        assert await it.states() == {("held", "for_summary"): 1}


@pytest.mark.parametrize("arrived", [True, False])
async def test_one_that_died_at_the_call_is_cleared_up_by_the_next(database_url, sandbox, archive, arrived):
    write(archive, *(order(number) for number in range(3)))
    async with in_step(database_url, sandbox, reconcile_seconds=0) as running:
        it = await counting(running, archive)
        await it.map()
        made = await it.made()
        nothing_yet = EventCount(made.name, 0, 0, 0)
        assert await it.database.transact(summaries.trying, made, nothing_yet, now=wall())
        if arrived:
            async with make_session(1) as http:
                client = IntercomClient(http, version="2.14", base_url_for=lambda _: sandbox.url)
                told = {"event_name": made.name, "count": made.count, "first": made.first, "last": made.last}
                await client.submit_summary("us", sandbox.token, told, made.user_id)
        await it.run(grace_ms=0)
        assert (await it.counts())["completed-order"].count == 3
        assert await it.states() == {("delivered", None): 3}


async def test_what_is_on_its_way_in_a_count_is_nobodys_to_send_or_give_up(database_url, sandbox, archive):
    write(archive, order(1))
    async with in_step(database_url, sandbox, reconcile_seconds=0) as running:
        it = await counting(running, archive)
        await it.map()
        made = await it.made()
        here = (made.workspace_id, made.deliveries[0])
        assert not await it.database.transact(replay.release, *here, now=wall())
        assert not await it.database.transact(replay.discard, *here, now=wall())
        refused = await it.database.transact(replay.replay, *here, now=wall())
        assert isinstance(refused, NotReplayed)
        assert "a count" in refused.why
        await it.run()
        assert (await it.counts())["completed-order"].count == 1


async def test_two_who_count_the_same_people_at_once_share_it_out(database_url, sandbox, archive):
    write(archive, *(order(number) for number in range(30)))
    async with in_step(database_url, sandbox, reconcile_seconds=0) as running:
        it = await counting(running, archive)
        await it.map()
        (group,) = await it.database.read(summaries.groups, it.endpoint.workspace_id)
        make = (it.database.transact(summaries.make, group, "ada", now=wall()) for _ in range(4))
        made = [each for each in await asyncio.gather(*make) if isinstance(each, summaries.Summary)]
        assert sum(each.count for each in made) == 30
        assert len({key for each in made for key in each.deliveries}) == 30


async def test_a_released_one_goes_out_as_an_event_and_in_no_count(sqlite_url, sandbox, archive):
    write(archive, order(1), order(2))
    async with in_step(sqlite_url, sandbox, reconcile_seconds=0) as running:
        it = await counting(running, archive)
        await it.map()
        first = (await running.deliveries())[0]
        assert await it.database.transact(replay.release, first.workspace_id, first.id, now=wall())

        async def sent() -> bool:
            return len(sandbox.events()) == 1

        await eventually(sent)
        await it.run()
        assert (await it.counts())["completed-order"].count == 2


async def test_a_person_who_is_deleted_meanwhile_is_not_counted(sqlite_url, sandbox, archive):
    write(archive, order(1), order(2))
    async with in_step(sqlite_url, sandbox, reconcile_seconds=0) as running:
        it = await counting(running, archive)
        await it.map()
        made = await it.made()
        who = Identifier(IdentifierKind.USER_ID, "ada")
        await forget(it.database, made.workspace_id, who, actor="test")
        assert await it.database.read(summaries.page, made.workspace_id) == []
        await it.run()
        assert await it.counts() == {}


async def test_in_a_restored_database_what_was_to_be_counted_is_in_doubt(database_url, sandbox, archive):
    write(archive, order(1), order(2, event="Product Viewed"))
    async with in_step(database_url, sandbox, reconcile_seconds=0) as running:
        it = await counting(running, archive)
        await it.map()
        (first, *_) = await it.database.read(summaries.groups, it.endpoint.workspace_id)
        await it.database.transact(summaries.make, first, "ada", now=wall())
        await it.database.transact(take_over, now=wall(), pause=False, reason="test")
        assert await it.database.read(summaries.page, it.endpoint.workspace_id) == []
        assert set(await it.states()) == {("held", "summary_in_doubt")}
        await it.run()
        assert await it.counts() == {}


@pytest.mark.crash
async def test_a_killed_backfill_with_counts_counts_each_event_once(sqlite_url, sandbox, tmp_path):
    """The command in a process of its own, killed again and again, most of the time amid its calls to Intercom."""
    people, each_has = 60, 5
    path = tmp_path / "history.jsonl"
    write(path, *(order(number, user=f"user{number % people}") for number in range(people * each_has)))
    dice = random.Random(7)
    async with in_step(sqlite_url, sandbox, reconcile_seconds=0) as running:
        it = Counting(running, await segment_endpoint(running), path)
        for number in range(people):
            sandbox.add_contact(external_id=f"user{number}")
        sandbox.fail("slow", path="/events/summaries", delay=0.05, times=None)
        environment = os.environ | {
            "CONNECTOR_DATABASE_URL": sqlite_url,
            "CONNECTOR_ENCRYPTION_KEYS": ENCRYPTION_KEY,
            "CONNECTOR_INTERCOM_API_URL": sandbox.url,
        }
        options = ["--workspace", "sandbox", "--summaries", "--may-trigger-messages", "--json"]
        command = [sys.executable, "-m", "connector", "backfill", "file", str(path), *options]
        for kill in range(4):
            before = await counted(sandbox)
            process = await asyncio.to_thread(
                lambda: subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL)
            )

            async def some_more(before: int = before, more: int = dice.randrange(1, 12)) -> bool:
                await asyncio.sleep(0.01)
                return await counted(sandbox) >= before + more

            await eventually(some_more, within_s=60.0)
            assert process.poll() is None, f"it ended before it was killed for the {kill + 1}. time"
            process.send_signal(signal.SIGKILL)
            await asyncio.to_thread(process.wait)
        done = await asyncio.to_thread(
            lambda: subprocess.run(command, env=environment, capture_output=True, text=True, timeout=300)
        )
        if done.returncode:  # killed between its note and the call: that is asked for in ten minutes
            assert "may still appear" in done.stderr
            await it.run(grace_ms=0)
        counts = [(await it.counts(f"user{number}"))["completed-order"].count for number in range(people)]
        assert counts == [each_has] * people
        assert await it.states() == {("delivered", None): people * each_has}


async def counted(sandbox: Sandbox) -> int:
    """Calls of /events/summaries that took effect."""
    return sum(call.path == "/events/summaries" for call in sandbox.calls())


# ── proof ───────────────────────────────────────────────────────────────────────────────────────────────────────────

OF = {"count": 5, "first": 1_000, "others": 0, "age_ms": GRACE_MS}
NOTHING = EventCount("bought", 0, 0, 0)


def bought(count: int, first: int) -> EventCount:
    return EventCount("bought", count, first, 9_000)


@pytest.mark.parametrize(
    ("before", "after", "more", "proof"),
    [
        (NOTHING, bought(5, 1_000), {}, Proof.ARRIVED),
        (bought(3, 2_000), bought(8, 1_000), {}, Proof.ARRIVED),
        (bought(3, 2_000), bought(10, 1_000), {}, Proof.ARRIVED),  # and two of today
        (NOTHING, NOTHING, {}, Proof.NOT_ARRIVED),
        (NOTHING, NOTHING, {"age_ms": GRACE_MS - 1}, Proof.NOT_YET),
        (bought(3, 2_000), bought(7, 2_000), {}, Proof.NOT_ARRIVED),  # four of today
        (bought(3, 2_000), bought(9, 2_000), {}, Proof.NOT_ARRIVED),  # six of today
        (bought(3, 2_000), bought(9, 500), {}, Proof.UNKNOWN),  # somebody else's of still longer ago
        (bought(3, 500), bought(8, 500), {}, Proof.ARRIVED),
        (bought(3, 500), bought(8, 500), {"others": 1}, Proof.UNKNOWN),
        (bought(3, 500), bought(9, 500), {}, Proof.UNKNOWN),
        (bought(3, 500), bought(3, 500), {}, Proof.NOT_ARRIVED),
        (None, bought(5, 1_000), {}, Proof.UNKNOWN),
        (NOTHING, None, {}, Proof.UNKNOWN),
    ],
)
def test_what_the_counts_before_and_after_prove(before, after, more, proof):
    assert prove(before, after, **{**OF, **more}) is proof

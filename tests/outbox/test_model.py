"""The whole queue against a model that only knows what was promised: any order of events, crashes and operators.

Hypothesis plays: webhooks (repeated, told twice, for people of several names), claims, every answer of Intercom's,
answers that come late, leases that end, crashes before and after sending, contacts that appear, replays, discards,
pauses. After each step the promises of docs/delivery.md must hold. `SOAK=1` plays for much longer.
"""

from __future__ import annotations

import asyncio
import itertools
import json
import os
from collections.abc import Coroutine, Iterator
from dataclasses import dataclass, field
from typing import Any, TypeVar

import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test

from connector.database.engine import Database, open_database
from connector.database.migrate import migrate
from connector.database.tables import attempts, deliveries, lanes, queue, received_events, seconds, wanted, workspaces
from connector.events import Identifier, IdentifierKind, Key
from connector.inbox.store import ReceivedEvent
from connector.intercom.contact import Found
from connector.intercom.outcome import Answer
from connector.outbox import complete, replay, waiting
from connector.outbox import queue as queue_sql
from connector.outbox.claim import LEFT_TO_START_MS, Claimed
from connector.outbox.complete import Completion
from connector.outbox.delivery import AFTER, FINAL, State, name_key
from connector.outbox.replay import Replayed
from connector.outbox.retry import LADDER_MS
from connector.workspaces.modes import Mode
from tests.outbox import world as played
from tests.outbox.world import World, by_id, customer, email, event, found, leads, user

T = TypeVar("T")
SOAK = bool(os.environ.get("SOAK"))
MINUTES = max(1, int(float(os.environ.get("SOAK_MINUTES", "10"))))
PHASES = tuple(phase for phase in Phase if SOAK or phase is not Phase.shrink)
"""To make a failing game shorter takes minutes: `SOAK=1` does."""

ADA, ADAS_MAIL, BOB = user("ada"), email("ada@example.com"), user("bob")
CONTACTS: tuple[tuple[Identifier, ...], ...] = ((ADA,), (ADA, ADAS_MAIL), (ADAS_MAIL,), (customer("cus_ada"),), (BOB,))
NAMES = ("paid-invoice", "opened-dispute")
ALL_ANSWERS = {
    "accepted": played.ACCEPTED,
    "unavailable": played.UNAVAILABLE,
    "no answer": played.NO_ANSWER,
    "not connected": played.NOT_CONNECTED,
    "rate limited": played.RATE_LIMITED,
    "not found": played.NOT_FOUND,
    "several": played.SEVERAL,
    "refused": played.REFUSED,
    "unheard of": played.UNHEARD_OF,
}
ANSWERS = [*ALL_ANSWERS, "accepted", "not found", "not found", "no answer"]
"""What matters most comes most often."""
ALL_LOOKUPS: dict[str, Found | Answer] = {
    "nobody": found(),
    "one": found("intercom-1"),
    "two": found("intercom-1", "intercom-2"),
    "no look-up": played.UNAVAILABLE,
}
LOOKUPS = [*ALL_LOOKUPS, "nobody", "one"]
STEPS_MS = (1_000, 61_000, 61_000, LADDER_MS[1], LADDER_MS[3], LADDER_MS[4], 73 * 3_600_000)
ARRIVED = ("accepted", "unavailable", "no answer")
"""Answers after which Intercom may hold the event: any 4xx says that it does not."""


@dataclass(frozen=True)
class Hook:
    """A webhook as it is drawn. What came before under its key comes again as it was."""

    key: str
    contact: tuple[Identifier, ...]
    name: str
    ago: int
    once: str | None


HOOKS = st.builds(
    Hook,
    key=st.sampled_from(["one", "two", "three", "four", "five", "six"]),
    contact=st.sampled_from(CONTACTS),
    name=st.sampled_from(NAMES),
    ago=st.integers(0, 2),
    once=st.none() | st.sampled_from(["in_1", "in_2"]),
)


TRIES = st.lists(st.tuples(st.sampled_from(ANSWERS), st.sampled_from(LOOKUPS), st.booleans()), min_size=1, max_size=4)
WORK = st.tuples(st.just("work"), st.integers(1, 4), TRIES)
HAPPENS = st.sampled_from(["crash", "appears", "appears", "identified", "paused", "live", "live"])
WHO = st.sampled_from([(ADA,), (ADAS_MAIL,), (BOB,), (by_id("intercom-1"),)])
OPERATOR = st.tuples(st.just("operator"), st.integers(0, 99), st.sampled_from(["replay", "as new", "discard"]))
TIME = st.tuples(st.just("time"), st.sampled_from(STEPS_MS))
MOVES = st.one_of(
    WORK,
    WORK,
    WORK,
    TIME,
    TIME,
    st.tuples(st.just("webhook"), HOOKS),
    st.tuples(st.just("late"), st.integers(0, 9)),
    st.tuples(HAPPENS, WHO),
    OPERATOR,
)


@dataclass
class Told:
    """A source event that the model knows of, and what mapping makes of it."""

    received: ReceivedEvent
    contact: tuple[Identifier, ...]
    name: str
    at: int
    once: str | None


@dataclass
class Sent:
    """What went over the wire for a delivery, and whether it may have arrived."""

    body: bytes
    may_have_arrived: bool

    @property
    def identity(self) -> tuple[Key, Key, int]:
        said = json.loads(self.body)
        kind = next(kind for kind in IdentifierKind if kind.value in said)
        return Identifier(kind, said[kind.value]).key, name_key(said["event_name"]), said["created_at"]


@dataclass
class Model:
    """What was promised."""

    events: dict[str, Told] = field(default_factory=dict)
    facts: dict[tuple[str, str], str] = field(default_factory=dict)
    """(name, once) → the event that told it first."""
    sent: dict[Key, list[Sent]] = field(default_factory=dict)
    delivered: set[Key] = field(default_factory=set)
    tries: dict[Key, int] = field(default_factory=dict)
    states: dict[Key, str] = field(default_factory=dict)


class QueueMachine(RuleBasedStateMachine):
    """One workspace of its own for each game; the database is shared by all games."""

    database: Database
    runner: asyncio.Runner
    numbers: Iterator[int]

    def __init__(self) -> None:
        super().__init__()
        self.world = World(self.database, workspace_id=next(self.numbers))
        self.model = Model()
        self.out: list[tuple[Claimed, Completion | None]] = []
        """Claimed deliveries, and what came of them where they were tried: nothing is written down of those yet."""
        self.void: set[tuple[Key, Key]] = set()
        """(delivery, lease) of what an operator has discarded while it was out: a replay sends it as it was."""
        self.do(self.world.add_workspace())
        known = [leads(customer("cus_ada"), ADA), leads(customer("cus_ada"), ADAS_MAIL), leads(ADA, ADAS_MAIL)]
        self.do(self.world.map(evidence=known))
        self.steps = 0

    def do(self, work: Coroutine[Any, Any, T]) -> T:
        return self.runner.run(work)

    # ── what happens ────────────────────────────────────────────────────────────────────────────────────────────────
    # One rule for all moves: of several, Hypothesis plays most games with only some.

    @initialize(hooks=st.lists(HOOKS, min_size=2, max_size=5))
    def webhooks(self, hooks: list[Hook]) -> None:
        for hook in hooks:
            self.receive(hook)

    @rule(move=MOVES)
    def turn(self, move: tuple[Any, ...]) -> None:
        match move:
            case ("webhook", hook):
                self.receive(hook)
            case ("work", room, tries):
                self.work(room, tries)
            case ("late", which):
                self.write_down(which)
            case ("time", step):
                self.time_passes(step)
            case ("operator", which, how):
                self.operator(which, how)
            case (what, who):
                self.something_happens(what, who)

    def receive(self, hook: Hook) -> None:
        """A new event, or one that came before: then as it was."""
        if hook.key not in self.model.events:
            received = self.do(self.world.receive(hook.key))
            at = self.world.now // 1000 - hook.ago
            self.model.events[hook.key] = Told(received, hook.contact, hook.name, at, hook.once)
            if hook.once is not None:
                self.model.facts.setdefault((hook.name, hook.once), hook.key)
        else:
            self.do(self.world.receive(hook.key))
        self.map(hook.key)

    def map(self, key: str) -> None:
        told = self.model.events[key]
        made = event(*told.contact, name=told.name, mapping_id=told.name, at=told.at, once=told.once)
        (row,) = self.do(self.world.rows(received_events, key=told.received.key))
        if row["state"] == "received":
            self.do(self.world.map(made, received=told.received))

    def work(self, room: int, tries: list[tuple[str, str, bool]]) -> None:
        """Claim; try some of what is claimed, now or earlier; write some of that down."""
        self.claim(room)
        for answer, lookup, write in tries:
            self.send(answer, lookup)
            if write:
                self.write_down(-1)

    def claim(self, room: int) -> None:
        claimed = self.do(self.world.claim(room))
        leases = [each for each, _ in self.out if (each.delivery.id, each.lease_id) not in self.void]
        held = {each.delivery.id for each in leases if each.lease_until > self.world.now}
        for each in claimed:
            assert each.delivery.id not in held, "a delivery with a live lease was handed out again"
            assert each.delivery.state not in FINAL
            assert each.delivery.workspace_id == self.world.workspace_id
            self.out.append((each, None))

    def send(self, answer: str, lookup: str) -> None:
        """Try one that is claimed; nothing is written down yet."""
        number = next((number for number, (_, done) in enumerate(self.out) if done is None), None)
        if number is None:
            return
        claimed = self.out[number][0]
        if claimed.lease_until - self.world.now < LEFT_TO_START_MS:
            del self.out[number]  # too late to begin: the courier leaves it to the lease
            return
        self.world.intercom.answers.clear()
        self.world.intercom.contacts.clear()
        before = len(self.world.intercom.bodies)
        done = self.do(self.world.attempt(claimed, ALL_ANSWERS[answer], contacts=[ALL_LOOKUPS[lookup]]))
        for body in self.world.intercom.bodies[before:]:
            sent = Sent(body, answer in ARRIVED)
            self.model.sent.setdefault(claimed.delivery.id, []).append(sent)
        self.out[number] = (claimed, done)

    def write_down(self, which: int) -> None:
        """In time, or long after the lease has ended and somebody else has tried."""
        tried = [number for number, (_, done) in enumerate(self.out) if done is not None]
        if not tried:
            return
        claimed, done = self.out.pop(tried[which % len(tried)])
        assert done is not None
        self.do(self.world.do(complete.complete, [done]))
        if done.outcome.name == "delivered":
            self.model.delivered.add(claimed.delivery.id)

    def time_passes(self, step: int) -> None:
        self.world.now += step
        self.do(self.world.reopen_lane())

    def something_happens(self, what: str, who: tuple[Identifier, ...]) -> None:
        world = self.world
        match what:
            case "crash":  # with everything that was claimed, sent or not; a new process begins
                self.out.clear()
                self.do(world.do(queue_sql.free_all, now=world.now))
            case "appears":
                self.do(world.do(waiting.appeared, world.workspace_id, who, now=world.now))
            case "identified":
                self.do(world.do(waiting.hint, world.workspace_id, who, now=world.now))
            case mode:
                self.do(world.set_mode(Mode(mode)))

    def operator(self, which: int, how: str) -> None:
        if not (ids := sorted(self.model.states)):
            return
        world, chosen = self.world, ids[which % len(ids)]
        if how == "discard":
            self.do(world.do(replay.discard, world.workspace_id, chosen, now=world.now))
            self.void |= {(chosen, each.lease_id) for each, _ in self.out if each.delivery.id == chosen}
            return
        as_new = how == "as new"
        result = self.do(world.do(replay.replay, world.workspace_id, chosen, now=world.now, as_new=as_new))
        if isinstance(result, Replayed) and result.how == "translated_afresh":
            sent = self.model.sent.get(chosen, ())
            assert not any(each.may_have_arrived for each in sent), "Intercom may have it under another identity"
        for key in self.model.events:
            self.map(key)

    # ── what must hold ──────────────────────────────────────────────────────────────────────────────────────────────

    @invariant()
    def promises_are_kept(self) -> None:
        rows = {row["id"]: row for row in self.do(self.world.rows(deliveries))}
        queued = {row["delivery_id"]: row for row in self.do(self.world.rows(queue))}
        wants = {row["delivery_id"] for row in self.do(self.world.rows(wanted))}
        tries = self.do(self.world.rows(attempts))
        self._nothing_is_lost(rows)
        self._each_is_where_its_state_says(rows, queued, wants)
        self._states_follow_each_other(rows)
        self._tries_are_kept(rows, tries)
        self._what_intercom_has_is_final(rows)
        self._identities_are_frozen(rows)
        self._no_two_share_a_second(rows)
        self._the_lane_knows_its_earliest(queued)

    def _nothing_is_lost(self, rows: dict[Key, dict[str, Any]]) -> None:
        """Each event has its delivery, or another event that told its fact first has."""
        of_events = {(row["received_key"], row["generation"]) for row in rows.values()}
        for told in self.model.events.values():
            first = self.model.events[self.model.facts[told.name, told.once]] if told.once is not None else told
            assert (
                (told.received.key, 0) in of_events
                or (first.received.key, 0) in of_events
                or any(row["name"] == told.name and row["once_key"] is not None for row in rows.values() if told.once)
            )
        for name, once in self.model.facts:
            tellers = {
                each.received.key for each in self.model.events.values() if (each.name, each.once) == (name, once)
            }
            made = [row for row in rows.values() if row["received_key"] in tellers and row["generation"] == 0]
            assert len(made) == 1, "one fact, told by several events, is one delivery"

    def _each_is_where_its_state_says(
        self, rows: dict[Key, dict[str, Any]], queued: dict[Key, dict[str, Any]], wants: set[Key]
    ) -> None:
        assert queued.keys() <= rows.keys()
        assert wants <= rows.keys()
        for key, row in rows.items():
            state = State(row["state"])
            if state in FINAL or state in (State.WAITING, State.HELD):
                assert key not in queued, f"{state} and still queued"
            if state in FINAL:
                assert key not in wants, f"{state} and still wanted"
            if state is State.DUE:
                assert key in queued, "due and in no queue: it would never be tried"
            if state is State.PARKED:
                assert key in wants, "parked and not to be woken"
            if state is State.WAITING:
                assert key in wants

    def _states_follow_each_other(self, rows: dict[Key, dict[str, Any]]) -> None:
        for key, row in rows.items():
            before, now = self.model.states.get(key), State(row["state"])
            if before is not None and before != now:
                reachable = _reachable(State(before))
                assert now in reachable, f"{before} → {now}"
        self.model.states = {key: row["state"] for key, row in rows.items()}

    def _tries_are_kept(self, rows: dict[Key, dict[str, Any]], tries: list[dict[str, Any]]) -> None:
        counts: dict[Key, list[int]] = {}
        for each in tries:
            counts.setdefault(each["delivery_id"], []).append(each["number"])
        for key, numbers in counts.items():
            assert len(numbers) == len(set(numbers))
            assert len(numbers) >= self.model.tries.get(key, 0), "a try that was recorded is gone"
            self.model.tries[key] = len(numbers)

    def _what_intercom_has_is_final(self, rows: dict[Key, dict[str, Any]]) -> None:
        for key in self.model.delivered:
            assert rows[key]["state"] == State.DELIVERED, "Intercom has it, and we do not say so"
        for key, row in rows.items():
            if row["state"] == State.DELIVERED:
                assert any(sent.may_have_arrived for sent in self.model.sent[key])

    def _identities_are_frozen(self, rows: dict[Key, dict[str, Any]]) -> None:
        """Once a try may have arrived and that is written down, nothing else goes out for it."""
        for key, sent in self.model.sent.items():
            arrived = [each.identity for each in sent if each.may_have_arrived]
            if arrived and key in rows:
                assert len(set(arrived)) == 1, "one delivery under two identities: Intercom would show two events"

    def _no_two_share_a_second(self, rows: dict[Key, dict[str, Any]]) -> None:
        held: dict[tuple[Key, Key, int], Key] = {}
        for key, sent in self.model.sent.items():
            for each in sent:
                if each.may_have_arrived:
                    assert held.setdefault(each.identity, key) == key, "Intercom would take two events for one"
        for row in self.do(self.world.rows(seconds)):
            assert row["delivery_id"] in rows, "a second is held for nothing"

    def _the_lane_knows_its_earliest(self, queued: dict[Key, dict[str, Any]]) -> None:
        """A lane that believes it has nothing to do, or later than it has, would leave work lying."""
        for lane in self.do(self.world.rows(lanes)):
            if queued:
                earliest = min(row["due"] for row in queued.values())
                assert lane["next_due"] is not None
                assert lane["next_due"] <= max(earliest, self.world.now + queue_sql.LEASE_MS)

    def teardown(self) -> None:
        statement = sa.update(workspaces).where(workspaces.c.id == self.world.workspace_id).values(mode="removed")
        self.do(self.world.do(lambda connection: connection.execute(statement)))


def _reachable(state: State) -> set[State]:
    """The states that one step of the game can lead to: a wake and a replay go over `due` at once."""
    direct = set(AFTER[state])
    return direct | {further for each in direct for further in AFTER[each]} | {State.WAITING, State.DUE, State.HELD}


@pytest.mark.parametrize(
    ("kind", "games"), [("sqlite", 20 * MINUTES if SOAK else 30), ("postgres", 4 * MINUTES if SOAK else 6)]
)
def test_the_queue_keeps_its_promises_in_any_order_of_events(
    request: pytest.FixtureRequest, kind: str, games: int
) -> None:
    url = str(request.getfixturevalue(f"{kind}_url"))
    with asyncio.Runner() as runner:
        database = runner.run(open_database(url, owner=True))
        runner.run(migrate(database))
        machine = type(
            "Machine", (QueueMachine,), {"database": database, "runner": runner, "numbers": itertools.count(1)}
        )
        try:
            run_state_machine_as_test(
                machine,
                settings=settings(
                    max_examples=games,
                    stateful_step_count=80 if SOAK else 40,
                    deadline=None,
                    phases=PHASES,
                    print_blob=True,
                    suppress_health_check=list(HealthCheck),
                ),
            )
        finally:
            runner.run(database.close())

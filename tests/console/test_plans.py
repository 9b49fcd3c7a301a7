"""How the databases find what the console's pages show: along an index, never through a table. Both are asked."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy.ext.compiler import compiles

from connector.database.engine import Database
from connector.database.rows import insert_new
from connector.database.tables import attempts, deliveries, received_events
from connector.events import ReceivedState
from connector.inbox import browse as inbox
from connector.outbox import browse, hours, report, selection
from connector.outbox.delivery import State
from connector.outbox.selection import Selection
from connector.workspaces.modes import Mode

NOW = 1_763_687_761_000
MANY = 20_000
STEP_MS = 10_000
"""So that they lie in some fifty hours."""
STATES = ("delivered",) * 17 + ("dead", "parked", "due")


def delivery_row(number: int) -> dict[str, Any]:
    state = STATES[number % 20]
    return {
        "workspace_id": 1 + number // 20 % 2,
        "id": b"d" * 8 + number.to_bytes(8),
        "received_key": b"r" * 8 + number.to_bytes(8),
        "mapping_id": "stripe:paid-invoice",
        "mapping_digest": "x",
        "generation": 0,
        "once_key": None,
        "name": "rare-event" if number == 10 else "paid-invoice",
        "created_at": NOW // 1000,
        "contact": "[]",
        "identifier_kind": "email",
        "identifier_value": "a@x.io",
        "metadata": "{}",
        "notes": "[]",
        "state": state,
        "reason": {"dead": "refused", "parked": "no_contact"}.get(state),
        "mapped_at": NOW + number * STEP_MS,
        "updated_at": NOW + number * STEP_MS,
        "delivered_at": NOW + number * STEP_MS,
    }


def event_row(number: int) -> dict[str, Any]:
    return {
        "workspace_id": 1 + number // 20 % 2,
        "key": b"r" * 8 + number.to_bytes(8),
        "endpoint_id": 1,
        "source": "stripe",
        "external_key": f"evt_{number}",
        "type": "invoice.paid",
        "livemode": True,
        "api_version": None,
        "trust": "signed",
        "occurred_at": None,
        "received_at": NOW + number * STEP_MS,
        "state": "failed" if number % 40 == 1 else "mapped",
        "reason": None,
        "priority": 0,
    }


def attempt_row(number: int) -> dict[str, Any]:
    failed = STATES[number % 20] in ("dead", "parked")
    return {
        "workspace_id": 1 + number // 20 % 2,
        "delivery_id": b"d" * 8 + number.to_bytes(8),
        "number": 1,
        "started_at": NOW + number * STEP_MS,
        "duration_ms": 12,
        "status": 422 if failed else 202,
        "outcome": "refused" if failed else "delivered",
        "error_code": None,
        "words": None,
        "request_id": None,
        "identifier_kind": "email",
        "ambiguous": False,
        "late": False,
        "manual": False,
    }


def fill(connection: sa.Connection) -> None:
    for start in range(0, MANY, 2_000):
        numbers = range(start, start + 2_000)
        insert_new(connection, deliveries, [delivery_row(number) for number in numbers])
        insert_new(connection, received_events, [event_row(number) for number in numbers])
        insert_new(connection, attempts, [attempt_row(number) for number in numbers])
    connection.execute(sa.text("ANALYZE"))


@pytest.fixture
async def filled(database: Database, monkeypatch: pytest.MonkeyPatch) -> Database:
    """Windows are as small against these rows as the real ones are against millions."""
    monkeypatch.setattr(browse, "WINDOW", 100)
    monkeypatch.setattr(browse, "MOST_OF_ONE", 50)
    monkeypatch.setattr(browse, "COUNTED", 100)
    monkeypatch.setattr(inbox, "WINDOW", 100)
    await database.transact(fill)
    return database


def plans_of(connection: sa.Connection, work: Any, *args: Any, **kwargs: Any) -> list[str]:
    """The plan of every statement that `work` runs."""
    statements: list[Any] = []

    def before(_connection: Any, clause: Any, *_rest: Any) -> None:
        statements.append(clause)

    sa.event.listen(connection, "before_execute", before)
    work(connection, *args, **kwargs)
    sa.event.remove(connection, "before_execute", before)
    return [_plan(connection, each) for each in statements]


class Explain(sa.Executable, sa.ClauseElement):
    """EXPLAIN of a statement, with its parameters."""

    inherit_cache = False

    def __init__(self, statement: Any) -> None:
        self.statement = statement


@compiles(Explain)
def _explained(element: Explain, compiler: Any, **more: Any) -> str:
    word = "EXPLAIN QUERY PLAN" if compiler.dialect.name == "sqlite" else "EXPLAIN"
    return f"{word} {compiler.process(element.statement, **more)}"


def _plan(connection: sa.Connection, statement: Any) -> str:
    return "\n".join(str(row[-1]) for row in connection.execute(Explain(statement)))


def scans(plan: str) -> list[str]:
    """The steps that read a whole table of ours."""
    tables = ("deliveries", "received_events", "attempts", "seconds", "wanted")
    found = []
    for line in plan.splitlines():
        step = line.strip().removeprefix("->").strip()
        if step.startswith("SCAN") and any(f"SCAN {table}" in step for table in tables) and "INDEX" not in step:
            found.append(step)
        if step.startswith("SCAN") and any(f"SCAN {table} USING" in step for table in tables):
            found.append(step)  # the whole of an index is as much
        if "Seq Scan" in step and any(f"Seq Scan on {table}" in step for table in tables):
            found.append(step)
    return found


BEFORE = (NOW + 15_000 * STEP_MS, b"d" * 16)
ALL = Selection(1)
LISTS = {
    "all": ALL,
    "state": replace(ALL, states=(State.DEAD,)),
    "delivered": replace(ALL, states=(State.DELIVERED,)),
    "reason": replace(ALL, reasons=("refused",)),
    "state and reason": replace(ALL, states=(State.DEAD,), reasons=("refused",)),
    "name": replace(ALL, name="rare-event"),
    "type": replace(ALL, received_type="invoice.paid"),
    "status": replace(ALL, status=422),
    "no answer": replace(ALL, status=0),
    "time": replace(ALL, since=NOW, until=NOW + 5_000 * STEP_MS),
}


LISTED = (ALL, LISTS["state"], LISTS["name"], replace(ALL, name="paid-invoice"))


async def test_no_page_of_deliveries_reads_a_table(filled: Database):
    for name, wanted in LISTS.items():
        for before in (None, BEFORE):
            for plan in await filled.read(plans_of, browse.browse, wanted, before=before, limit=50):
                assert scans(plan) == [], (name, before, plan)


EVENTS = {
    "all": inbox.Wanted(1),
    "failed": inbox.Wanted(1, state=ReceivedState.FAILED),
    "mapped": inbox.Wanted(1, state=ReceivedState.MAPPED),
    "type": inbox.Wanted(1, type="invoice.paid"),
    "source": inbox.Wanted(1, source="segment", since=NOW),
}


async def test_no_page_of_events_reads_a_table(filled: Database):
    for name, wanted in EVENTS.items():
        for plan in await filled.read(plans_of, inbox.browse, wanted, before=None, limit=50):
            assert scans(plan) == [], (name, plan)


async def test_neither_counts_nor_groups_nor_ids_read_a_table(filled: Database):
    work: list[tuple[Any, ...]] = [
        (browse.groups, 1, (State.DEAD, State.PARKED)),
        (browse.with_prefix, 1, b"d" * 8 + b"\0" * 6),
        (inbox.with_prefix, 1, b"r" * 8 + b"\0" * 6),
        (browse.failed_with, 1, 422),
        (partial(browse.count_up_to, most=100), 1, State.DELIVERED),
        (hours.count, 1, NOW // hours.HOUR_MS + 20),
        (partial(report.at_a_glance, now=NOW + MANY * STEP_MS), 1, Mode.LIVE),
        (partial(selection.count, wanted_ones=LISTS["state and reason"]),),
        (partial(selection.count_by_name, wanted_ones=LISTS["state"], most=100),),
    ]
    for what, *args in work:
        for plan in await filled.read(plans_of, what, *args):
            assert scans(plan) == [], (what, plan)


async def test_pages_go_through_everything_once_whatever_is_sifted(filled: Database, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(browse, "WINDOW", 700)
    for wanted in LISTED:
        seen, before, pages = [], None, 0
        while True:
            found = await filled.read(browse.browse, wanted, before=before, limit=500)
            seen += [each.id for each in found.items]
            pages += 1
            before = found.next
            if before is None:
                break

        def expected(connection: sa.Connection, wanted: Selection = wanted) -> list[bytes]:
            from connector.outbox.selection import conditions

            return list(connection.scalars(sa.select(deliveries.c.id).where(*conditions(wanted))))

        everything = await filled.read(expected)
        assert len(seen) == len(set(seen))
        assert set(seen) == set(everything)
        assert pages > 1 or len(everything) <= 500

"""How the databases find work: along an index, however many rows a noisy workspace has. Both databases are asked."""

from __future__ import annotations

import re

import pytest
import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite

from connector.database.engine import Database
from connector.database.rows import insert_new
from connector.database.tables import bodies, lanes, queue, received_events
from connector.inbox import store
from connector.outbox import claim
from connector.outbox import lanes as lane_sql
from tests.outbox.world import NOW, World, user

NOISY = 20_000
"""Rows of one workspace: with these the plans are those for a million, which takes minutes to fill."""


def queue_row(workspace_id: int, number: int) -> dict[str, object]:
    return {
        "workspace_id": workspace_id,
        "delivery_id": workspace_id.to_bytes(8) + number.to_bytes(8),
        "priority": 0,
        "due": NOW + number,
        "lease_id": None,
        "number": 0,
        "claims": 0,
        "attempts": 0,
        "first_attempt_at": None,
        "stood_still": 0,
        "ambiguous": False,
        "lookups": 0,
        "unknowns": 0,
        "ladder": 0,
    }


def received_row(workspace_id: int, number: int) -> dict[str, object]:
    return {
        "workspace_id": workspace_id,
        "key": workspace_id.to_bytes(8) + number.to_bytes(8),
        "endpoint_id": 1,
        "source": "stripe",
        "external_key": f"evt_{number}",
        "type": "invoice.paid",
        "livemode": True,
        "api_version": None,
        "trust": "signed",
        "occurred_at": None,
        "received_at": NOW + number,
        "state": "mapped" if number % 4 else "received",
        "reason": None,
        "priority": number % 2,
    }


def fill(connection: sa.Connection) -> None:
    for workspace_id, count in ((1, NOISY), (2, 3), (3, 3)):
        for start in range(0, count, 2_000):
            numbers = range(start, min(count, start + 2_000))
            insert_new(connection, queue, [queue_row(workspace_id, number) for number in numbers])
            events = [received_row(workspace_id, number) for number in numbers]
            insert_new(connection, received_events, events)
            kept = ("workspace_id", "received_at", "key")
            insert_new(connection, bodies, [{name: row[name] for name in kept} | {"body": b"{}"} for row in events])
    for workspace_id in range(1, 400):
        insert_new(connection, lanes, [{"workspace_id": workspace_id, "next_due": NOW, "last_served_at": 0}])
    connection.execute(sa.text("ANALYZE"))


@pytest.fixture
async def noisy(world: World) -> Database:
    await world.do(fill)
    return world.database


def plan(connection: sa.Connection, statement: sa.Select, values: dict[str, object]) -> str:
    """What the database says it will do, one step a line."""
    if connection.dialect.name == "sqlite":
        compiled = statement.compile(dialect=sqlite.dialect(paramstyle="named"))
        rows = connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {compiled}", {**compiled.construct_params(values)})
        return "\n".join(row[3] for row in rows)
    compiled = statement.params(values).compile(dialect=postgresql.dialect(), compile_kwargs={"literal_binds": True})
    return "\n".join(row[0] for row in connection.exec_driver_sql(f"EXPLAIN {compiled}".replace("%%", "%")))


def index_only(steps: str, table: str, index: str) -> None:
    """`table` is read by `index`, and neither read whole nor sorted."""
    assert re.search(rf"\b{index}", steps), steps
    assert not re.search(rf"(Seq Scan on|SCAN) {table}\b(?! USING)", steps), steps
    assert not re.search(r"\bSort\b|TEMP B-TREE", steps), steps  # whatever is sorted has first been read


async def test_due_rows_are_one_walk_along_the_index_of_their_workspace(noisy: Database):
    values = {"the_workspace": 1, "of": 0, "now": NOW + NOISY, "most": 64}
    steps = await noisy.read(plan, claim._PICKS[True] if noisy.many_processes else claim._DUE, values)
    index_only(steps, "queue", "ix_queue_workspace_id")


async def test_a_claim_reads_what_it_claims_also_before_there_are_statistics(world: World):
    """A new database that gets a burst: PostgreSQL knows nothing yet of how many rows a workspace has."""
    if not world.database.many_processes:
        pytest.skip("only PostgreSQL plans by statistics")
    many, few = 600, 100
    for number in range(many):
        await world.due(user(f"user-{number}"))

    def read(connection: sa.Connection) -> int:
        query = "SELECT sum(coalesce(idx_tup_fetch, 0) + coalesce(seq_tup_read, 0)) FROM pg_stat_xact_user_tables"
        return int(connection.scalar(sa.text(query)) or 0)

    def claimed_and_read(connection: sa.Connection) -> tuple[int, int]:
        connection.execute(lanes.update().values(window_limit=1_000_000))
        before = read(connection)
        found = claim.claim(connection, holder=b"h" * 16, now=world.now, room=few)
        return len(found), read(connection) - before

    claimed, rows = await world.do(claimed_and_read)
    assert claimed == few
    assert rows < 6 * many  # and not so many for each


async def test_the_next_time_of_a_lane_is_one_look_into_the_index_for_each_priority(noisy: Database):
    steps = await noisy.read(plan, lane_sql._NEXT, {"the_workspace": 1, "not_before": 0})
    index_only(steps, "queue", "ix_queue_workspace_id")


async def test_events_to_map_are_one_walk_along_the_index_of_what_is_not_mapped(noisy: Database):
    steps = await noisy.read(plan, store._OLDEST, {"workspace": 1, "of": 0, "most": 100})
    index_only(steps, "received_events", "ix_received_events_to_map")


async def test_the_workspaces_that_have_events_to_map_are_found_without_reading_their_events(noisy: Database):
    steps = await noisy.read(plan, store._NEXT_WORKSPACES, {"after": 0})
    index_only(steps, "received_events", "ix_received_events_to_map")


async def test_every_workspace_with_events_to_map_is_found_once_and_in_order(noisy: Database):
    def found(connection: sa.Connection) -> list[tuple[int, int]]:
        return sorted(tuple(row) for row in connection.execute(store._NEXT_WORKSPACES, {"after": 0}))

    assert await noisy.read(found) == [(0, 1), (0, 2), (0, 3)]

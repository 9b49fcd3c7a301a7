"""Which types nobody maps: counted from the index alone, however much else there is."""

from __future__ import annotations

import sqlalchemy as sa
from sqlalchemy import Connection

from connector.database.engine import Database
from connector.database.tables import received_events
from connector.events import SourceEvent
from connector.inbox import coverage
from connector.inbox.arrivals import Arrival, insert
from connector.inbox.coverage import Unmapped


def arrival(number: int, kind: str, *, workspace: int = 1, source: str = "stripe") -> Arrival:
    return Arrival(
        workspace, 1, f"{source}:{workspace}", SourceEvent(source, f"{source}_{number}", kind, b"{}"), number
    )


def store_unmapped(connection: Connection, arrivals: list[Arrival]) -> None:
    insert(connection, [arrivals])
    connection.execute(sa.update(received_events).values(state="unmapped"))


async def test_unmapped_types_are_counted_the_most_frequent_first(database: Database):
    kinds = ["b.made", "a.made", "b.made", "z.made", "b.made", "a.made"]
    arrivals = [arrival(number, kind) for number, kind in enumerate(kinds)]
    arrivals += [arrival(7, "track Zebra Fed", source="segment"), arrival(8, "a.made", workspace=2)]
    await database.transact(store_unmapped, arrivals)
    await database.transact(insert, [[arrival(9, "mapped.yet")]])
    assert await database.read(coverage.unmapped, 1) == [
        Unmapped("stripe", "b.made", 3, 4),
        Unmapped("stripe", "a.made", 2, 5),
        Unmapped("segment", "track Zebra Fed", 1, 7),
        Unmapped("stripe", "z.made", 1, 3),
    ]
    assert await database.read(coverage.unmapped, 3) == []


async def test_what_came_before_is_not_counted(database: Database):
    await database.transact(
        store_unmapped, [arrival(n, kind) for n, kind in enumerate(["old.made", "new.made", "old.made"])]
    )
    assert await database.read(coverage.unmapped, 1, since=1) == [
        Unmapped("stripe", "new.made", 1, 1),
        Unmapped("stripe", "old.made", 1, 2),
    ]


async def test_the_newest_of_a_type_is_found(database: Database):
    arrivals = [arrival(n, kind) for n, kind in enumerate(["a.made", "a.made", "b.made"])]
    await database.transact(store_unmapped, arrivals)
    assert await database.read(coverage.newest, 1, "stripe", "a.made") == arrivals[1].key
    assert await database.read(coverage.newest, 1, "stripe", "c.made") is None


async def test_both_databases_take_it_from_the_index_and_read_no_row(database: Database):
    many = [arrival(n, f"type{n % 7}.made") for n in range(3000)]
    await database.transact(store_unmapped, many)
    await database.transact(insert, [[arrival(n, "other.made") for n in range(5000, 6000)]])
    plans = await database.transact(_plans)
    for plan in plans:
        assert "ix_received_events_unmapped" in plan
        assert "Seq Scan" not in plan  # PostgreSQL
        assert "SCAN received_events" not in plan  # SQLite
        assert "TEMP B-TREE" not in plan
    if not database.many_processes:
        assert ["COVERING" in plan for plan in plans] == [True, True, False]


def _plans(connection: Connection) -> list[str]:
    postgres = connection.dialect.name == "postgresql"
    if postgres:
        connection.execute(sa.text("ANALYZE received_events"))
    values = {"workspace": 1, "source": "stripe", "type": "type3.made", "since": 0}
    explain = "EXPLAIN " if postgres else "EXPLAIN QUERY PLAN "
    plans = []
    for query in (coverage._NEXT_TYPE, coverage._COUNT, coverage._NEWEST):
        bound = query.params(values).compile(connection, compile_kwargs={"literal_binds": True})
        rows = connection.exec_driver_sql(explain + str(bound)).all()
        plans.append("\n".join(str(row[-1]) for row in rows))
    return plans

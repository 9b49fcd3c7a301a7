"""Singleton chores: one of many takes each tick."""

from __future__ import annotations

import asyncio
import contextlib

import sqlalchemy as sa

from connector.database.engine import Database, open_database
from connector.database.tables import ticks as ticks_table
from connector.database.ticks import KEPT, take

HOUR = 3_600_000
NOW = 1_763_687_761_000


async def test_a_chore_is_done_once_in_each_tick(database: Database):
    assert await database.transact(take, "prune", every_ms=HOUR, now=NOW)
    assert not await database.transact(take, "prune", every_ms=HOUR, now=NOW + 1)
    assert await database.transact(take, "prune", every_ms=HOUR, now=NOW + HOUR)


async def test_two_chores_do_not_share_their_ticks(database: Database):
    assert await database.transact(take, "prune", every_ms=HOUR, now=NOW)
    assert await database.transact(take, "reconcile", every_ms=HOUR, now=NOW)


async def test_of_many_processes_that_ask_at_once_one_does_the_chore(postgres_url: str):
    from connector.database.migrate import migrate

    databases = [await open_database(postgres_url) for _ in range(4)]
    try:
        await migrate(databases[0])
        taken = await asyncio.gather(*(each.transact(take, "prune", every_ms=HOUR, now=NOW) for each in databases * 3))
    finally:
        for each in databases:
            await each.close()
    assert sum(taken) == 1


async def test_a_chore_that_failed_in_the_transaction_of_its_tick_may_be_done_again(database: Database):
    def chore(connection: sa.Connection) -> None:
        assert take(connection, "prune", every_ms=HOUR, now=NOW)
        raise ArithmeticError

    with contextlib.suppress(ArithmeticError):
        await database.transact(chore)
    assert await database.transact(take, "prune", every_ms=HOUR, now=NOW)


async def test_ticks_long_past_are_forgotten(database: Database):
    for tick in range(3 * KEPT):
        await database.transact(take, "prune", every_ms=1, now=NOW + tick)
    kept = await database.read(lambda connection: connection.scalars(sa.select(ticks_table.c.tick)).all())
    assert len(kept) == KEPT + 1

"""The planner knows what a new database holds soon after it has got something, and is told of it once."""

from __future__ import annotations

import asyncio

import sqlalchemy as sa

from connector.database.engine import Database
from connector.database.statistics import ENOUGH, collect_first
from connector.inbox.arrivals import insert
from tests.inbox.test_arrivals import arrival


async def test_tables_that_have_grown_get_their_first_statistics_once(database: Database):
    await database.write(insert, [arrival(n) for n in range(2 * ENOUGH)])
    if not database.many_processes:
        assert await database.transact(collect_first) == []
        return
    async with asyncio.timeout(30):  # what a session did is counted when it has been idle for a moment
        while not (done := await database.transact(collect_first)):
            await asyncio.sleep(0.2)
    assert done == ["received_events"]
    known = "SELECT count(*) FROM pg_stats WHERE tablename = 'received_events'"
    assert await database.read(lambda connection: connection.scalar(sa.text(known))) > 0
    async with asyncio.timeout(30):
        while await database.transact(collect_first):
            await asyncio.sleep(0.2)

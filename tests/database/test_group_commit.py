"""The writer: durable together, bounded, and only the bad row fails."""

import asyncio
from collections.abc import Sequence

import pytest
import sqlalchemy as sa
from sqlalchemy import Connection

from connector.database.engine import Database, open_database
from connector.database.group_commit import GroupCommit, Limits, Write
from connector.database.migrate import migrate
from connector.database.rows import insert_new
from connector.database.tables import names
from connector.errors import Unavailable


def row(number: int, name: str | None = "a name") -> dict[str, object]:
    return {"workspace_id": 1, "key": number.to_bytes(16), "object_id": str(number), "name": name, "seen_at": 0}


def insert(connection: Connection, rows: Sequence[dict[str, object]]) -> Sequence[int]:
    insert_new(connection, names, rows)
    return [int.from_bytes(each["key"]) for each in rows]


def stored(connection: Connection) -> set[str]:
    return set(connection.scalars(sa.select(names.c.object_id)))


async def test_each_caller_gets_its_own_result_once_its_row_is_stored(database: Database):
    results = await asyncio.gather(*(database.write(insert, row(number)) for number in range(300)))
    assert results == list(range(300))
    assert await database.read(stored) == {str(number) for number in range(300)}


async def test_what_waits_is_committed_together(database: Database):
    await asyncio.gather(*(database.write(insert, row(number)) for number in range(200)))
    assert database.writer.commits < 20


async def test_only_the_bad_row_of_a_batch_fails(database: Database):
    writes = [database.write(insert, row(number, None if number == 7 else "a name")) for number in range(20)]
    results = await asyncio.gather(*writes, return_exceptions=True)
    assert isinstance(results[7], Unavailable)
    assert [each for each in results if not isinstance(each, Unavailable)] == [n for n in range(20) if n != 7]
    assert await database.read(stored) == {str(number) for number in range(20) if number != 7}


async def test_an_error_does_not_show_the_row(database: Database):
    with pytest.raises(Unavailable) as refused:
        await database.write(insert, row(1, None) | {"object_id": "secret@example.com"})
    assert "secret@example.com" not in str(refused.value)


async def test_a_caller_that_goes_away_does_not_undo_its_row(database: Database):
    task = asyncio.ensure_future(database.write(insert, row(1)))
    await asyncio.sleep(0)
    task.cancel()
    await database.write(insert, row(2))
    assert await database.read(stored) == {"1", "2"}


async def test_a_transaction_that_raises_leaves_nothing(database: Database):
    def half(connection: Connection) -> None:
        insert(connection, [row(1)])
        raise ValueError("stop")

    with pytest.raises(ValueError, match="stop"):
        await database.transact(half)
    assert await database.read(stored) == set()


async def test_readers_cannot_write(database: Database):
    with pytest.raises(sa.exc.DBAPIError):
        await database.read(insert, [row(1)])


class Slow:
    """A database that commits when it is let, and remembers the batches."""

    def __init__(self) -> None:
        self.let = asyncio.Event()
        self.batches: list[list[object]] = []

    async def commit(self, writes: Sequence[Write]) -> Sequence[object]:
        await self.let.wait()
        self.batches.append([write.row for write in writes])
        return [write.row for write in writes]


def nothing(_connection: Connection, rows: Sequence[object]) -> Sequence[object]:
    return rows


async def test_a_full_line_refuses_at_once():
    slow = Slow()
    writer = GroupCommit(slow.commit, Limits(waiting_rows=3))
    first = writer.write(nothing, 0)
    await asyncio.sleep(0.01)
    waiting = [writer.write(nothing, number) for number in (1, 2, 3)]
    with pytest.raises(Unavailable):
        writer.write(nothing, 4)
    slow.let.set()
    assert await asyncio.gather(first, *waiting) == [0, 1, 2, 3]
    await writer.close()


async def test_the_line_is_bounded_in_bytes():
    slow = Slow()
    writer = GroupCommit(slow.commit, Limits(waiting_bytes=100))
    waiting = writer.write(nothing, 0, size=90)
    with pytest.raises(Unavailable):
        writer.write(nothing, 1, size=20)
    slow.let.set()
    assert await waiting == 0
    assert await writer.write(nothing, 2, size=100) == 2
    await writer.close()


async def test_a_row_that_waits_too_long_is_refused_even_while_a_commit_hangs():
    slow = Slow()
    writer = GroupCommit(slow.commit, Limits(patience_s=0.05))
    in_flight = writer.write(nothing, 0)
    await asyncio.sleep(0.01)
    waiting = writer.write(nothing, 1)
    for future in (in_flight, waiting):
        with pytest.raises(Unavailable):
            await future
    slow.let.set()
    await writer.close()
    assert slow.batches == [[0]]


async def test_a_stray_cancellation_ends_a_commit_and_not_the_writer():
    slow = Slow()

    async def cancelled_once(writes: Sequence[Write]) -> Sequence[object]:
        if not slow.batches:
            slow.batches.append([])
            raise asyncio.CancelledError
        return await slow.commit(writes)

    slow.let.set()
    writer = GroupCommit(cancelled_once)
    with pytest.raises(Unavailable, match="broken off"):
        await writer.write(nothing, 0)
    assert await writer.write(nothing, 1) == 1
    await writer.close()


async def test_urgent_rows_go_first_and_leave_places_for_the_rest():
    slow = Slow()
    writer = GroupCommit(slow.commit, Limits(batch_rows=4, others_rows=1))
    first = writer.write(nothing, "first")
    await asyncio.sleep(0.01)
    others = [writer.write(nothing, f"other {n}") for n in range(2)]
    urgent = [writer.write(nothing, f"urgent {n}", urgent=True) for n in range(6)]
    slow.let.set()
    await asyncio.gather(first, *others, *urgent)
    assert slow.batches[1] == ["urgent 0", "urgent 1", "urgent 2", "other 0"]
    await writer.close()


async def test_a_batch_is_bounded_in_bytes_but_takes_any_single_row():
    slow = Slow()
    writer = GroupCommit(slow.commit, Limits(batch_bytes=100))
    first = writer.write(nothing, 0)
    await asyncio.sleep(0.01)
    futures = [writer.write(nothing, number, size=size) for number, size in ((1, 60), (2, 60), (3, 500))]
    slow.let.set()
    await asyncio.gather(first, *futures)
    assert slow.batches == [[0], [1], [2], [3]]
    await writer.close()


async def test_a_second_service_is_refused_with_a_sentence(sqlite_url: str):
    from connector.errors import Locked

    first = await open_database(sqlite_url, owner=True)
    with pytest.raises(Locked, match="another connector service is running"):
        await open_database(sqlite_url, owner=True)
    await first.close()
    second = await open_database(sqlite_url, owner=True)
    await second.close()


async def test_the_command_line_writes_while_the_service_does(sqlite_url: str):
    service, command = await open_database(sqlite_url, owner=True), await open_database(sqlite_url)
    await migrate(service)
    ours = [service.write(insert, row(number)) for number in range(300)]
    theirs = [command.write(insert, row(number)) for number in range(1000, 1300)]
    await asyncio.gather(*ours, *theirs)
    assert len(await service.read(stored)) == 600
    assert await service.read(lambda connection: connection.scalar(sa.text("PRAGMA integrity_check"))) == "ok"
    await command.close()
    await service.close()

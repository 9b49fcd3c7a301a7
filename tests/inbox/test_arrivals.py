"""How messages come into the inbox: each once and with its body, in one statement, on both databases."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import pytest
import sqlalchemy as sa
from sqlalchemy import Connection

from connector.database.engine import Database
from connector.database.rows import insert_new
from connector.database.tables import bodies, names, received_events
from connector.errors import Unavailable
from connector.events import SourceEvent
from connector.inbox import store
from connector.inbox.arrivals import ROWS_AT_ONCE, Arrival, insert, new_among
from connector.inbox.sources import SOURCES, Accepted, Credentials, Refused, Request
from connector.inbox.sources.segment import MOST_MESSAGES
from tests.signing import segment_headers


def arrival(number: int, *, at: int = 1, body: bytes | None = None, workspace_id: int = 1, kind: str = "a") -> Arrival:
    body = str(number).encode() if body is None else body
    return Arrival(workspace_id, 1, "stripe:x", SourceEvent("stripe", f"evt_{number}", kind, body), at)


def kept(connection: Connection) -> dict[str, bytes]:
    """The bodies that are stored, by the sender's own id of their event."""
    same = (bodies.c.workspace_id == received_events.c.workspace_id) & (bodies.c.key == received_events.c.key)
    query = sa.select(received_events.c.external_key, bodies.c.body).outerjoin(bodies, same)
    return {row[0]: row[1] for row in connection.execute(query)}


def count(connection: Connection) -> tuple[int, int]:
    """Events and bodies."""
    one, other = (connection.scalar(sa.select(sa.func.count()).select_from(t)) or 0 for t in (received_events, bodies))
    return one, other


@contextmanager
def statements() -> Iterator[list[str]]:
    """What goes to any database while this is open."""
    seen: list[str] = []

    def note(connection: object, cursor: object, statement: str, *_: object) -> None:
        seen.append(statement)

    sa.event.listen(sa.Engine, "before_cursor_execute", note)
    try:
        yield seen
    finally:
        sa.event.remove(sa.Engine, "before_cursor_execute", note)


async def test_a_group_is_one_statement_and_no_more(database: Database):
    await database.write(insert, [arrival(0)])  # the first one of a connection prepares it
    before = database.writer.commits
    with statements() as seen:
        await asyncio.gather(*(database.write(insert, [arrival(n)]) for n in range(1, 40)))
    assert len(seen) == database.writer.commits - before
    assert all(each.lstrip().startswith(("INSERT INTO", "WITH")) for each in seen), seen
    assert await database.read(kept) == {f"evt_{n}": str(n).encode() for n in range(40)}


@pytest.mark.parametrize("many", [0, 1, 31, 32, 33, 40, ROWS_AT_ONCE - 1, ROWS_AT_ONCE, ROWS_AT_ONCE + 1, 600])
async def test_any_number_of_messages_is_stored_each_with_its_body(database: Database, many: int):
    await database.write(insert, [arrival(n) for n in range(many)])
    assert await database.read(kept) == {f"evt_{n}": str(n).encode() for n in range(many)}
    assert await database.read(count) == (many, many)


async def test_of_a_repeat_neither_the_row_nor_the_body_is_kept(database: Database):
    await database.write(insert, [arrival(1, body=b"first")])
    again = [arrival(1, at=2, body=b"again", kind="b"), arrival(2, at=2, body=b"new"), arrival(2, at=3, body=b"twice")]
    await asyncio.gather(*(database.write(insert, [each]) for each in again))
    assert await database.read(kept) == {"evt_1": b"first", "evt_2": b"new"}
    assert await database.read(count) == (2, 2)
    assert [each.type for each in await database.read(store.page, store.Filter(), limit=9)] == ["a", "a"]


async def test_one_id_in_two_workspaces_is_two_events(database: Database):
    await database.write(insert, [arrival(1), arrival(1, workspace_id=2)])
    assert await database.read(count) == (2, 2)


async def test_only_what_the_database_does_not_take_is_refused(database: Database):
    """No sender can send this: the column takes no null."""
    bad = arrival(7)
    bad = Arrival(bad.workspace_id, None, bad.stream, bad.event, 1)  # type: ignore[arg-type]
    groups = [[bad if n == 7 else arrival(n)] for n in range(20)]
    results = await asyncio.gather(*(database.write(insert, each) for each in groups), return_exceptions=True)
    assert [n for n, each in enumerate(results) if isinstance(each, Unavailable)] == [7]
    assert await database.read(count) == (19, 19)


async def test_with_other_writes_it_is_part_of_their_transaction(database: Database):
    def other(connection: Connection, rows: Sequence[int]) -> Sequence[int]:
        row = {"workspace_id": 1, "key": b"k" * 16, "object_id": "x", "name": "y", "seen_at": 0}
        return [insert_new(connection, names, [row])] * len(rows)

    await asyncio.gather(database.write(insert, [arrival(1)]), database.write(other, 1), database.write(insert, []))
    assert await database.read(count) == (1, 1)


async def test_within_a_transaction_that_fails_nothing_is_stored(database: Database):
    def half(connection: Connection) -> None:
        insert(connection, [[arrival(1)]])
        raise ValueError("stop")

    with pytest.raises(ValueError, match="stop"):
        await database.transact(half)
    assert await database.read(count) == (0, 0)
    await database.write(insert, [arrival(1)])
    assert await database.read(count) == (1, 1)


async def test_what_is_new_among_some_is_found(database: Database):
    await database.write(insert, [arrival(1), arrival(3)])
    some = [arrival(n) for n in (3, 4, 1, 2, 4)]
    assert [each.event.key for each in await database.read(new_among, some)] == ["evt_4", "evt_2"]


async def test_a_group_of_more_messages_than_a_statement_takes_parameters_is_stored_and_so_is_its_repeat(
    database: Database,
):
    """Segment sends thousands in a request, and many requests share a commit."""
    many = 33_000
    request = [
        Arrival(1, 1, "segment:x", SourceEvent("segment", f"m-{n}", "track", b"{}"), received_at=n) for n in range(many)
    ]
    for _ in range(2):
        await database.transact(insert, [request])
    assert sum((await database.read(store.count_by_state)).values()) == many
    assert len((await database.read(store.to_map, limit=2 * many)).events) == many


def test_a_batch_of_more_messages_than_segment_ever_sends_is_refused():
    message = b'{"type":"track","messageId":"m"}'
    for many, expected in ((MOST_MESSAGES, Accepted), (MOST_MESSAGES + 1, Refused)):
        body = b"[" + b",".join([message] * many) + b"]"
        signature = segment_headers(message, "secret")["X-Signature"]
        answer = SOURCES["segment"].read(Request(body, [signature], [], 0), Credentials(("secret",)))
        assert isinstance(answer, expected)

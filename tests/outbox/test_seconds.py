"""A second for each event: free for all that is known of its contact, or not given, on both databases."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Iterator

import pytest
import sqlalchemy as sa
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import Connection

from connector.database.engine import Database, open_database
from connector.database.tables import metadata
from connector.database.tables import seconds as table
from connector.errors import Unavailable
from connector.events import Key, digest
from connector.outbox import seconds
from connector.outbox.seconds import EARLIER_S, Wish

S = 1_763_687_761
ADA, MAIL, BOB = digest("user_id", "ada"), digest("email", "ada@example.com"), digest("user_id", "bob")
PAID, REFUNDED = digest("paid-invoice"), digest("refunded-charge")


def wish(
    delivery: object, *identifiers: Key, at: int = S, latest: int = S + 5, name: Key = PAID, workspace_id: int = 1
) -> Wish:
    return Wish(workspace_id, digest(str(delivery)), identifiers or (ADA,), name, at, latest)


async def reserved(database: Database, *wishes: Wish) -> list[int | None]:
    given = await database.transact(seconds.reserve, wishes)
    return [given[each.delivery_id] for each in wishes]


async def test_the_second_wished_for_is_given_where_it_is_free(database: Database):
    assert await reserved(database, wish("a")) == [S]


async def test_the_next_ones_are_given_up_to_the_moment_of_receipt_and_then_earlier_ones(database: Database):
    taken = [await reserved(database, wish(n, latest=S + 2)) for n in range(6)]
    assert [each for (each,) in taken] == [S, S + 1, S + 2, S - 1, S - 2, S - 3]


async def test_wishes_of_one_batch_do_not_get_the_same_second(database: Database):
    assert await reserved(database, *(wish(n, latest=S) for n in range(4))) == [S, S - 1, S - 2, S - 3]


async def test_a_second_that_is_taken_for_one_identifier_of_a_contact_is_not_free(database: Database):
    assert await reserved(database, wish("a", ADA)) == [S]
    assert await reserved(database, wish("b", MAIL)) == [S]
    assert await reserved(database, wish("c", ADA, MAIL)) == [S + 1]
    assert await reserved(database, wish("d", MAIL)) == [S + 2]


async def test_other_people_names_and_workspaces_are_not_in_the_way(database: Database):
    await reserved(database, wish("a"))
    assert await reserved(
        database, wish("b", BOB), wish("c", name=REFUNDED), wish("d", workspace_id=2), wish("e", BOB, workspace_id=2)
    ) == [S, S, S, S]


async def test_a_delivery_that_has_a_second_keeps_it(database: Database):
    assert await reserved(database, wish("a")) == [S]
    assert await reserved(database, wish("b"), wish("a", at=S + 100, latest=S + 200)) == [S + 1, S]


async def test_what_is_given_back_is_free_again(database: Database):
    await reserved(database, wish("a", ADA, MAIL), wish("b", ADA))
    await database.transact(seconds.release, 2, [wish("a").delivery_id])
    assert await reserved(database, wish("c", MAIL)) == [S + 1]
    await database.transact(seconds.release, 1, [wish("a").delivery_id])
    assert await reserved(database, wish("d", ADA)) == [S]


async def test_after_an_hour_of_taken_seconds_none_is_given(database: Database):
    given = await reserved(database, *(wish(n, latest=S) for n in range(EARLIER_S + 2)))
    assert given[:-1] == list(range(S, S - EARLIER_S - 1, -1))
    assert given[-1] is None
    assert await reserved(database, wish("another", latest=S)) == [None]
    assert await reserved(database, wish("received later", latest=S + 1)) == [S + 1]


async def test_a_wish_for_a_moment_after_its_receipt_is_granted_all_the_same(database: Database):
    assert await reserved(database, wish("a", latest=S - 10), wish("b", latest=S - 10)) == [S, S - 1]


async def test_a_delivery_holds_its_second_for_each_of_its_identifiers(database: Database):
    await reserved(database, wish("a", ADA, MAIL))
    assert await database.read(seconds.identifiers, 1, wish("a").delivery_id) == {ADA, MAIL}
    assert await database.read(seconds.identifiers, 2, wish("a").delivery_id) == set()


async def test_many_processes_never_give_out_a_second_twice(postgres_url: str):
    """Who loses a race goes round again; a deadlock, which the database breaks, is tried again as the mapper would."""
    await _notice_deadlocks_soon(postgres_url)
    databases = [await open_database(postgres_url) for _ in range(4)]
    random.seed(7)
    people = [digest("user_id", str(n)) for n in range(3)]
    wishes = [wish(n, *random.sample(people, random.randint(1, 3)), latest=S + 3) for n in range(120)]

    async def ask(some: list[Wish], database: Database) -> dict[Key, int | None]:
        while True:
            try:
                return await database.transact(seconds.reserve, some)
            except Unavailable:
                await asyncio.sleep(random.random() / 10)

    try:
        async with asyncio.timeout(60):
            answers = await asyncio.gather(
                *(ask(wishes[n : n + 3], databases[n % 4]) for n in range(0, len(wishes), 3))
            )
        held = await databases[0].read(_rows)
    finally:
        for each in databases:
            await each.close()
    given = {delivery: second for answer in answers for delivery, second in answer.items()}
    assert len(given) == len(wishes)
    assert held == {(who, given[each.delivery_id], each.delivery_id) for each in wishes for who in each.identifiers}
    assert len({(identifier, second) for identifier, second, _ in held}) == len(held)


async def _notice_deadlocks_soon(url: str) -> None:
    database = await open_database(url)
    statement = sa.text(f"ALTER DATABASE {sa.make_url(url).database} SET deadlock_timeout = 20")
    await database.transact(lambda connection: connection.execute(statement))
    await database.close()


def _rows(connection: Connection) -> set[tuple[Key, int, Key]]:
    return {(row.identifier, row.second, row.delivery_id) for row in connection.execute(sa.select(table))}


@pytest.fixture(scope="module")
def empty() -> Iterator[sa.Engine]:
    """A database in memory: fast enough for hundreds of examples."""
    engine = sa.create_engine("sqlite://", poolclass=sa.StaticPool)
    metadata.create_all(engine)
    yield engine
    engine.dispose()


@given(
    batches=st.lists(
        st.lists(
            st.tuples(
                st.integers(0, 6),  # after S
                st.integers(0, 3),  # received so much later
                st.sets(st.sampled_from([ADA, MAIL, BOB]), min_size=1),
                st.sampled_from([PAID, REFUNDED]),
            ),
            max_size=6,
        ),
        max_size=6,
    )
)
def test_each_gets_the_nearest_second_that_those_before_it_left(empty: sa.Engine, batches):
    taken: set[tuple[Key, Key, int]] = set()
    with empty.connect() as connection, connection.begin() as transaction:
        for place, batch in enumerate(batches):
            wishes = [
                wish((place, number), *sorted(identifiers), at=S + at, latest=S + at + later, name=name)
                for number, (at, later, identifiers, name) in enumerate(batch)
            ]
            given_out = seconds.reserve(connection, wishes)
            for each in wishes:
                second = _nearest(each, taken)
                assert given_out[each.delivery_id] == second
                taken |= {(identifier, each.name, second) for identifier in each.identifiers}
        transaction.rollback()


def _nearest(each: Wish, taken: set[tuple[Key, Key, int]]) -> int:
    candidates = [*range(each.second, each.latest + 1), *range(each.second - 1, each.second - 100, -1)]
    return next(
        second
        for second in candidates
        if not any((identifier, each.name, second) in taken for identifier in each.identifiers)
    )

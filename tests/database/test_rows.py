"""Writing many rows at once, on both databases: each once, whatever their number."""

from __future__ import annotations

import pytest
import sqlalchemy as sa
from sqlalchemy import Connection, bindparam

from connector.database.engine import Database
from connector.database.rows import ANY_KEY, NAMED_AT_ONCE, insert_new, parts, run_many, upsert
from connector.database.tables import deliveries, names
from connector.errors import Unavailable
from connector.outbox.delivery import as_row
from tests.outbox.world import event


def row(number: int, name: str = "a name") -> dict[str, object]:
    return {"workspace_id": 1, "key": number.to_bytes(16), "object_id": str(number), "name": name, "seen_at": 0}


def stored(connection: Connection) -> dict[str, str]:
    return {each.object_id: each.name for each in connection.execute(sa.select(names))}


@pytest.mark.parametrize("count", [0, 1, 2, 3, 127, 128, 129, 1_000, 5_001])
async def test_any_number_of_rows_is_inserted(database: Database, count: int):
    await database.transact(insert_new, names, [row(n) for n in range(count)])
    assert set(await database.read(stored)) == {str(n) for n in range(count)}


async def test_a_row_that_is_there_stays_as_it_is(database: Database):
    assert await database.transact(insert_new, names, [row(1)]) == 1
    assert await database.transact(insert_new, names, [row(1, "another")]) == 0
    await database.transact(insert_new, names, [row(n, "another") for n in range(3)])
    assert await database.read(stored) == {"0": "another", "1": "a name", "2": "another"}


async def test_any_other_violation_is_an_error(database: Database):
    with pytest.raises(Unavailable):
        await database.transact(insert_new, names, [row(1) | {"name": None}])
    assert await database.read(stored) == {}


async def test_an_upsert_takes_the_new_values_of_the_columns_it_names(database: Database):
    await database.transact(insert_new, names, [row(n) for n in range(3)])
    newer = [row(n, "newer") | {"seen_at": 7} for n in range(1, 200)]
    await database.transact(upsert, names, newer, changes=["name"])
    found = await database.read(stored)
    assert (found["0"], found["1"], found["199"], len(found)) == ("a name", "newer", "newer", 200)
    assert await database.read(lambda connection: connection.scalar(sa.select(sa.func.max(names.c.seen_at)))) == 7


async def test_with_several_unique_keys_any_of_them_is_in_the_way(database: Database):
    def made(received: bytes, once: str) -> dict[str, object]:
        return as_row(event(once=once), workspace_id=1, received=received, digest_of_catalogue="c", now=0)

    first, same_fact, same_event = made(b"1" * 16, "a"), made(b"2" * 16, "a"), made(b"1" * 16, "b")
    await database.transact(insert_new, deliveries, [first], key=ANY_KEY)
    await database.transact(insert_new, deliveries, [same_fact, same_event, made(b"3" * 16, "c")], key=ANY_KEY)
    facts = await database.read(lambda connection: connection.scalars(sa.select(deliveries.c.once_key)).all())
    assert len(facts) == 2


async def test_an_insert_says_how_many_rows_were_new(database: Database):
    assert await database.transact(insert_new, names, [row(n) for n in range(10)]) == 10
    assert await database.transact(insert_new, names, [row(n) for n in range(5, 1_005)]) == 995


async def test_one_update_is_run_for_each_row(database: Database):
    update = sa.update(names).where(names.c.key == bindparam("the_key")).values(name=bindparam("new_name"))
    await database.transact(insert_new, names, [row(n) for n in range(300)])
    changes = [{"the_key": n.to_bytes(16), "new_name": f"name {n}"} for n in range(300)]
    await database.transact(run_many, update, changes)
    await database.transact(run_many, update, [])
    assert await database.read(stored) == {str(n): f"name {n}" for n in range(300)}


@pytest.mark.parametrize("count", [0, 1, NAMED_AT_ONCE, NAMED_AT_ONCE + 1, 3 * NAMED_AT_ONCE])
def test_keys_are_named_in_parts(count: int):
    keys = [n.to_bytes(16) for n in range(count)]
    some = list(parts(keys))
    assert [key for part in some for key in part] == keys
    assert all(0 < len(part) <= NAMED_AT_ONCE for part in some)

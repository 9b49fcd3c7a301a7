"""`connector keys rotate`: everything under the new key, also after a kill in the middle of it."""

from __future__ import annotations

import pytest
import sqlalchemy as sa

from connector.database.engine import Database
from connector.database.tables import endpoints as endpoints_table
from connector.database.tables import metadata, workspaces
from connector.errors import SecretError
from connector.workspaces import endpoints, rotation, store
from connector.workspaces.endpoints import TRACKING, NewEndpoint
from connector.workspaces.vault import Key, Vault, new_key

OLD, NEW = Key.parse(new_key()), Key.parse(new_key())
BEFORE, BOTH, AFTER = Vault([OLD]), Vault([NEW, OLD]), Vault([NEW])
MANY = 60


async def filled(database: Database, count: int) -> None:
    def fill(connection: sa.Connection, numbers: range) -> None:
        for number in numbers:
            workspace = store.add(connection, BEFORE, store.Installation(f"app-{number}", f"token-{number}"), now=1)
            new = NewEndpoint(workspace.id, TRACKING, "x", signing_secret=f"s-{number}", browser_key=f"b-{number}",
                              authorization="Bearer x", restricted_key="rk_test_x")  # fmt: skip
            endpoints.add(connection, BEFORE, new, now=1)

    for start in range(0, count, 20):
        await database.transact(fill, range(start, min(start + 20, count)))


async def rotate(database: Database, vault: Vault, *, steps: int | None = None) -> int:
    """As the command does it; with `steps` it is killed after so many."""
    rotated = taken = 0
    for table in rotation.SEALED:
        after = 0
        while True:
            if steps is not None and taken >= steps:
                return rotated
            step = await database.transact(rotation.rotate, vault, table, after=after)
            rotated, taken = rotated + step.rotated, taken + 1
            if step.last is None:
                break
            after = step.last
    return rotated


def test_every_column_that_holds_ciphertext_is_rotated():
    binary = {
        (table.name, column.name)
        for table in (workspaces, endpoints_table)
        for column in table.columns
        if isinstance(column.type, sa.LargeBinary) and column.name != "token_hash"
    }
    assert {(table.name, column) for table, columns in rotation.SEALED.items() for column in columns} == binary
    assert metadata is workspaces.metadata


async def test_afterwards_the_old_key_is_not_needed_any_more(database: Database):
    await filled(database, 3)
    assert await rotate(database, BOTH) == 3 * 6
    assert [each.token for each in await database.read(store.page, AFTER)] == ["token-0", "token-1", "token-2"]
    found = (await database.read(endpoints.page, AFTER))[2]
    assert (found.signing_secrets, found.browser_keys, found.restricted_key) == (("s-2",), ("b-2",), "rk_test_x")
    with pytest.raises(SecretError):
        await database.read(store.page, BEFORE)
    assert await rotate(database, BOTH) == 0


async def test_one_that_was_killed_in_the_middle_goes_on_where_it_was(database: Database):
    await filled(database, MANY)
    first = await rotate(database, BOTH, steps=2)
    assert 0 < first < MANY * 6
    assert len(await database.read(store.page, BOTH)) == MANY  # meanwhile both keys are good
    assert first + await rotate(database, BOTH) == MANY * 6
    assert len(await database.read(endpoints.page, AFTER)) == MANY


async def test_a_secret_that_changes_meanwhile_is_left_as_it_has_become(database: Database):
    await filled(database, 1)
    await database.transact(store.add, BOTH, store.Installation("app-0", "a-newer-token"), now=2)
    await rotate(database, BOTH)
    (workspace,) = await database.read(store.page, AFTER)
    assert workspace.token == "a-newer-token"

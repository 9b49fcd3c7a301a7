"""The directory answers from memory and notices what another process has changed."""

from __future__ import annotations

import pytest

from connector.database.engine import Database, open_database
from connector.errors import SecretError
from connector.workspaces import endpoints, store
from connector.workspaces.directory import Directory
from connector.workspaces.endpoints import Endpoint, NewEndpoint
from connector.workspaces.store import Installation, Mode, Workspace
from connector.workspaces.vault import Key, Vault, new_key


@pytest.fixture
async def workspace(database: Database, vault: Vault) -> Workspace:
    return await database.transact(store.add, vault, Installation("acme1", "token-1"), now=1)


@pytest.fixture
async def stripe(database: Database, vault: Vault, workspace: Workspace) -> Endpoint:
    new = NewEndpoint(workspace.id, "stripe", signing_secret="whsec_1")
    return await database.transact(endpoints.add, vault, new, now=2)


@pytest.fixture
async def directory(database: Database, vault: Vault) -> Directory:
    directory = Directory(database, vault)
    await directory.reload()
    return directory


async def test_an_endpoint_is_found_by_the_token_of_its_address(
    database: Database, vault: Vault, stripe: Endpoint, workspace: Workspace
) -> None:
    directory = Directory(database, vault)
    await directory.reload()
    assert directory.by_token(stripe.token) == stripe
    assert directory.workspace(workspace.id) == workspace
    assert list(directory.workspaces()) == [workspace]


@pytest.mark.parametrize("token", ["", "nonsense", "\udcff", "é" * 5000])
async def test_no_text_of_a_stranger_finds_anything(directory: Directory, stripe: Endpoint, token: str) -> None:
    await directory.reload()
    assert directory.by_token(token) is None


async def test_nothing_changed_is_nothing_reloaded(directory: Directory) -> None:
    assert not await directory.refresh_if_changed()


async def test_each_kind_of_change_is_seen_by_the_next_refresh(
    directory: Directory, database: Database, vault: Vault, workspace: Workspace, stripe: Endpoint
) -> None:
    assert await directory.refresh_if_changed()
    await database.transact(store.set_mode, workspace.id, Mode.PAUSED, now=3)
    assert await directory.refresh_if_changed()
    assert _mode(directory, workspace) is Mode.PAUSED
    await database.transact(endpoints.rotate, vault, stripe, new="whsec_2", drop_old=False, now=4)
    assert await directory.refresh_if_changed()
    assert directory.by_token(stripe.token).signing_secrets == ("whsec_2", "whsec_1")  # type: ignore[union-attr]
    await database.transact(endpoints.remove, stripe.id, now=5)
    assert await directory.refresh_if_changed()
    assert directory.by_token(stripe.token).removed_at == 5  # type: ignore[union-attr]
    assert not await directory.refresh_if_changed()


async def test_what_another_process_changes_is_seen(
    directory: Directory, vault: Vault, workspace: Workspace, database_url: str
) -> None:
    await directory.refresh_if_changed()
    command_line = await open_database(database_url)
    await command_line.transact(store.remove, workspace.id, now=3)
    await command_line.close()
    assert await directory.refresh_if_changed()
    assert _mode(directory, workspace) is Mode.REMOVED


async def test_a_secret_that_does_not_open_leaves_the_last_snapshot_in_use(
    directory: Directory, database: Database, workspace: Workspace
) -> None:
    await directory.refresh_if_changed()
    await database.transact(store.add, Vault([Key.parse(new_key())]), Installation("other", "t"), now=2)
    with pytest.raises(SecretError):
        await directory.refresh_if_changed()
    assert directory.workspace(workspace.id) == workspace


def _mode(directory: Directory, workspace: Workspace) -> Mode | None:
    found = directory.workspace(workspace.id)
    return found.mode if found else None

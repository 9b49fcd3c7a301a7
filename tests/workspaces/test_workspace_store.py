"""Workspaces are added, interrupted, resumed, removed and added again, and keep their id all along."""

from __future__ import annotations

import pytest
from sqlalchemy import select

from connector.database.engine import Database
from connector.database.tables import workspaces
from connector.errors import UsageError
from connector.workspaces import changes, endpoints, store
from connector.workspaces.endpoints import NewEndpoint
from connector.workspaces.store import Installation, Mode, Region, Workspace
from connector.workspaces.vault import Vault

ACME = Installation("acme1", "token-1", region=Region.EU, name="Acme", time_zone="Europe/Paris", language="fr")


async def mode_of(database: Database, vault: Vault, workspace: Workspace) -> Mode:
    return (await database.read(store.get, vault, workspace.id)).mode


async def test_an_added_workspace_is_found_by_its_id_and_by_intercoms(database: Database, vault: Vault) -> None:
    added = await database.transact(store.add, vault, ACME, now=1000)
    assert await database.read(store.find, vault, "acme1") == added
    assert await database.read(store.get, vault, added.id) == added
    assert (added.token, added.region, added.mode, added.time_zone) == ("token-1", "eu", Mode.LIVE, "Europe/Paris")
    assert (added.created_at, added.updated_at) == (1000, 1000)


async def test_the_token_is_not_in_the_database_and_not_in_a_repr(database: Database, vault: Vault) -> None:
    added = await database.transact(store.add, vault, ACME, now=1000)
    stored = await database.read(lambda connection: connection.execute(select(workspaces)).one())
    assert not any("token-1" in str(value) or b"token-1" in bytes(str(value), "utf-8") for value in stored)
    assert "token-1" not in repr(added) + repr(ACME)


async def test_an_unknown_workspace_is_none_by_name_and_an_error_by_id(database: Database, vault: Vault) -> None:
    assert await database.read(store.find, vault, "nobody") is None
    with pytest.raises(UsageError, match="no workspace 77"):
        await database.read(store.get, vault, 77)


async def test_workspaces_come_in_pages(database: Database, vault: Vault) -> None:
    ids = [(await database.transact(store.add, vault, Installation(f"w{n}", "t"), now=n)).id for n in range(5)]
    first = await database.read(store.page, vault, limit=2)
    rest = await database.read(store.page, vault, after=first[-1].id)
    assert [workspace.id for workspace in [*first, *rest]] == ids


@pytest.mark.parametrize("stop", [Mode.PAUSED, Mode.NEEDS_REAUTHORIZATION])
@pytest.mark.parametrize("was", [Mode.WATCHING, Mode.TRYING, Mode.LIVE])
async def test_what_was_interrupted_resumes_as_it_was(database: Database, vault: Vault, was: Mode, stop: Mode) -> None:
    added = await database.transact(store.add, vault, Installation("acme1", "t", mode=was), now=1)
    assert await database.transact(store.set_mode, added.id, stop, reason="401 from Intercom", now=2)
    stopped = await database.read(store.get, vault, added.id)
    assert (stopped.mode, stopped.mode_reason, stopped.mode_before) == (stop, "401 from Intercom", was)
    assert await database.transact(store.resume, stopped, now=3)
    resumed = await database.read(store.get, vault, added.id)
    assert (resumed.mode, resumed.mode_reason, resumed.mode_before) == (was, None, None)


async def test_two_interruptions_still_lead_back_to_the_mode_before_both(database: Database, vault: Vault) -> None:
    added = await database.transact(store.add, vault, Installation("acme1", "t", mode=Mode.TRYING), now=1)
    await database.transact(store.set_mode, added.id, Mode.NEEDS_REAUTHORIZATION, now=2)
    await database.transact(store.set_mode, added.id, Mode.PAUSED, now=3)
    await database.transact(store.resume, await database.read(store.get, vault, added.id), now=4)
    assert await mode_of(database, vault, added) is Mode.TRYING


async def test_what_runs_cannot_be_resumed(database: Database, vault: Vault) -> None:
    added = await database.transact(store.add, vault, ACME, now=1)
    assert not await database.transact(store.resume, added, now=2)


async def test_a_mode_that_is_set_already_changes_nothing(database: Database, vault: Vault) -> None:
    added = await database.transact(store.add, vault, ACME, now=1)
    before = await database.read(changes.count)
    assert not await database.transact(store.set_mode, added.id, Mode.LIVE, now=2)
    assert await database.read(changes.count) == before


async def test_an_answer_to_the_old_token_does_not_stop_a_workspace_that_has_a_new_one(
    database: Database, vault: Vault
) -> None:
    old = await database.transact(store.add, vault, ACME, now=1)
    new = await database.transact(store.add, vault, Installation("acme1", "token-2"), now=2)
    stop = Mode.NEEDS_REAUTHORIZATION
    assert not await database.transact(store.set_mode, old.id, stop, now=3, if_unchanged_since=old.updated_at)
    assert await database.transact(store.set_mode, old.id, stop, now=3, if_unchanged_since=new.updated_at)


async def test_adding_it_again_takes_the_new_token_and_lets_it_go_on(database: Database, vault: Vault) -> None:
    added = await database.transact(store.add, vault, ACME, now=1)
    await database.transact(store.set_mode, added.id, Mode.NEEDS_REAUTHORIZATION, reason="401", now=2)
    again = await database.transact(store.add, vault, Installation("acme1", "token-2", mode=Mode.WATCHING), now=3)
    assert (again.id, again.token, again.mode, again.mode_reason) == (added.id, "token-2", Mode.LIVE, None)
    assert (again.name, again.created_at) == ("Acme", 1)


async def test_a_new_token_does_not_end_a_pause(database: Database, vault: Vault) -> None:
    added = await database.transact(store.add, vault, ACME, now=1)
    await database.transact(store.set_mode, added.id, Mode.PAUSED, now=2)
    await database.transact(store.add, vault, Installation("acme1", "token-2"), now=3)
    assert await mode_of(database, vault, added) is Mode.PAUSED


async def test_a_removed_workspace_loses_its_secrets_and_its_endpoints(database: Database, vault: Vault) -> None:
    added = await database.transact(store.add, vault, ACME, now=1)
    endpoint = await database.transact(
        endpoints.add, vault, NewEndpoint(added.id, "stripe", signing_secret="whsec_1"), now=2
    )
    assert await database.transact(store.remove, added.id, now=3)
    assert not await database.transact(store.remove, added.id, now=4)
    removed = await database.read(store.get, vault, added.id)
    assert (removed.mode, removed.token) == (Mode.REMOVED, None)
    late = await database.read(endpoints.get, vault, endpoint.id)
    assert (late.removed_at, late.signing_secrets) == (3, ())


async def test_a_removed_workspace_takes_no_other_mode_until_it_is_added_again(
    database: Database, vault: Vault
) -> None:
    added = await database.transact(store.add, vault, ACME, now=1)
    await database.transact(store.remove, added.id, now=2)
    assert not await database.transact(store.set_mode, added.id, Mode.LIVE, now=3)
    back = await database.transact(store.add, vault, Installation("acme1", "t2", mode=Mode.WATCHING), now=4)
    assert (back.id, back.mode, back.token) == (added.id, Mode.WATCHING, "t2")


def test_the_modes_are_drawn_as_they_are() -> None:
    drawn = store.Mode.__doc__ or ""
    assert all(mode.value in drawn for mode in Mode)

"""Endpoints: an address and secrets of their own, rotation with overlap, removal that still knows late webhooks."""

from __future__ import annotations

import dataclasses

import pytest
from sqlalchemy import select

from connector.database.engine import Database
from connector.database.tables import endpoints as table
from connector.errors import SecretError, UsageError
from connector.workspaces import endpoints, store
from connector.workspaces.endpoints import Endpoint, NewEndpoint
from connector.workspaces.modes import EndpointMode
from connector.workspaces.store import Installation, Workspace
from connector.workspaces.vault import Key, Vault, new_key


@pytest.fixture
async def workspace(database: Database, vault: Vault) -> Workspace:
    return await database.transact(store.add, vault, Installation("acme1", "token-1"), now=1)


@pytest.fixture
async def stripe(database: Database, vault: Vault, workspace: Workspace) -> Endpoint:
    new = NewEndpoint(workspace.id, "stripe", signing_secret="whsec_1", restricted_key="rk_live_1")
    return await database.transact(endpoints.add, vault, new, now=2)


async def test_an_endpoint_has_a_long_random_address_and_shows_it_again(
    database: Database, vault: Vault, stripe: Endpoint
) -> None:
    assert len(stripe.token) == 43
    assert stripe.path == f"/webhooks/stripe/{stripe.token}"
    assert await database.read(endpoints.get, vault, stripe.id) == stripe
    assert (stripe.mode, stripe.stream) == (EndpointMode.ANY, "stripe")


async def test_no_secret_of_it_is_in_the_database_or_in_a_repr(database: Database, stripe: Endpoint) -> None:
    row = await database.read(lambda connection: connection.execute(select(table)).one())
    for secret in (stripe.token, "whsec_1", "rk_live_1"):
        assert not any(secret in str(value) for value in row)
        assert secret not in repr(stripe)


async def test_a_ciphertext_copied_to_another_endpoint_does_not_open(
    database: Database, vault: Vault, workspace: Workspace, stripe: Endpoint
) -> None:
    other = await database.transact(
        endpoints.add, vault, NewEndpoint(workspace.id, "stripe", "second", signing_secret="whsec_2"), now=3
    )
    copied = select(table.c.signing_secrets).where(table.c.id == stripe.id).scalar_subquery()
    move = table.update().where(table.c.id == other.id).values(signing_secrets=copied)
    await database.transact(lambda connection: connection.execute(move).rowcount)
    with pytest.raises(SecretError, match="another row"):
        await database.read(endpoints.get, vault, other.id)


async def test_an_endpoint_without_any_secret_is_refused(
    database: Database, vault: Vault, workspace: Workspace
) -> None:
    with pytest.raises(UsageError, match="signing secret or an Authorization header"):
        await database.transact(endpoints.add, vault, NewEndpoint(workspace.id, "segment"), now=2)


async def test_segment_may_show_an_authorization_header_instead_of_signing(
    database: Database, vault: Vault, workspace: Workspace
) -> None:
    new = NewEndpoint(workspace.id, "segment", "web", batch_policy="refuse-batches", authorization="Bearer s3cret")
    added = await database.transact(endpoints.add, vault, new, now=2)
    assert (added.signing_secrets, added.authorization) == ((), "Bearer s3cret")
    assert (added.batch_policy, added.stream) == ("refuse-batches", "segment:web")


async def test_a_label_belongs_to_one_endpoint_of_a_source_at_a_time(
    database: Database, vault: Vault, workspace: Workspace, stripe: Endpoint
) -> None:
    again = NewEndpoint(workspace.id, "stripe", signing_secret="whsec_2")
    with pytest.raises(UsageError, match="another label"):
        await database.transact(endpoints.add, vault, again, now=3)
    elsewhere = dataclasses.replace(again, source="segment")
    assert (await database.transact(endpoints.add, vault, elsewhere, now=3)).stream == "segment:default"


async def test_all_stripe_endpoints_of_a_workspace_are_one_stream_and_a_segment_source_is_its_own(
    database: Database, vault: Vault, workspace: Workspace, stripe: Endpoint
) -> None:
    """Two on one account get the same event ids; of a pasted secret nobody knows which account it belongs to."""
    second = NewEndpoint(workspace.id, "stripe", "second", signing_secret="whsec_2")
    assert (await database.transact(endpoints.add, vault, second, now=3)).stream == stripe.stream
    await database.transact(endpoints.remove, stripe.id, now=4)
    third = NewEndpoint(workspace.id, "stripe", "another label", signing_secret="whsec_3")
    assert (await database.transact(endpoints.add, vault, third, now=5)).stream == stripe.stream
    labels = ("web", "app")
    added = [NewEndpoint(workspace.id, "segment", label, signing_secret="s") for label in labels]
    streams = [(await database.transact(endpoints.add, vault, each, now=6)).stream for each in added]
    assert streams == ["segment:web", "segment:app"]


async def test_the_stream_outlives_removal_and_re_adding(
    database: Database, vault: Vault, workspace: Workspace, stripe: Endpoint
) -> None:
    await database.transact(endpoints.remove, stripe.id, now=3)
    again = await database.transact(
        endpoints.add, vault, NewEndpoint(workspace.id, "stripe", signing_secret="whsec_2"), now=4
    )
    assert again.stream == stripe.stream
    assert again.token != stripe.token


async def test_rotation_adds_the_new_secret_in_front_and_keeps_the_old(
    database: Database, vault: Vault, stripe: Endpoint
) -> None:
    both = await database.transact(endpoints.rotate, vault, stripe, new="whsec_2", drop_old=False, now=5)
    assert (both.signing_secrets, both.rotated_at, both.token) == (("whsec_2", "whsec_1"), 5, stripe.token)
    one = await database.transact(endpoints.rotate, vault, both, new=None, drop_old=True, now=6)
    assert one.signing_secrets == ("whsec_2",)


async def test_rotation_can_replace_at_once(database: Database, vault: Vault, stripe: Endpoint) -> None:
    rotated = await database.transact(endpoints.rotate, vault, stripe, new="whsec_2", drop_old=True, now=5)
    assert rotated.signing_secrets == ("whsec_2",)


async def test_rotation_that_changes_nothing_says_so(database: Database, vault: Vault, stripe: Endpoint) -> None:
    for new, drop_old in (("whsec_1", False), (None, True)):
        with pytest.raises(UsageError, match="already"):
            await database.transact(endpoints.rotate, vault, stripe, new=new, drop_old=drop_old, now=5)


async def test_a_removed_endpoint_is_known_but_has_no_secrets_left(
    database: Database, vault: Vault, stripe: Endpoint
) -> None:
    assert await database.transact(endpoints.remove, stripe.id, now=9)
    assert not await database.transact(endpoints.remove, stripe.id, now=10)
    removed = await database.read(endpoints.get, vault, stripe.id)
    assert removed.removed
    assert (removed.removed_at, removed.signing_secrets, removed.restricted_key) == (9, (), None)
    with pytest.raises(UsageError, match="removed"):
        await database.transact(endpoints.rotate, vault, removed, new="whsec_2", drop_old=False, now=11)


async def test_endpoints_are_listed_by_workspace_with_or_without_the_removed(
    database: Database, vault: Vault, workspace: Workspace, stripe: Endpoint
) -> None:
    other = await database.transact(store.add, vault, Installation("other", "t"), now=1)
    theirs = await database.transact(
        endpoints.add, vault, NewEndpoint(other.id, "stripe", signing_secret="whsec_3"), now=3
    )
    await database.transact(endpoints.remove, stripe.id, now=4)
    assert [each.id for each in await database.read(endpoints.page, vault)] == [stripe.id, theirs.id]
    assert [each.id for each in await database.read(endpoints.page, vault, removed=False)] == [theirs.id]
    assert [each.id for each in await database.read(endpoints.page, vault, workspace_id=workspace.id)] == [stripe.id]


async def test_a_lost_key_is_named(database: Database, vault: Vault, stripe: Endpoint) -> None:
    with pytest.raises(SecretError, match=vault.key_ids[0]):
        await database.read(endpoints.get, Vault([Key.parse(new_key())]), stripe.id)

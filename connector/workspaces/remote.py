"""Endpoints that exist at Stripe too, because we made them there with a restricted key.  [SQL]

A removed one keeps its restricted key until it is deleted at Stripe, whatever happens to the process meanwhile; then,
or after three days of trying, the key is forgotten.
"""

from __future__ import annotations

import json
from collections.abc import Sequence

from sqlalchemy import Connection, select, update

from connector.database.tables import endpoints as table
from connector.workspaces import changes, endpoints
from connector.workspaces.endpoints import Endpoint
from connector.workspaces.modes import EndpointMode
from connector.workspaces.vault import Vault

GIVE_UP_MS = 3 * 24 * 3600 * 1000


def made(
    connection: Connection, vault: Vault, endpoint: Endpoint, *, remote_id: str, secret: str | None, version: str
) -> Endpoint:
    """Keep what Stripe said of an endpoint that was made, or found, there; a `secret` takes the place of any other."""
    if secret is not None:
        sealed = {"signing_secrets": json.dumps([secret])}
        endpoints.seal(connection, vault, endpoint.id, endpoint.workspace_id, sealed)
    connection.execute(
        update(table).where(table.c.id == endpoint.id).values(remote_id=remote_id, api_version=version[:64])
    )
    changes.bump(connection)
    return endpoints.get(connection, vault, endpoint.id)


def change_key(connection: Connection, vault: Vault, endpoint: Endpoint, restricted_key: str) -> Endpoint:
    """Take another restricted key for the same account and mode."""
    sealed = {"restricted_key": restricted_key}
    endpoints.seal(connection, vault, endpoint.id, endpoint.workspace_id, sealed)
    changes.bump(connection)
    return endpoints.get(connection, vault, endpoint.id)


def of_account(
    connection: Connection, vault: Vault, workspace_id: int, account_id: str, mode: EndpointMode
) -> Endpoint | None:
    """The workspace's endpoint for a Stripe account and mode, so that no second one is made beside it."""
    found = endpoints.page(connection, vault, workspace_id=workspace_id, removed=False)
    return next((each for each in found if each.account_id == account_id and each.mode is mode), None)


def to_delete(connection: Connection, vault: Vault, *, workspace_id: int | None = None) -> Sequence[Endpoint]:
    """Removed endpoints that are still to be deleted at Stripe."""
    query = select(table.c.id).where(
        table.c.removed_at.is_not(None), table.c.remote_id.is_not(None), table.c.restricted_key.is_not(None)
    )
    if workspace_id is not None:
        query = query.where(table.c.workspace_id == workspace_id)
    return [endpoints.get(connection, vault, found) for found in connection.scalars(query.order_by(table.c.id)).all()]


def forget(connection: Connection, endpoint_id: int) -> None:
    """It is gone at Stripe, or out of our reach: forget its key."""
    connection.execute(
        update(table)
        .where(table.c.id == endpoint_id, table.c.removed_at.is_not(None))
        .values(restricted_key=None, remote_id=None)
    )

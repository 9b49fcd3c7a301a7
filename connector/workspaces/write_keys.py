"""Write keys that browsers may show, of an endpoint that stands in for Segment's tracking API.  [SQL]

A server's keys are the endpoint's signing secrets: as secret, and rotated like them.
"""

from __future__ import annotations

import json

from sqlalchemy import Connection, update

from connector.database.tables import endpoints as table
from connector.workspaces import changes, endpoints
from connector.workspaces.endpoints import Endpoint
from connector.workspaces.vault import Vault


def rotate_browser(connection: Connection, vault: Vault, endpoint: Endpoint, *, new: str, now: int) -> None:
    """Take a further key, the first from now on; the others stay good until they are dropped."""
    _seal(connection, vault, endpoint, (new, *endpoint.browser_keys))
    connection.execute(update(table).where(table.c.id == endpoint.id).values(rotated_at=now))


def drop_old(connection: Connection, vault: Vault, endpoint: Endpoint) -> None:
    """Only the newest key is good from now on."""
    _seal(connection, vault, endpoint, endpoint.browser_keys[:1])


def _seal(connection: Connection, vault: Vault, endpoint: Endpoint, keys: tuple[str, ...]) -> None:
    sealed = {"browser_keys": json.dumps(keys)}
    endpoints.seal(connection, vault, endpoint.id, endpoint.workspace_id, sealed)
    changes.bump(connection)

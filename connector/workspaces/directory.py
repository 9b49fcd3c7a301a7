"""All workspaces and endpoints in memory, for the hot path: a webhook finds its endpoint without the database.

Secrets are decrypted once per reload. A reload replaces the snapshot whole; whoever holds an Endpoint or a Workspace
of an older one holds a consistent value. A service sees what other processes change by calling `refresh_if_changed`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from sqlalchemy import Connection

from connector.database.engine import Database
from connector.workspaces import changes, endpoints, store
from connector.workspaces.endpoints import Endpoint, token_hash
from connector.workspaces.store import Workspace
from connector.workspaces.vault import Vault


@dataclass(frozen=True, slots=True)
class _Snapshot:
    changes: int
    workspaces: Mapping[int, Workspace]
    endpoints: Mapping[bytes, Endpoint]


class Directory:
    """The snapshot in use; empty until the first reload."""

    def __init__(self, database: Database, vault: Vault) -> None:
        self._database = database
        self._vault = vault
        self._snapshot = _Snapshot(-1, {}, {})

    def by_token(self, token: str) -> Endpoint | None:
        """The endpoint with that address, removed or not."""
        return self._snapshot.endpoints.get(token_hash(token))

    def workspace(self, workspace_id: int) -> Workspace | None:
        """The workspace of that id, removed or not."""
        return self._snapshot.workspaces.get(workspace_id)

    def workspaces(self) -> Iterable[Workspace]:
        """Every workspace, removed or not, by id."""
        return self._snapshot.workspaces.values()

    def endpoints(self) -> Iterable[Endpoint]:
        """Every endpoint, removed or not, by id."""
        return self._snapshot.endpoints.values()

    async def reload(self) -> None:
        """Read everything anew. Raises SecretError, and then keeps the snapshot that it has."""
        self._snapshot = await self._database.read(_read, self._vault)

    async def refresh_if_changed(self) -> bool:
        """Reload if anything has changed since the last time; whether it had."""
        if await self._database.read(changes.count) == self._snapshot.changes:
            return False
        await self.reload()
        return True


def _read(connection: Connection, vault: Vault) -> _Snapshot:
    count = changes.count(connection)  # first: what changes from here on is seen by the next refresh
    return _Snapshot(
        changes=count,
        workspaces={workspace.id: workspace for workspace in store.page(connection, vault)},
        endpoints={token_hash(endpoint.token): endpoint for endpoint in endpoints.page(connection, vault)},
    )

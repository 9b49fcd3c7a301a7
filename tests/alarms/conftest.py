"""A workspace with two endpoints, and a watch whose time stands still until a test moves it."""

from __future__ import annotations

from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any

import pytest
from sqlalchemy import Connection

from connector.alarms import counts
from connector.alarms.counts import COUNTED, HOUR_MS
from connector.alarms.watch import Watch
from connector.catalogues.built import Built
from connector.catalogues.mapping_set import SHIPPED_ALONE
from connector.database.engine import Database
from connector.mapping.catalog import Catalog
from connector.outbox import alerts
from connector.workspaces import endpoints, store
from connector.workspaces.directory import Directory
from connector.workspaces.endpoints import Endpoint, NewEndpoint
from connector.workspaces.keys import load_vault
from connector.workspaces.vault import Vault

NOW = 490_000 * HOUR_MS + 1
ENCRYPTION_KEY = "A" * 43
NOTHING = Built(SHIPPED_ALONE, Catalog(), (), (), {})


@dataclass
class Watched:
    """`now` is the time; `told` are the facts."""

    database: Database
    vault: Vault
    directory: Directory
    stripe: Endpoint
    segment: Endpoint
    told: list[Any] = field(default_factory=list)
    now: int = NOW
    built: Built = NOTHING

    @property
    def workspace_id(self) -> int:
        return self.stripe.workspace_id

    async def count(self, endpoint: Endpoint | None = None, *, hours_ago: int = 0, **counted: int) -> None:
        place = (self.workspace_id, endpoint.id if endpoint else 0)
        row = [counted.get(name, 0) for name in COUNTED]
        hour = self.now // HOUR_MS - hours_ago
        await self.database.transact(counts.add, {place: row}, set(), hour=hour)

    async def look(self) -> list[tuple[str, str]]:
        """Kind and subject of what is open after a look."""
        watch = Watch(self.database, self.directory, lambda: self.built, self.told.append, True, lambda: self.now)
        await watch.look()
        return await self.open()

    async def open(self) -> list[tuple[str, str]]:
        found = await self.database.read(alerts.open_alerts)
        return sorted((each.kind, each.subject) for each in found)


@pytest.fixture
async def watched(database: Database) -> Watched:
    vault = load_vault(SimpleNamespace(encryption_keys=_Secret(ENCRYPTION_KEY)))  # type: ignore[arg-type]

    def make(connection: Connection) -> tuple[Endpoint, Endpoint]:
        workspace = store.add(connection, vault, store.Installation("acme", "token"), now=NOW)
        new = NewEndpoint(workspace.id, "stripe", signing_secret="whsec_first", restricted_key="rk_test_sandbox")
        stripe = endpoints.add(connection, vault, new, now=NOW)
        return stripe, endpoints.add(
            connection, vault, NewEndpoint(workspace.id, "segment", signing_secret="secret"), now=NOW
        )

    stripe, segment = await database.transact(make)
    directory = Directory(database, vault)
    await directory.reload()
    return Watched(database, vault, directory, stripe, segment)


class _Secret:
    def __init__(self, value: str) -> None:
        self._value = value

    def get_secret_value(self) -> str:
        return self._value

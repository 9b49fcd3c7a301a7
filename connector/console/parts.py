"""What the console works with, put together once by `app`."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from connector.catalogues.in_use import Mappings
from connector.database.engine import Database
from connector.mapping.context import Options
from connector.settings import Settings
from connector.telemetry.facts import Tell
from connector.workspaces.directory import Directory
from connector.workspaces.vault import Vault


@dataclass(frozen=True, slots=True)
class Parts:
    """`received` and `queued` ring for the stages; `options` are the service's own about all events."""

    settings: Settings
    database: Database
    vault: Vault
    directory: Directory
    mappings: Mappings
    options: Options
    tell: Tell
    received: Callable[[], None]
    queued: Callable[[], None]

    def now(self) -> int:
        """Milliseconds since 1970."""
        return self.database.clock.now()

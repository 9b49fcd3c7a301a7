"""What every part of a service stands on: its database and directory, the mappings, the bells, and who hears facts."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from connector.alarms.counts import Counts
from connector.catalogues import store
from connector.catalogues.deploying import Refused
from connector.catalogues.folder import Folder
from connector.catalogues.in_use import Mappings
from connector.database.engine import Database, open_database
from connector.database.migrate import migrate
from connector.errors import DatabaseError, SettingsError
from connector.mapping.context import Options
from connector.outbox.bell import Bell
from connector.settings import Settings
from connector.sync.last_webhooks import LastWebhooks
from connector.telemetry.facts import MappingsNotDeployed, StageFailed, Tell, tell_all
from connector.telemetry.logs import Logs
from connector.telemetry.metrics import Metrics
from connector.workspaces.directory import Directory
from connector.workspaces.keys import load_vault
from connector.workspaces.vault import Vault

if TYPE_CHECKING:
    from connector.telemetry.traces import Traces


@dataclass(frozen=True, slots=True)
class Ground:
    """`received` rings when there is something to map, `queued` when there is something to deliver."""

    settings: Settings
    vault: Vault
    database: Database
    directory: Directory
    mappings: Mappings
    folder: Folder | None
    metrics: Metrics
    counts: Counts
    last_webhooks: LastWebhooks
    tell: Tell
    received: Bell
    queued: Bell


@contextlib.asynccontextmanager
async def grounded(settings: Settings, *, logs: Logs) -> AsyncIterator[Ground]:
    """Open, migrate and read what all parts need. Raises ConnectorError where something is not right."""
    vault = load_vault(settings)
    metrics = Metrics()
    database = await open_database(settings.database_url, owner=True)
    try:
        await migrate(database)
        directory = Directory(database, vault)
        await directory.reload()
        last_webhooks, counts = LastWebhooks(database), Counts(database)
        last_webhooks.show(metrics.gauge)
        traces = _traces(settings)
        listeners: list[Tell] = [logs.tell, metrics.count, last_webhooks.note, counts.note]
        tell = tell_all(*listeners, *([traces.tell] if traces else []))
        mappings = Mappings(database, options(settings), tell)
        folder = await _taken_up(settings, database, mappings, tell)
        bells = Bell(), Bell()
        try:
            yield Ground(
                settings, vault, database, directory, mappings, folder, metrics, counts, last_webhooks, tell, *bells
            )
        finally:
            await _last_beat(counts, tell)
            if traces is not None:
                await asyncio.to_thread(traces.close)
    finally:
        await database.close()


def options(settings: Settings) -> Options:
    """What the service has chosen about all events."""
    return Options(metadata_keys=settings.metadata_keys, zero_decimal_money=settings.zero_decimal_money.value)


async def _taken_up(settings: Settings, database: Database, mappings: Mappings, tell: Tell) -> Folder | None:
    """Begin with the deployed set, or with this process's folder where that is what deploys. Raises SettingsError.

    A folder deploys on a single machine, and the first one ever does; with several processes the deployed set counts.
    """
    folder = settings.mappings_dir and Folder(settings.mappings_dir, database, settings.metadata_keys, tell)
    deployed = await database.read(store.active_digest)
    if folder and (deployed is None or not database.many_processes):
        result = await folder.take()
        if isinstance(result, Refused) and deployed is None:
            mistakes = "\n".join(result.problems)
            raise SettingsError(
                f"the mapping files have mistakes (`connector mappings check` shows them too):\n{mistakes}"
            )
    elif folder and await folder.differs():
        tell(MappingsNotDeployed(str(folder.path)))
    await mappings.start()
    return folder or None


def _traces(settings: Settings) -> Traces | None:
    """Imported only where they are wanted. Raises SettingsError."""
    if not settings.traces:
        return None
    try:
        from connector.telemetry.traces import exporting
    except ImportError:
        raise SettingsError("CONNECTOR_TRACES needs OpenTelemetry: pip install 'connector[otel]'") from None
    return exporting()


async def _last_beat(counts: Counts, tell: Tell) -> None:
    try:
        await counts.beat()
    except (DatabaseError, OSError) as error:
        tell(StageFailed("count", error))

"""What a command works with: settings, an open database and the vault, for as long as the command runs.

A command is beside the service, never the service: it opens the database without owning it.
"""

from __future__ import annotations

import asyncio
import getpass
import os
from collections.abc import Awaitable, Callable
from functools import cached_property
from typing import TypeVar

from sqlalchemy.exc import SQLAlchemyError

from connector.database.clock import wall
from connector.database.engine import Database, open_database, parse_url, reason
from connector.database.migrate import current_revision, migrate, newest_revision
from connector.errors import DatabaseError, UsageError
from connector.settings import Settings, load
from connector.workspaces import store
from connector.workspaces.keys import load_vault
from connector.workspaces.modes import Mode
from connector.workspaces.store import Workspace
from connector.workspaces.vault import Vault

T = TypeVar("T")


class Session:
    """One command's settings, database and vault; `now` is the time at which it began, in milliseconds."""

    def __init__(self, settings: Settings, database: Database) -> None:
        self.settings = settings
        self.database = database
        self.now = wall()
        self.actor = settings.actor or _user()

    @cached_property
    def vault(self) -> Vault:
        """Opened by the first command that needs it: what shows no secrets works without the keys."""
        return load_vault(self.settings)

    async def workspace(self, app_id: str) -> Workspace:
        """The workspace that Intercom calls `app_id`. Raises UsageError."""
        found = await self.database.read(store.find, self.vault, app_id)
        if found is None or found.mode is Mode.REMOVED:
            raise _unknown(app_id)
        return found

    async def app_ids(self) -> dict[int, str]:
        """What Intercom calls each workspace, removed or not."""
        return {number: app_id for app_id, number in (await self.database.read(store.ids)).items()}

    async def workspace_id(self, app_id: str | None) -> int | None:
        """Its id, removed or not; None for None. Raises UsageError."""
        if app_id is None:
            return None
        ids = await self.database.read(store.ids)
        if app_id not in ids:
            raise _unknown(app_id)
        return ids[app_id]


def run(work: Callable[[Session], Awaitable[T]]) -> T:
    """Do `work` with the database open. Raises ConnectorError."""
    return asyncio.run(_run(load(), work))


async def _run(settings: Settings, work: Callable[[Session], Awaitable[T]]) -> T:
    database = await open_database(settings.database_url)
    try:
        await _with_tables(database, settings)
        return await work(Session(settings, database))
    except SQLAlchemyError as error:
        raise DatabaseError(await _explained(database, error)) from error
    finally:
        await database.close()


def _user() -> str:
    """Who runs this command, as far as the system knows."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # a user id without a name, as in some containers
        return f"uid {os.getuid()}"


async def _with_tables(database: Database, settings: Settings) -> None:
    """A new SQLite database gets its tables here: the first command may come before the service."""
    if await current_revision(database) is not None:
        return
    if parse_url(settings.database_url).get_backend_name() != "sqlite":
        raise DatabaseError("the database is empty. Make its tables: connector migrate")
    await migrate(database)


async def _explained(database: Database, error: SQLAlchemyError) -> str:
    """Why the database refused: most likely its tables are of another version."""
    try:
        revision, newest = await current_revision(database), newest_revision()
    except SQLAlchemyError:
        return f"the database does not answer: {reason(error)}"
    if revision != newest:
        return f"the database is at revision {revision}, this version needs {newest}. Run: connector migrate"
    return f"the database refused: {reason(error)}"


def _unknown(app_id: str) -> UsageError:
    return UsageError(f"there is no workspace {app_id!r}. `connector workspaces list` shows them")

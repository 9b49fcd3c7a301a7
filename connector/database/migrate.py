"""Bringing a database to the shape of `tables.py`, by the Alembic scripts in `migrations/`.

Safe to run again and again, and by several processes at once: one migrates, the others wait and find it done.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from sqlalchemy import Connection, text

from connector.database.engine import Database
from connector.errors import DatabaseError

if TYPE_CHECKING:
    from alembic.config import Config

_LOCK = 5_213_907_441
"""PostgreSQL advisory lock: any number that is ours alone."""


async def migrate(database: Database) -> tuple[str | None, str]:
    """Bring `database` to the newest revision; the revisions before and after."""
    return await database.transact_long(_upgrade)


async def current_revision(database: Database) -> str | None:
    """The revision that `database` is at, None for an empty one."""
    return await database.read(_revision)


def _upgrade(connection: Connection) -> tuple[str | None, str]:
    from alembic import command  # 0.2 s that only a migration is to pay

    if connection.dialect.name == "postgresql":
        connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": _LOCK})
    before = _revision(connection)
    with _explained(before):
        command.upgrade(_config(connection), "head")
    return before, _revision(connection) or ""


def _config(connection: Connection) -> Config:
    config = _scripts()
    config.attributes["connection"] = connection
    return config


def _scripts() -> Config:
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations"))
    return config


def _revision(connection: Connection) -> str | None:
    if not connection.dialect.has_table(connection, "alembic_version"):
        return None
    found = connection.scalar(text("SELECT version_num FROM alembic_version"))
    return str(found) if found else None


@cache
def newest_revision() -> str:
    """The revision that this version of the connector works with."""
    from alembic.script import ScriptDirectory

    return ScriptDirectory.from_config(_scripts()).get_current_head() or ""


@cache
def known_revisions() -> frozenset[str]:
    """Every revision that this version of the connector can bring to the newest."""
    from alembic.script import ScriptDirectory

    return frozenset(script.revision for script in ScriptDirectory.from_config(_scripts()).walk_revisions())


@contextmanager
def _explained(before: str | None) -> Iterator[None]:
    from alembic.util import CommandError

    try:
        yield
    except CommandError as error:
        raise DatabaseError(
            f"the database is at revision {before}, which this version of the connector does not know: "
            "it was made by a newer one. Install that one, or restore a backup."
        ) from error

"""Inserting rows that may be there already, alike on both databases.

Only ever `ON CONFLICT (key) DO NOTHING`: SQLite's `INSERT OR IGNORE` would swallow every other violation too.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any

from sqlalchemy import Connection, Executable, Table
from sqlalchemy.dialects import postgresql, sqlite


@cache
def _insert_new(table: Table, dialect: str, key: tuple[str, ...], changes: tuple[str, ...]) -> Executable:
    insert = sqlite.insert(table) if dialect == "sqlite" else postgresql.insert(table)
    if changes:
        return insert.on_conflict_do_update(index_elements=key, set_={name: insert.excluded[name] for name in changes})
    return insert.on_conflict_do_nothing(index_elements=key)


def _key_of(table: Table) -> tuple[str, ...]:
    return tuple(column.name for column in table.primary_key)


def insert_new(
    connection: Connection, table: Table, rows: Sequence[Mapping[str, Any]], *, key: Sequence[str] = ()
) -> int:
    """Insert those of `rows` whose `key` (default: the primary key) is free; how many those were."""
    if not rows:
        return 0
    statement = _insert_new(table, connection.dialect.name, tuple(key) or _key_of(table), ())
    return connection.execute(statement, list(rows)).rowcount


def upsert(
    connection: Connection,
    table: Table,
    rows: Sequence[Mapping[str, Any]],
    *,
    changes: Sequence[str],
    key: Sequence[str] = (),
) -> None:
    """Insert `rows`; where the key is taken, set the columns `changes` to the new values."""
    if rows:
        statement = _insert_new(table, connection.dialect.name, tuple(key) or _key_of(table), tuple(changes))
        connection.execute(statement, list(rows))

"""Writing many rows at once, alike on both databases.

Rows that may be there already are only ever inserted with `ON CONFLICT (key) DO NOTHING`: SQLite's `INSERT OR IGNORE`
would swallow every other violation too.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from typing import Any, TypeAlias

from sqlalchemy import Connection, Insert, Select, Table, Update, bindparam
from sqlalchemy.dialects import postgresql, sqlite

Rows: TypeAlias = Sequence[dict[str, Any]]
"""Column name → value; int, str, bytes, float, bool or None, as the driver takes them."""


def run_many(connection: Connection, statement: Insert | Update, rows: Rows) -> int:
    """Run `statement` once for each of `rows`; how many rows it changed altogether.

    On SQLite the statement is compiled once and the rows go to the driver as they are: SQLAlchemy's own handling of
    each value costs as much again as the insert itself.
    """
    if not rows:
        return 0
    if connection.dialect.name == "sqlite":
        return connection.exec_driver_sql(_compiled(statement), list(rows)).rowcount
    return connection.execute(statement, list(rows)).rowcount


ANY_KEY = ("*",)
"""For a table with several unique keys, where a row may be there already by any of them."""


def insert_new(connection: Connection, table: Table, rows: Rows, *, key: Sequence[str] = ()) -> int:
    """Insert those of `rows` whose `key` (default: the primary key) is free; how many those were."""
    if not rows:
        return 0
    return run_many(connection, _insert(table, connection.dialect.name, tuple(rows[0]), tuple(key), ()), rows)


def upsert(
    connection: Connection, table: Table, rows: Rows, *, changes: Sequence[str], key: Sequence[str] = ()
) -> None:
    """Insert `rows`; where the key is taken, set the columns `changes` to the new values."""
    if rows:
        statement = _insert(table, connection.dialect.name, tuple(rows[0]), tuple(key), tuple(changes))
        run_many(connection, statement, rows)


def new_rows(
    table: Table,
    dialect: str,
    *,
    columns: Sequence[str] = (),
    rows: Select[Any] | None = None,
    key: Sequence[str] = (),
    changes: Sequence[str] = (),
) -> Insert:
    """The statement behind the two above, for callers that keep it; `rows` selects what to insert into all columns."""
    insert = sqlite.insert(table) if dialect == "sqlite" else postgresql.insert(table)
    if rows is not None:
        insert = insert.from_select([column.name for column in table.c], rows)
    else:
        insert = insert.values({name: bindparam(name, type_=table.c[name].type) for name in columns})
    if tuple(key) == ANY_KEY:
        return insert.on_conflict_do_nothing()
    taken = list(key) or [column.name for column in table.primary_key]
    if changes:
        return insert.on_conflict_do_update(
            index_elements=taken, set_={name: insert.excluded[name] for name in changes}
        )
    return insert.on_conflict_do_nothing(index_elements=taken)


@cache
def _insert(
    table: Table, dialect: str, columns: tuple[str, ...], key: tuple[str, ...], changes: tuple[str, ...]
) -> Insert:
    return new_rows(table, dialect, columns=columns, key=key, changes=changes)


@cache
def _compiled(statement: Insert | Update) -> str:
    return str(statement.compile(dialect=sqlite.dialect(paramstyle="named")))

"""Migrations only add, so that processes of the version before go on while, and after, a newer one migrates."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from typing import Any

import pytest
import sqlalchemy as sa
from alembic import command
from alembic.script import ScriptDirectory
from sqlalchemy import Connection

from connector.database.engine import Database, open_database
from connector.database.migrate import _config, _scripts
from tests.conftest import _execute, _url


@dataclass(frozen=True)
class Shape:
    """Tables with their columns, and what has to be unique in them."""

    columns: Mapping[tuple[str, str], Mapping[str, Any]]
    unique: frozenset[tuple[str, ...]]

    @property
    def tables(self) -> set[str]:
        return {table for table, _ in self.columns}


def shape(connection: Connection) -> Shape:
    looked = sa.inspect(connection)
    tables = [name for name in looked.get_table_names() if not name.startswith("bodies_")]  # partitions
    columns = {(table, column["name"]): column for table in tables for column in looked.get_columns(table)}
    unique = {(table, *sorted(looked.get_pk_constraint(table)["constrained_columns"])) for table in tables}
    for table in tables:
        unique |= {(table, *sorted(each["column_names"])) for each in looked.get_unique_constraints(table)}
        unique |= {(table, *sorted(each["column_names"])) for each in looked.get_indexes(table) if each["unique"]}
    return Shape(columns, frozenset(unique))


def mistakes(before: Shape, after: Shape) -> list[str]:
    """What a process that knows only `before` would stumble over."""
    gone = [f"{table}.{column} is gone" for table, column in before.columns.keys() - after.columns.keys()]
    changed = [
        f"{place[0]}.{place[1]} is another type"
        for place, column in before.columns.items()
        if place in after.columns and str(column["type"]) != str(after.columns[place]["type"])
    ]
    narrowed = [
        f"{place[0]}.{place[1]} may no longer be empty"
        for place, column in before.columns.items()
        if place in after.columns and column["nullable"] and not after.columns[place]["nullable"]
    ]
    demanded = [
        f"{table}.{name} is new and has to be given"
        for (table, name), column in after.columns.items()
        if table in before.tables
        and (table, name) not in before.columns
        and not column["nullable"]
        and column["default"] is None
    ]
    unique = [
        f"{each[0]} is to be unique by {', '.join(each[1:])}"
        for each in after.unique - before.unique
        if each[0] in before.tables and each[1:] and not _is_wider(each, before)
    ]
    return gone + changed + narrowed + demanded + unique


def _is_wider(each: tuple[str, ...], before: Shape) -> bool:
    """Whether fewer columns had to be unique already: it then forbids nothing new."""
    return any(each[0] == had[0] and set(had[1:]) <= set(each[1:]) for had in before.unique)


@pytest.fixture(params=["sqlite", "postgres"])
async def unmigrated(request: pytest.FixtureRequest) -> AsyncIterator[Database]:
    """An empty database, once of each kind."""
    if request.param == "sqlite":
        url = str(request.getfixturevalue("sqlite_url"))
    else:
        server = str(request.getfixturevalue("postgres_server"))
        await _execute(server, "DROP DATABASE IF EXISTS unmigrated WITH (FORCE)")
        await _execute(server, "CREATE DATABASE unmigrated")
        url = _url(server, "unmigrated")
    database = await open_database(url)
    yield database
    await database.close()


async def test_each_migration_leaves_all_that_the_version_before_works_with(unmigrated: Database) -> None:
    scripts = list(reversed([each.revision for each in ScriptDirectory.from_config(_scripts()).walk_revisions()]))

    def step(connection: Connection, revision: str) -> Shape:
        command.upgrade(_config(connection), revision)
        return shape(connection)

    before = await unmigrated.transact_long(step, scripts[0])
    found: dict[str, list[str]] = {}
    for revision in scripts[1:]:
        after = await unmigrated.transact_long(step, revision)
        found[revision] = mistakes(before, after)
        before = after
    assert {revision: wrong for revision, wrong in found.items() if wrong} == {}
    assert len(found) >= 10


def test_what_is_no_addition_is_found() -> None:
    """The judge itself: each kind of mistake, made on purpose."""

    def made(*statements: str) -> Shape:
        with sa.create_engine("sqlite://").connect() as connection:
            for statement in ("CREATE TABLE a (id INTEGER PRIMARY KEY, b TEXT, c INTEGER)", *statements):
                connection.exec_driver_sql(statement)
            return shape(connection)

    assert mistakes(made(), made("ALTER TABLE a ADD COLUMN d TEXT", "CREATE TABLE e (f TEXT NOT NULL)")) == []
    assert mistakes(made(), made("ALTER TABLE a ADD COLUMN d TEXT NOT NULL DEFAULT ''")) == []
    assert mistakes(made(), made("ALTER TABLE a DROP COLUMN b")) == ["a.b is gone"]
    assert mistakes(made(), made("CREATE UNIQUE INDEX u ON a (b)")) == ["a is to be unique by b"]
    renamed = made(
        "DROP TABLE a", "CREATE TABLE a (id INTEGER PRIMARY KEY, b INTEGER NOT NULL, c INTEGER, d INTEGER NOT NULL)"
    )
    assert mistakes(made(), renamed) == [
        "a.b is another type",
        "a.b may no longer be empty",
        "a.d is new and has to be given",
    ]

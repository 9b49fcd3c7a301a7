"""Writing many rows at once, alike on both databases.

Rows that may be there already are only ever inserted with `ON CONFLICT (key) DO NOTHING`: SQLite's `INSERT OR IGNORE`
would swallow every other violation too.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import chain
from operator import itemgetter
from typing import Any, TypeAlias

from sqlalchemy import (
    ClauseElement,
    Column,
    ColumnElement,
    Connection,
    CursorResult,
    Executable,
    Insert,
    LargeBinary,
    Row,
    String,
    Table,
    TableValuedAlias,
    Text,
    Update,
    any_,
    bindparam,
    column,
    func,
    or_,
    select,
)
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.types import TypeEngine

Rows: TypeAlias = Sequence[dict[str, Any]]
"""Column name → value; int, str, bytes, float, bool or None, as the driver takes them."""
AnyRow: TypeAlias = Row[*tuple[Any, ...]]
"""A row of however many columns."""


LONGEST_CHUNK = 128
"""Rows in one statement; times its columns this stays below SQLite's 32,766 parameters."""
NAMED_AT_ONCE = 500
"""Keys in one statement: both drivers take about 32,766 parameters, and a long list is planned anew each time."""


def parts(keys: Sequence[bytes]) -> Iterator[Sequence[bytes]]:
    """`keys` in runs that are short enough to be named in one statement."""
    for start in range(0, len(keys), NAMED_AT_ONCE):
        yield keys[start : start + NAMED_AT_ONCE]


Among: TypeAlias = Callable[[ColumnElement[bytes]], ColumnElement[bool]]
"""Makes the condition that a column holds one of the keys that a statement is run for."""
MOST_KEYS = 512
"""Keys that one run of a statement names."""


class ByKeys:
    """A statement about the rows of some keys, built once and run many times, for it runs on the hottest paths.

    `build` gets `among`, which makes the condition on the keys. On SQLite the statement goes to the driver as it was
    compiled for so many keys, because SQLAlchemy's handling of each key costs more than the database's; so the rows
    it gives hold what the driver gives: 0 and 1 for a truth. On PostgreSQL the keys are one array.
    """

    def __init__(self, build: Callable[[Among], Executable]) -> None:
        self._build = build
        self._sqlite: dict[int, _Positional] = {}
        self._postgres: Executable | None = None

    def rows(self, connection: Connection, keys: Sequence[bytes], **values: object) -> list[AnyRow]:
        """Run it for `keys`; the rows that it gives."""
        found: list[AnyRow] = []
        for result in self._results(connection, keys, values):
            found += result.fetchall()
        return found

    def run(self, connection: Connection, keys: Sequence[bytes], **values: object) -> None:
        """Run it for `keys`."""
        for _ in self._results(connection, keys, values):
            pass

    def _results(
        self, connection: Connection, keys: Sequence[bytes], values: dict[str, object]
    ) -> Iterator[CursorResult[Any]]:
        for start in range(0, len(keys), MOST_KEYS):
            some = keys[start : start + MOST_KEYS]
            if connection.dialect.name == "sqlite":
                compiled = self._for_sqlite(len(some))
                yield connection.exec_driver_sql(compiled.sql, compiled.parameters(some, values))
            else:
                yield connection.execute(self._for_postgres(), {**values, "keys": list(some)})

    def _for_sqlite(self, keys: int) -> _Positional:
        """Compiled for 2ⁿ keys, so that few different statements are ever prepared; the last key is named again."""
        size = 1 << (keys - 1).bit_length()
        if size not in self._sqlite:
            named = [bindparam(f"key_{place}", type_=LargeBinary) for place in range(size)]
            self._sqlite[size] = _Positional.of(self._build(lambda column: column.in_(named)), size)
        return self._sqlite[size]

    def _for_postgres(self) -> Executable:
        if self._postgres is None:
            bound = bindparam("keys", type_=postgresql.ARRAY(LargeBinary))
            self._postgres = self._build(lambda column: column == any_(bound))
        return self._postgres


@dataclass(frozen=True, slots=True)
class _Positional:
    """A statement as SQLite's driver takes it: its parameters before, among and after the keys."""

    sql: str
    before: tuple[str, ...]
    keys: int
    after: tuple[str, ...]
    given: Mapping[str, Any]

    @classmethod
    def of(cls, statement: Executable, keys: int) -> _Positional:
        assert isinstance(statement, ClauseElement)
        compiled = statement.compile(dialect=sqlite.dialect(paramstyle="qmark"))
        assert isinstance(compiled, SQLCompiler)
        names = tuple(compiled.positiontup or ())
        first = names.index("key_0")
        given = {name: bound.value for name, bound in compiled.binds.items() if not bound.required}
        return cls(str(compiled), names[:first], keys, names[first + keys :], given)

    def parameters(self, keys: Sequence[bytes], values: Mapping[str, object]) -> tuple[object, ...]:
        own = self.given
        before = [values[name] if name in values else own[name] for name in self.before]
        after = [values[name] if name in values else own[name] for name in self.after]
        return (*before, *keys, *[keys[-1]] * (self.keys - len(keys)), *after)


def run_many(connection: Connection, statement: Update, rows: Rows) -> None:
    """Run `statement` once for each of `rows`.

    On SQLite the rows go to the driver as they are, because SQLAlchemy's handling of each value costs as much again as
    the update itself.
    """
    if rows and connection.dialect.name == "sqlite":
        connection.exec_driver_sql(_compiled(statement, 1).sql, list(rows))
    elif rows:
        connection.execute(statement, list(rows))


def _run_insert(connection: Connection, statement: Insert, rows: Rows) -> int:
    """Insert `rows`; how many rows that changed.

    Many go in one statement. On SQLite, because the driver takes the interpreter's lock back after every one, which
    beside a busy event loop costs more than all the rest. On PostgreSQL each column is one array: that is one
    statement for any number of rows, and the only one that says how many there were.
    """
    if connection.dialect.name == "sqlite":
        return sum(_run_chunk(connection, statement, chunk) for chunk in _chunks(rows))
    return connection.execute(statement, {name: [row[name] for row in rows] for name in rows[0]}).rowcount


@dataclass(frozen=True, slots=True)
class _Sql:
    """A statement as SQLite takes it, and the names of its parameters in order, for one row."""

    sql: str
    names: tuple[str, ...]


def _chunks(rows: Rows) -> Iterator[Rows]:
    """Runs of a multiple of eight rows, then the rest: two statements for most batches, and few that are different."""
    start = 0
    while left := len(rows) - start:
        size = min(LONGEST_CHUNK, left if left < 8 else left - left % 8)
        yield rows[start : start + size]
        start += size


def _run_chunk(connection: Connection, statement: Insert, rows: Rows) -> int:
    compiled = _compiled(statement, len(rows))
    values = tuple(chain.from_iterable(map(itemgetter(*compiled.names), rows)))  # no table of ours has one column
    return connection.exec_driver_sql(compiled.sql, values).rowcount


ANY_KEY = ("*",)
"""For a table with several unique keys, where a row may be there already by any of them."""


def insert_new(connection: Connection, table: Table, rows: Rows, *, key: Sequence[str] = ()) -> int:
    """Insert those of `rows` whose `key` (default: the primary key) is free; how many those were."""
    if not rows:
        return 0
    return _run_insert(connection, _insert(table, connection.dialect.name, tuple(rows[0]), tuple(key), ()), rows)


def upsert(
    connection: Connection, table: Table, rows: Rows, *, changes: Sequence[str], key: Sequence[str] = ()
) -> None:
    """Insert `rows`; where the key is taken, set the columns `changes` to the new values."""
    if rows:
        statement = _insert(table, connection.dialect.name, tuple(rows[0]), tuple(key), tuple(changes))
        _run_insert(connection, statement, rows)


def insert_or_lower(connection: Connection, table: Table, rows: Rows, column: str) -> None:
    """Insert `rows`; where the key is taken, lower `column` to the new value, if that is less or there is none.

    On PostgreSQL this locks also the rows that it leaves as they are.
    """
    if rows:
        statement = _insert(table, connection.dialect.name, tuple(rows[0]), (), (column,), lower=True)
        _run_insert(connection, statement, rows)


@cache
def _insert(
    table: Table,
    dialect: str,
    columns: tuple[str, ...],
    key: tuple[str, ...],
    changes: tuple[str, ...],
    *,
    lower: bool = False,
) -> Insert:
    insert = _values(table, columns) if dialect == "sqlite" else _arrays(table, columns)
    if key == ANY_KEY:
        return insert.on_conflict_do_nothing()
    taken = key or tuple(column.name for column in table.primary_key)
    if changes:
        new = insert.excluded
        less = or_(*(or_(table.c[name].is_(None), table.c[name] > new[name]) for name in changes)) if lower else None
        return insert.on_conflict_do_update(
            index_elements=taken, set_={name: new[name] for name in changes}, where=less
        )
    return insert.on_conflict_do_nothing(index_elements=taken)


def _values(table: Table, columns: tuple[str, ...]) -> sqlite.Insert:
    return sqlite.insert(table).values({name: bindparam(name, type_=table.c[name].type) for name in columns})


def _arrays(table: Table, columns: tuple[str, ...]) -> postgresql.Insert:
    rows = arrays([table.c[name] for name in columns])
    return postgresql.insert(table).from_select(columns, select(rows))


def arrays(columns: Sequence[Column[Any]]) -> TableValuedAlias:
    """Rows of these columns, of which each is bound as one array under its name (PostgreSQL)."""
    bound = [bindparam(each.name, type_=postgresql.ARRAY(_uncut(each.type))) for each in columns]
    return func.unnest(*bound).table_valued(*(column(each.name, each.type) for each in columns)).render_derived()


def _uncut(type_: TypeEngine[Any]) -> TypeEngine[Any]:
    """A cast to varchar(255)[] would cut what is too long, where the column refuses it."""
    return Text() if isinstance(type_, String) else type_


@cache
def _compiled(statement: Insert | Update, rows: int) -> _Sql:
    """Compiled once for each number of rows. An insert repeats its one group of values."""
    if isinstance(statement, Update):
        return _Sql(str(statement.compile(dialect=sqlite.dialect(paramstyle="named"))), ())
    compiled = statement.compile(dialect=sqlite.dialect(paramstyle="qmark"))
    names = tuple(compiled.positiontup or ())
    group = f"({', '.join('?' * len(names))})"
    head, found, tail = str(compiled).partition(f"VALUES {group}")
    if not found:
        raise ValueError(f"an insert without one group of values: {compiled}")
    return _Sql(f"{head}VALUES {', '.join([group] * rows)}{tail}", names)

"""Opening the database and running work on it; the same plain functions run on SQLite and on PostgreSQL.

All SQL in this product is written as synchronous functions whose first argument is a `sqlalchemy.Connection`.
`read` and `transact` run one such function in one hop; `write` hands a row to the writer that commits in groups.

- SQLite (embedded, one service process): reads on a few threads with `query_only` connections, everything that
  writes on one thread with one connection. One hop to a thread per transaction, not one per statement.
- PostgreSQL (any number of equal processes): asyncpg, each function inside SQLAlchemy's `run_sync`.
"""

from __future__ import annotations

import asyncio
import sys
from abc import ABC, abstractmethod
from collections.abc import AsyncIterator, Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Concatenate, ParamSpec, TypeVar

from sqlalchemy import URL, Connection, Engine, create_engine, event, make_url, text
from sqlalchemy.exc import DataError, IntegrityError, SQLAlchemyError
from sqlalchemy.pool import NullPool, QueuePool

from connector.database.clock import Clock
from connector.database.file_lock import OwnerLock, WriteLock
from connector.database.group_commit import Apply, GroupCommit, Limits, Result, Row, Write, apply_all, is_one_statement
from connector.errors import DatabaseError, SettingsError, Unavailable, Unstorable

if TYPE_CHECKING:
    from sqlalchemy.ext.asyncio import AsyncEngine

P = ParamSpec("P")
T = TypeVar("T")

SWITCH_S = 0.0005
"""After how long a busy event loop hands the interpreter to the writing thread, which asks for it several times for
each statement: at Python's own 5 ms, a turn of delivery with its twenty statements could wait for half a second."""
HANGS_S = 20.0
"""What a service lets PostgreSQL take for one transaction. A connection that a router has forgotten never says so, and
would hold up the writer, or a worker, for as long as the kernel goes on sending: a quarter of an hour, or two."""
READERS = 4
"""Threads that read from SQLite side by side."""
_NO_BEGIN = "no_begin"
"""Set on a connection whose next statement is a transaction by itself."""


class Database(ABC):
    """One open database."""

    many_processes: bool
    """Whether other service processes may work on it at the same time."""

    def __init__(self) -> None:
        self.clock = Clock()
        self.writer: GroupCommit

    @abstractmethod
    async def read(self, query: Callable[Concatenate[Connection, P], T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Run `query` on a connection that cannot write."""

    async def transact_long(
        self, work: Callable[Concatenate[Connection, P], T], *args: P.args, **kwargs: P.kwargs
    ) -> T:
        """The same for what may take its time: a migration."""
        return await self.transact(work, *args, **kwargs)

    @abstractmethod
    async def transact(self, work: Callable[Concatenate[Connection, P], T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Run `work` in one write transaction; durable when this returns, undone when it raises."""

    async def write(
        self, apply: Apply[Row, Result], row: Row, *, size: int = 0, urgent: bool = False, patient: bool = False
    ) -> Result:
        """Write `row` together with whatever else waits; durable when this returns.

        Raises Unavailable, and of those Unstorable where it is of no use to try the row again.
        """
        try:
            return await self.writer.write(apply, row, size=size, urgent=urgent, patient=patient)
        except (SQLAlchemyError, OSError) as error:
            raise _refusal(error) from error

    @abstractmethod
    async def close(self) -> None:
        """Commit what waits and let go of the database."""


class Sqlite(Database):
    """A SQLite file of which this process is, or is not, the owning service."""

    many_processes = False

    def __init__(self, path: Path, *, owner: bool, limits: Limits | None = None) -> None:
        super().__init__()
        self._owner_lock = OwnerLock(path) if owner else None
        if owner:
            sys.setswitchinterval(SWITCH_S)
        self._lock = WriteLock(path)
        self._write_engine = _sqlite_engine(path, writes=True, checkpoints=owner)
        self._read_engine = _sqlite_engine(path, writes=False, checkpoints=False)
        self._write_thread = ThreadPoolExecutor(1, "database-writer")
        self._read_threads = ThreadPoolExecutor(READERS, "database-reader")
        self._connection: Connection | None = None
        self._loop = asyncio.get_running_loop()
        self.writer = GroupCommit(self._commit, limits)

    async def read(self, query: Callable[Concatenate[Connection, P], T], *args: P.args, **kwargs: P.kwargs) -> T:
        """See Database.read."""

        def run() -> T:
            with self._read_engine.connect() as connection:
                return query(connection, *args, **kwargs)

        return await self._loop.run_in_executor(self._read_threads, run)

    async def transact(self, work: Callable[Concatenate[Connection, P], T], *args: P.args, **kwargs: P.kwargs) -> T:
        """See Database.transact. It takes its place in the writer's line, in a commit with others.

        The answer is that of the commit, however long it takes: what was claimed must not be taken for not claimed.
        """

        def apply(connection: Connection, rows: Sequence[None]) -> Sequence[T]:
            return [work(connection, *args, **kwargs) for _ in rows]

        return await self.write(apply, None, patient=True)

    async def close(self) -> None:
        """See Database.close."""
        await self.writer.close()
        await self._loop.run_in_executor(self._write_thread, self._disconnect)
        self._write_thread.shutdown()
        self._read_threads.shutdown()
        self._read_engine.dispose()
        self._lock.close()
        if self._owner_lock:
            self._owner_lock.close()

    async def _commit(self, writes: Sequence[Write]) -> Sequence[Any]:
        return await self._loop.run_in_executor(self._write_thread, self._commit_now, writes)

    def _commit_now(self, writes: Sequence[Write]) -> Sequence[Any]:
        with self._lock:
            if self._connection is None:
                self._connection = self._write_engine.connect()
            self._connection.info[_NO_BEGIN] = is_one_statement(writes)
            with self._connection.begin():
                return apply_all(self._connection, writes)

    def _disconnect(self) -> None:
        with self._lock:
            if self._connection is not None:
                self._connection.close()
            self._write_engine.dispose()


class Postgres(Database):
    """A PostgreSQL database, shared with any number of processes."""

    many_processes = True

    def __init__(self, engine: AsyncEngine, limits: Limits | None = None, *, hangs_s: float | None = None) -> None:
        super().__init__()
        self._engine = engine
        self._without_begin = engine.execution_options(isolation_level="AUTOCOMMIT")
        self._hangs_s = hangs_s
        self.writer = GroupCommit(self._commit, limits)

    async def read(self, query: Callable[Concatenate[Connection, P], T], *args: P.args, **kwargs: P.kwargs) -> T:
        """See Database.read."""
        async with self._in_time(), self._engine.connect() as connection:
            await connection.execution_options(postgresql_readonly=True)
            return await connection.run_sync(query, *args, **kwargs)

    async def transact(self, work: Callable[Concatenate[Connection, P], T], *args: P.args, **kwargs: P.kwargs) -> T:
        """See Database.transact."""
        try:
            async with self._in_time(), self._engine.begin() as connection:
                return await connection.run_sync(work, *args, **kwargs)
        except (SQLAlchemyError, OSError) as error:
            raise _refusal(error) from error

    async def transact_long(
        self, work: Callable[Concatenate[Connection, P], T], *args: P.args, **kwargs: P.kwargs
    ) -> T:
        """See Database.transact_long."""
        try:
            async with self._engine.begin() as connection:
                return await connection.run_sync(work, *args, **kwargs)
        except (SQLAlchemyError, OSError) as error:
            raise _refusal(error) from error

    async def follow_clock(self) -> None:
        """Set our schedule clock by the database's, so that all processes agree about leases."""
        before = self.clock.now()
        there = await self.read(_clock_of)
        self.clock.follow(there, round_trip_ms=self.clock.now() - before)

    async def close(self) -> None:
        """See Database.close."""
        await self.writer.close()
        await self._engine.dispose()

    async def _commit(self, writes: Sequence[Write]) -> Sequence[Any]:
        engine = self._without_begin if is_one_statement(writes) else self._engine
        async with self._in_time(), engine.begin() as connection:
            return await connection.run_sync(apply_all, writes)

    @asynccontextmanager
    async def _in_time(self) -> AsyncIterator[None]:
        """Give a connection up that hangs, and with it all that are idle: they are as old."""
        try:
            async with asyncio.timeout(self._hangs_s):
                yield
        except TimeoutError:
            await self._engine.dispose(close=False)
            raise


def parse_url(url: str) -> URL:
    """`url` with the driver that we use for it, or SettingsError with what to write instead."""
    try:
        parsed = make_url(url)
    except SQLAlchemyError:
        raise SettingsError(_URL_HELP) from None
    backend = {"postgres": "postgresql"}.get(parsed.get_backend_name(), parsed.get_backend_name())
    if backend == "sqlite" and parsed.database and parsed.database != ":memory:":
        return parsed.set(drivername="sqlite+pysqlite")
    if backend == "postgresql":
        return parsed.set(drivername="postgresql+asyncpg")
    raise SettingsError(_URL_HELP)


_URL_HELP = "CONNECTOR_DATABASE_URL is neither sqlite:///path/to/file.db nor postgresql://user:password@host/database"


async def open_database(url: str, *, owner: bool = False, limits: Limits | None = None) -> Database:
    """Open `url`. `owner` is the service itself: one process on SQLite, refused with `Locked` for a second one."""
    parsed = parse_url(url)
    if parsed.get_backend_name() == "sqlite":
        return Sqlite(_sqlite_path(parsed), owner=owner, limits=limits)
    database = Postgres(_postgres_engine(parsed), limits, hangs_s=HANGS_S if owner else None)
    try:
        await database.follow_clock()
    except (SQLAlchemyError, OSError) as error:
        await database.close()
        raise DatabaseError(f"CONNECTOR_DATABASE_URL: PostgreSQL cannot be reached: {reason(error)}") from None
    return database


def _sqlite_path(url: URL) -> Path:
    path = Path(str(url.database)).absolute()
    if not path.parent.is_dir():
        raise SettingsError(f"CONNECTOR_DATABASE_URL: the folder {path.parent} does not exist")
    return path


def _refusal(error: Exception) -> Unavailable:
    """`error` as callers know it. SQLSTATE 22 is about values, 23 about rules that rows have to keep."""
    if is_damaged(error):
        return Unavailable(reason(error))
    about_the_row = getattr(getattr(error, "orig", None), "sqlstate", None) or ""
    if isinstance(error, IntegrityError | DataError) or about_the_row[:2] in ("22", "23"):
        return Unstorable(f"the database does not take the row: {reason(error)}")
    return Unavailable(f"the database refused the row: {reason(error)}")


def reason(error: BaseException) -> str:
    """One line for people, without the SQL and its parameters, which may hold secrets."""
    original = getattr(error, "orig", None) or error
    if is_damaged(error):
        return f"the database file is damaged ({original}). {_DAMAGED_HELP}"
    return str(original).splitlines()[0] if str(original) else type(original).__name__


def is_damaged(error: BaseException) -> bool:
    """Whether SQLite says that its file is not, or no longer, a database of its own."""
    name = getattr(getattr(error, "orig", None) or error, "sqlite_errorname", "")
    return str(name).startswith(("SQLITE_CORRUPT", "SQLITE_NOTADB"))


_DAMAGED_HELP = (
    "Nothing was changed. Stop the service, keep the file and those beside it, and restore a backup: "
    "`connector restore BACKUP --force` moves it aside. Without one, SQLite's own `.recover` saves what can be read"
)


def _clock_of(connection: Connection) -> int:
    return int(connection.scalar(text("SELECT (extract(epoch FROM clock_timestamp()) * 1000)::bigint")) or 0)


def _sqlite_engine(path: Path, *, writes: bool, checkpoints: bool) -> Engine:
    engine = create_engine(
        URL.create("sqlite+pysqlite", database=str(path)),
        poolclass=NullPool if writes else QueuePool,
        hide_parameters=True,  # an error's text must not carry a body or a secret
        connect_args={
            "check_same_thread": False,
            "isolation_level": None,
            "timeout": 5.0,
            "cached_statements": 512,
        },
        **({} if writes else {"pool_size": READERS, "max_overflow": 0}),
    )
    pragmas = (
        [
            "journal_mode = WAL",
            "synchronous = FULL",
            "foreign_keys = ON",
            "temp_store = MEMORY",
            "cache_size = -16000",  # KiB: the inner pages of all indexes over a million events, which 2,000 are not
            "journal_size_limit = 67108864",
            f"wal_autocheckpoint = {1000 if checkpoints else 0}",
        ]
        if writes
        else ["query_only = ON", "temp_store = MEMORY"]
    )

    @event.listens_for(engine, "connect")
    def set_up(connection: Any, _record: object) -> None:  # noqa: ANN401 - the driver's own connection
        for pragma in pragmas:
            connection.execute(f"PRAGMA {pragma}")

    # A deferred transaction that has read and then writes fails at once with SQLITE_BUSY_SNAPSHOT, whatever the busy
    # timeout; an immediate one waits for its turn.
    statement = "BEGIN IMMEDIATE" if writes else "BEGIN"

    @event.listens_for(engine, "begin")
    def begin(connection: Connection) -> None:
        if not connection.info.get(_NO_BEGIN):
            connection.exec_driver_sql(statement)

    @event.listens_for(engine, "rollback")
    def forget(connection: Connection) -> None:
        connection.info.clear()  # what was made on this connection may have been undone

    return engine


_SERVER_SETTINGS = {
    "application_name": "connector",
    "synchronous_commit": "on",
    # a plan made for empty tables and kept while they fill reads all of them: ten times slower after a minute
    "plan_cache_mode": "force_custom_plan",
}


def _postgres_engine(url: URL) -> AsyncEngine:
    try:
        from sqlalchemy.ext.asyncio import create_async_engine

        return create_async_engine(
            url,
            hide_parameters=True,
            pool_size=8,
            max_overflow=4,
            pool_timeout=2.0,
            pool_recycle=1800,
            connect_args={"server_settings": _SERVER_SETTINGS},
        )
    except ImportError:
        raise SettingsError("PostgreSQL needs the extra: pip install 'connector[postgres]'") from None

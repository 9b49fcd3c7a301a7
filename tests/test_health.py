"""Alive, ready and measured, over real HTTP."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from io import StringIO
from pathlib import Path

import pytest
import sqlalchemy as sa
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer
from prometheus_client.parser import text_string_to_metric_families

from connector.database.engine import Database, open_database
from connector.database.migrate import migrate
from connector.health import Health
from connector.telemetry.metrics import Metrics

Client = TestClient[web.Request, web.Application]


@pytest.fixture
async def database(tmp_path: Path) -> AsyncIterator[Database]:
    database = await open_database(f"sqlite:///{tmp_path}/connector.db")
    yield database
    await database.close()


@pytest.fixture
def loaded() -> list[bool]:
    return [True]


@pytest.fixture
def health(database: Database, loaded: list[bool]) -> Health:
    return Health(database, Metrics(), mappings_loaded=lambda: loaded[0])


@pytest.fixture
async def client(health: Health) -> AsyncIterator[Client]:
    app = web.Application()
    app.add_routes(health.routes())
    async with TestClient(TestServer(app)) as client:
        yield client


async def ready(client: Client) -> tuple[int, list[str]]:
    response = await client.get("/readyz")
    return response.status, (await response.json())["reasons"]


async def test_a_migrated_database_and_loaded_mappings_are_ready(client: Client, database: Database) -> None:
    await migrate(database)
    assert await ready(client) == (200, [])


async def test_a_database_without_its_tables_is_named_with_the_command(client: Client) -> None:
    status, [reason] = await ready(client)
    assert status == 503
    assert "connector migrate" in reason


async def test_missing_mappings_are_named(client: Client, database: Database, loaded: list[bool]) -> None:
    await migrate(database)
    loaded[0] = False
    assert await ready(client) == (503, ["no mappings are loaded"])


async def test_while_shutting_down_it_is_alive_but_not_ready(
    client: Client, database: Database, health: Health
) -> None:
    await migrate(database)
    health.shutting_down = True
    assert await ready(client) == (503, ["it is shutting down"])
    assert (await client.get("/healthz")).status == 200


async def test_a_database_that_fails_is_not_ready_and_says_no_more_than_its_kind(
    client: Client, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def fail(*_arguments: object) -> None:
        raise ConnectionRefusedError("postgresql://connector:hunter2@db")

    monkeypatch.setattr(database, "read", fail)
    assert await ready(client) == (503, ["the database does not answer: ConnectionRefusedError"])


async def test_a_database_that_hangs_is_not_waited_for(
    client: Client, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def hang(*_arguments: object) -> None:
        await asyncio.Event().wait()

    monkeypatch.setattr("connector.health.PATIENCE_S", 0.05)
    monkeypatch.setattr(database, "read", hang)
    assert await ready(client) == (503, ["the database has not answered within 0.05 s"])


async def test_a_database_that_a_newer_version_has_migrated_is_no_trouble(client: Client, database: Database) -> None:
    await migrate(database)
    newer = sa.text("UPDATE alembic_version SET version_num = '9999'")
    await database.transact(lambda connection: connection.execute(newer) and None)
    assert await ready(client) == (200, [])


async def test_metrics_are_prometheus_text(client: Client) -> None:
    response = await client.get("/metrics")
    assert response.content_type == "text/plain"
    names = {family.name for family in text_string_to_metric_families(await response.text())}
    assert "connector_attempts" in names


async def test_a_loop_that_has_ended_is_named(client: Client, health: Health, database: Database) -> None:
    await migrate(database)
    health.trouble = lambda: ["the loop that maps has ended"]
    assert await ready(client) == (503, ["the loop that maps has ended"])
    health.shutting_down = True  # then its end is meant
    assert await ready(client) == (503, ["it is shutting down"])


async def test_a_writer_that_has_died_is_seen_though_the_database_answers(client: Client, database: Database) -> None:
    await migrate(database)
    assert await ready(client) == (200, [])
    for task in database.writer._tasks:
        task.cancel()
    await asyncio.sleep(0)
    status, [reason] = await ready(client)
    assert status == 503
    assert reason == "nothing could be written within 2 s"


async def test_the_loops_of_a_running_service_are_watched(tmp_path: Path) -> None:
    from connector import app
    from connector.app.work import STUCK_S
    from connector.settings import LogFormat, LogLevel, Settings
    from connector.telemetry import logs

    settings = Settings(database_url=f"sqlite:///{tmp_path}/service.db", encryption_keys="A" * 43)
    silent = logs.start(LogFormat.JSON, LogLevel.ERROR, StringIO())
    async with app.service(settings, logs=silent) as running:
        assert await running.health.reasons() == []
        assert running.work is not None
        running.work.worker.moved_at -= 2 * STUCK_S
        assert await running.health.reasons() == ["deliveries have been due for 60 s, and none is claimed"]
        running.work.worker.turned_at -= 2 * STUCK_S
        running.work._loops[0].cancel()
        await asyncio.sleep(0)
        ended, hangs = await running.health.reasons()
        assert ended == "the loop that maps has ended"
        assert "the loop that delivers has not come round for 60 s" in hangs


async def test_a_loop_outlives_a_cancellation_that_was_meant_for_another(told: list[object]) -> None:
    from connector.app.loops import keep_running

    class Stage:
        runs = 0

        async def run(self) -> None:
            self.runs += 1
            if self.runs == 1:
                raise asyncio.CancelledError
            await asyncio.sleep(60)

    stage = Stage()
    loop = asyncio.create_task(keep_running("deliver", stage, told.append))  # type: ignore[arg-type]
    while stage.runs < 2:
        await asyncio.sleep(0.01)
    assert len(told) == 1
    loop.cancel()  # this one is meant
    with pytest.raises(asyncio.CancelledError):
        await loop

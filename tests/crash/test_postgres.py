"""A PostgreSQL that ends connections, crashes, hangs or is cut off: 503 and never a false 200, and it goes on alone."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import asyncpg
import pytest
from sqlalchemy import make_url

from tests.conftest import until
from tests.crash.between import Between, between
from tests.crash.deployment import Deployment
from tests.crash.oracle import mistakes
from tests.crash.processes import PATIENCE_S
from tests.crash.sender import webhook, webhooks

pytestmark = pytest.mark.crash

LOAD = 150
SOCKET = ".s.PGSQL.5432"
OTHERS = "FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"


@asynccontextmanager
async def administrator(deployment: Deployment) -> AsyncIterator[asyncpg.Connection]:
    """A connection beside the services."""
    connection = await asyncpg.connect(deployment.env["CONNECTOR_DATABASE_URL"])
    try:
        yield connection
    finally:
        connection.terminate()


@asynccontextmanager
async def cut_off(deployment: Deployment) -> AsyncIterator[Between]:
    """A network between the services that are started meanwhile and the database."""
    before = deployment.env
    url = make_url(before["CONNECTOR_DATABASE_URL"])
    async with between(str(Path(str(url.query["host"])) / SOCKET)) as network:
        through = url.set(host="127.0.0.1", port=network.port, query={})
        deployment.env = {**before, "CONNECTOR_DATABASE_URL": through.render_as_string(hide_password=False)}
        try:
            yield network
        finally:
            deployment.env = before


async def test_connections_that_are_ended_every_100_ms_and_a_crash_of_the_server_lose_and_double_nothing(
    postgres_deployment: Deployment,
) -> None:
    deployment = postgres_deployment
    services = [await deployment.start(), await deployment.start()]
    sender = deployment.sender()
    async with sender.sending(webhooks(LOAD)):
        async with administrator(deployment) as postgres:
            for share in range(30):
                await postgres.fetch(f"SELECT pg_terminate_backend(pid) {OTHERS}")
                await sender.has(min(LOAD // 2, share))
                await asyncio.sleep(0.1)
            await sender.has(LOAD // 2)
            victim = await postgres.fetchval("SELECT pid FROM pg_stat_activity WHERE backend_type = 'walwriter'")
        os.kill(victim, signal.SIGKILL)  # PostgreSQL then ends all its processes, and recovers as after a power cut
    assert all(each.process.handle.returncode is None for each in services)
    assert mistakes(sender, await deployment.settled()) == []


async def test_a_table_that_is_locked_is_503_with_a_time_to_come_back(postgres_deployment: Deployment) -> None:
    """As with every other reason for which no commit comes back: connections spent, a disk that hangs."""
    deployment = postgres_deployment
    await deployment.start()
    sender = deployment.sender()
    async with administrator(deployment) as postgres:
        transaction = postgres.transaction()
        await transaction.start()
        await postgres.execute("LOCK TABLE received_events IN ACCESS EXCLUSIVE MODE")
        async with sender.sending(webhooks(20)):
            await until(lambda: sender.tries[503] > 20, within_s=PATIENCE_S)
            assert not sender.answered
            await transaction.rollback()
    assert set(sender.tries) == {503}, "a webhook was not answered at all"
    assert sender.come_back_after == {"5"}
    assert mistakes(sender, await deployment.settled()) == []


@pytest.mark.parametrize("ending", ["it-heals", "what-was-open-stays-dead", "it-is-refused-and-comes-back"])
async def test_a_database_that_is_cut_off_is_503_and_is_found_again(
    postgres_deployment: Deployment, ending: str
) -> None:
    deployment = postgres_deployment
    async with cut_off(deployment) as network:
        service = await deployment.start()
        sender = deployment.sender()
        async with sender.sending(webhooks(LOAD)):
            await sender.has(LOAD // 3)
            if ending == "it-is-refused-and-comes-back":
                await network.refuse()
            else:
                network.fall_silent()
            await asyncio.sleep(0.1)  # what was committed before is being answered
            answered = len(sender.answered)
            await until(lambda: sender.tries[503] > 20, within_s=PATIENCE_S)
            assert len(sender.answered) == answered, "a webhook was answered 200 that cannot be stored"
            if ending == "what-was-open-stays-dead":
                network.leave_for_dead()
            if ending == "it-is-refused-and-comes-back":
                await network.listen()
            else:
                network.go_on()
        assert set(sender.tries) == {503}, "a webhook was not answered at all"
        await sender.send(webhook(LOAD))
        assert service.process.handle.returncode is None
        assert mistakes(sender, await deployment.settled()) == []

"""Intercom's certificate expires while services run: what came waits with its reason, and goes out after."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from sqlalchemy import Connection, func, select
from yarl import URL

from connector.database.tables import attempts, deliveries
from tests.certificates import HOST, Authority
from tests.crash.between import between
from tests.crash.deployment import Deployment
from tests.crash.oracle import mistakes
from tests.crash.sender import webhooks

pytestmark = pytest.mark.crash


async def test_a_certificate_that_expires_costs_no_event(deployment: Deployment, tmp_path: Path) -> None:
    authority = Authority(tmp_path)
    tls, sandbox = authority.server(), URL(deployment.sandbox_url)
    authority.use(tls, days=-1)
    async with between((str(sandbox.host), int(sandbox.port or 0)), tls=tls) as network:
        await deployment.start(
            CONNECTOR_INTERCOM_API_URL=f"https://{HOST}:{network.port}", SSL_CERT_FILE=str(authority.file)
        )
        sender = deployment.sender()
        await sender.send(*webhooks(30))
        async with asyncio.timeout(60):
            while await deployment.asks(_failed) < 5:
                await asyncio.sleep(0.1)
        assert await deployment.asks(_dead) == 0
        assert not (await deployment.books()).accepted
        shown = await deployment.json("deliveries", "show", await deployment.asks(_tried))
        assert "certificate has expired" in str(shown)
        authority.use(tls)
        assert mistakes(sender, await deployment.settled()) == []


def _failed(connection: Connection) -> int:
    return connection.scalar(select(func.count()).where(attempts.c.outcome == "tls_failed")) or 0


def _tried(connection: Connection) -> str:
    return connection.scalars(select(attempts.c.delivery_id)).first().hex()  # type: ignore[union-attr]


def _dead(connection: Connection) -> int:
    return connection.scalar(select(func.count()).where(deliveries.c.state == "dead")) or 0

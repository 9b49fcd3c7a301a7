"""Everything through a pooler in transaction mode, where no statement knows which session it meets."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from sqlalchemy import Connection, make_url, text

from tests.conftest import ROOT
from tests.crash.deployment import deployed
from tests.crash.oracle import mistakes
from tests.crash.pooler import CONNECT_QUERY, SETTINGS, pooler
from tests.crash.sender import webhooks

pytestmark = pytest.mark.crash

LOAD = 150


async def test_services_behind_a_pooler_in_transaction_mode_lose_and_double_nothing(
    tmp_path: Path, empty_postgres_url: str
) -> None:
    """Migrated through it, too; a service is killed at load, then the pooler itself."""
    async with pooler(make_url(empty_postgres_url)) as between, deployed(tmp_path, between.url) as deployment:
        assert await deployment.asks(_plans) == "force_custom_plan"
        await asyncio.gather(deployment.start(), deployment.start())
        sender = deployment.sender()
        async with sender.sending(webhooks(LOAD)):
            await sender.has(LOAD // 3)
            await deployment.kill()
            await deployment.start()
            await sender.has(LOAD // 2)
            await between.kill()
            await asyncio.sleep(0.5)
            await between.start()
        assert set(sender.tries) <= {None, 503}
        assert mistakes(sender, await deployment.settled(), deaths=1) == []
        assert await deployment.stop(within_s=60) == 0


def _plans(connection: Connection) -> str | None:
    return connection.scalar(text("SHOW plan_cache_mode"))


def test_the_page_says_how_it_was_tried() -> None:
    page = " ".join((ROOT / "docs" / "delivery.md").read_text().split())
    for setting in (*(f"{name} = {value}" for name, value in SETTINGS.items()), CONNECT_QUERY):
        assert setting in page

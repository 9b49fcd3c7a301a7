"""A newer version migrates while processes of the version before work: they go on, and so do both side by side."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from aiohttp import ClientSession
from sqlalchemy import Connection, text

from tests.crash.deployment import Deployment
from tests.crash.oracle import mistakes
from tests.crash.sender import webhooks

pytestmark = pytest.mark.crash

LOAD = 150
MIGRATION = '''
"""What a newer version might add, on the busiest tables, and not in a moment."""
from alembic import op
import sqlalchemy as sa

revision, down_revision, branch_labels, depends_on = "next", "{newest}", None, None

def upgrade():
    for table in ("received_events", "deliveries", "queue", "lanes"):
        op.add_column(table, sa.Column("of_the_next", sa.Text(), nullable=True))
    op.add_column("attempts", sa.Column("of_the_next", sa.Integer(), server_default=sa.text("7"), nullable=False))
    op.create_table("of_the_next", sa.Column("id", sa.Integer(), primary_key=True))
    op.create_index("ix_of_the_next", "deliveries", ["workspace_id", "of_the_next"])
    op.execute("SELECT pg_sleep(2)")
'''
NEXT = """
from connector.database import migrate
before = migrate._scripts
def scripts():
    config = before()
    config.set_main_option("version_locations", config.get_main_option("script_location") + "/versions {folder}")
    return config
migrate._scripts = scripts
from connector.cli import main; main()
"""


async def test_the_version_before_goes_on_while_and_after_a_newer_one_migrates(
    postgres_deployment: Deployment, tmp_path: Path
) -> None:
    deployment = postgres_deployment
    (tmp_path / "versions").mkdir()
    newest = await deployment.asks(_revision)
    (tmp_path / "versions" / "next.py").write_text(MIGRATION.replace("{newest}", newest))
    program = NEXT.replace("{folder}", str(tmp_path / "versions"))
    old = [await deployment.start(), await deployment.start()]
    sender = deployment.sender()
    async with sender.sending(webhooks(LOAD)):
        await sender.has(LOAD // 4)
        new = await deployment.start(program=program)
        assert await deployment.asks(_revision) == "next"
        await sender.has(LOAD // 2)
        deployment.services.remove(old[0])
        await old[0].process.kill()
        deployment.deaths += 1
    assert set(sender.tries) <= {None, 503}
    deployment.services.remove(new)
    await asyncio.gather(new.process.stop(within_s=60))  # the newer version is taken back: the old one works alone
    assert await _ready(old[1].url) == {"ready": True, "reasons": []}
    async with sender.sending(webhooks(LOAD // 3, first=LOAD)):
        pass
    assert mistakes(sender, await deployment.settled(), deaths=1) == []


def _revision(connection: Connection) -> str:
    return str(connection.scalar(text("SELECT version_num FROM alembic_version")))


async def _ready(url: str) -> object:
    async with ClientSession() as http, http.get(f"{url}/readyz") as answer:
        return await answer.json()

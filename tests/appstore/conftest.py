from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from connector.sandbox import Sandbox
from tests.appstore.deployment import Deployment, deployed, sandbox_settings


@pytest.fixture
async def sandbox() -> AsyncIterator[Sandbox]:
    async with Sandbox(sandbox_settings()) as running:
        yield running


@pytest.fixture
async def deployment(database_url: str, sandbox: Sandbox) -> AsyncIterator[Deployment]:
    """A whole deployment, once on each database."""
    async with deployed(database_url, sandbox) as found:
        yield found


@pytest.fixture
async def one_deployment(sqlite_url: str, sandbox: Sandbox) -> AsyncIterator[Deployment]:
    """The same on SQLite only, for what no database makes a difference to."""
    async with deployed(sqlite_url, sandbox) as found:
        yield found

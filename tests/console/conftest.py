from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from tests.console.deployment import Deployment, deployed


@pytest.fixture
async def deployment(database_url: str) -> AsyncIterator[Deployment]:
    """A whole deployment, once on each database."""
    async with deployed(database_url) as found:
        yield found


@pytest.fixture
async def one_deployment(sqlite_url: str) -> AsyncIterator[Deployment]:
    """The same on SQLite only, for what no database makes a difference to."""
    async with deployed(sqlite_url) as found:
        yield found

"""A deployment for each test here, on SQLite or on PostgreSQL."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.crash.deployment import Deployment, deployed


@pytest.fixture
async def deployment(tmp_path: Path, sqlite_url: str) -> AsyncIterator[Deployment]:
    """On SQLite."""
    async with deployed(tmp_path, sqlite_url) as made:
        yield made


@pytest.fixture
async def postgres_deployment(tmp_path: Path, postgres_url: str) -> AsyncIterator[Deployment]:
    """On PostgreSQL."""
    async with deployed(tmp_path, postgres_url) as made:
        yield made


@pytest.fixture
async def any_deployment(tmp_path: Path, database_url: str) -> AsyncIterator[Deployment]:
    """Once on each."""
    async with deployed(tmp_path, database_url) as made:
        yield made

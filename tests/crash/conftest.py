"""A deployment for each test here, on SQLite or on PostgreSQL."""

from __future__ import annotations

import uuid
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


@pytest.fixture
async def empty_postgres_url(postgres_server: str) -> AsyncIterator[str]:
    """The address of a database that nobody has migrated."""
    import asyncpg

    connection, name = await asyncpg.connect(postgres_server), f"empty_{uuid.uuid4().hex}"
    await connection.execute(f"CREATE DATABASE {name}")
    try:
        yield postgres_server.replace("/postgres?", f"/{name}?", 1)
    finally:
        await connection.execute(f"DROP DATABASE {name} WITH (FORCE)")
        await connection.close()

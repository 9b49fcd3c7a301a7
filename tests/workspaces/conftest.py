"""A migrated SQLite database in a temporary folder, and a vault."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from connector.database.engine import Database, open_database
from connector.database.migrate import migrate
from connector.workspaces.vault import Key, Vault, new_key


@pytest.fixture
def vault() -> Vault:
    return Vault([Key.parse(new_key())])


@pytest.fixture
async def database(tmp_path: Path) -> AsyncIterator[Database]:
    database = await open_database(f"sqlite:///{tmp_path}/connector.db")
    await migrate(database)
    yield database
    await database.close()

"""A live workspace on each of the two databases."""

from __future__ import annotations

import pytest

from connector.database.engine import Database
from tests.outbox.world import World


@pytest.fixture
async def world(database: Database) -> World:
    """Workspace 1, live, with nothing in it."""
    made = World(database)
    await made.add_workspace()
    return made

"""Ten minutes in which Intercom only fails, second by second: how many calls they cost, and what comes after."""

from __future__ import annotations

from collections import Counter

import pytest

from connector.database.engine import open_database
from connector.database.migrate import migrate
from tests.outbox.world import ACCEPTED, UNAVAILABLE, World, deliveries, event, user

WORKSPACES = 4
DELIVERIES = 60
"""Of each."""
STORM_S = 600
FIRST_RATE = 16
"""Calls a second of a workspace of which nothing is known, and of a region that has just come back."""


async def second(worlds: list[World], *, fails: bool) -> int:
    """All calls of one second; their number."""
    claimed = await worlds[0].claim(room=512)
    done = []
    for each in claimed:
        world = next(world for world in worlds if world.workspace_id == each.delivery.workspace_id)
        done.append(await world.attempt(each, UNAVAILABLE if fails else ACCEPTED))
    if done:
        await worlds[0].complete(*done)
    for world in worlds:
        world.now += 1000
    return len(done)


@pytest.fixture
async def worlds(sqlite_url: str):
    database = await open_database(sqlite_url, owner=True)
    await migrate(database)
    made = [World(database, workspace_id=number) for number in range(1, WORKSPACES + 1)]
    for world in made:
        await world.add_workspace()
        await world.map(*(event(user(f"u{number}"), mapping_id=f"m{number}") for number in range(DELIVERIES)))
    yield made
    await database.close()


async def test_ten_minutes_of_errors_cost_few_calls_and_end_in_a_ramp(worlds: list[World]) -> None:
    during = [await second(worlds, fails=True) for _ in range(STORM_S)]
    assert max(during[:10]) > FIRST_RATE, "nothing was tried that could have failed"
    settled = during[60:]
    assert sum(settled) <= 0.05 * WORKSPACES * FIRST_RATE * len(settled)
    assert sum(settled) > 0, "nobody looked whether it is over"

    after: list[int] = []
    while sum(after) < WORKSPACES * DELIVERIES and len(after) < 2 * 3600:
        after.append(await second(worlds, fails=False))
    busiest = max(sum(after[start : start + 10]) for start in range(len(after)))
    assert busiest <= WORKSPACES * FIRST_RATE * 10, "what had waited came all at once"
    first = next(place for place, calls in enumerate(after) if calls)
    assert first <= 300, "it was noticed later than a breaker stays open"
    assert after[first] == 1, "more than a probe"
    states = Counter([row["state"] for world in worlds for row in await world.rows(deliveries)])
    assert states == {"delivered": WORKSPACES * DELIVERIES}

"""Who comes first: live work before history, and every workspace its turn, in mapping and in claiming."""

from __future__ import annotations

from connector.events import Key, Priority
from connector.inbox import store
from tests.outbox.world import World, event, user

MANY = 3_000
"""Rows of a noisy workspace: with these, the plans are those for a million (`tests/outbox/test_plans.py`)."""


async def picked(world: World, limit: int, *, after: int = 0) -> list[Key]:
    return [found.key for found, _ in await world.database.read(store.to_map, limit=limit, after=after)]


async def test_a_live_event_is_mapped_before_history_that_came_earlier(world: World):
    history = await world.receive(at=1_000, priority=Priority.HISTORY)
    live = await world.receive(at=2_000)
    assert await picked(world, 1) == [live.key]
    assert await picked(world, 2) == [live.key, history.key]


async def test_a_live_event_of_one_workspace_is_mapped_before_the_history_of_another(world: World):
    history = await world.receive(at=1_000, priority=Priority.HISTORY, workspace_id=1)
    live = await world.receive(at=2_000, workspace_id=2)
    assert await picked(world, 2) == [live.key, history.key]


async def test_a_quiet_workspace_is_mapped_beside_a_noisy_one_that_came_first(world: World):
    noisy = [await world.receive(at=1_000 + n, workspace_id=1) for n in range(10)]
    quiet = await world.receive(at=5_000, workspace_id=2)
    assert await picked(world, 4) == [noisy[0].key, noisy[1].key, quiet.key]


async def test_what_a_quiet_workspace_leaves_of_its_share_goes_to_the_noisy_one(world: World):
    quiet = await world.receive(at=5_000, workspace_id=1)
    noisy = [await world.receive(at=1_000 + n, workspace_id=2) for n in range(10)]
    assert await picked(world, 4) == [quiet.key, *(each.key for each in noisy[:3])]


async def test_workspaces_take_turns_from_one_batch_to_the_next(world: World):
    for workspace_id in (1, 2, 3):
        await world.receive(workspace_id=workspace_id)
    batches = [await world.database.read(store.to_map, limit=1, after=last) for last in (0, 1, 2, 3)]
    assert [batch[0][0].workspace_id for batch in batches] == [1, 2, 3, 1]


async def test_history_is_delivered_after_live_work(world: World):
    caught_up = await world.receive(priority=Priority.HISTORY)
    (old,) = await world.map(event(user("old")), received=caught_up)
    new = await world.due(user("new"))
    assert [each.delivery.id for each in await world.claim(room=1)] == [new]
    assert [each.delivery.id for each in await world.claim(room=1)] == [old]

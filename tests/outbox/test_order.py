"""Who comes first: live work before history, and every workspace its turn, in mapping and in claiming."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace

import pytest
import sqlalchemy as sa

from connector.database.tables import bodies
from connector.events import Key, Priority, ReceivedState
from connector.inbox import store
from connector.inbox.store import ReceivedEvent
from connector.mapping.catalog import Catalog
from connector.mapping.context import Options
from connector.names import Names
from connector.outbox.bell import Bell
from connector.outbox.mapper import FEW, Mapper
from connector.outbox.translation import Rules, Translation
from tests.outbox.world import World, event, queue, user

MANY = 3_000
"""Rows of a noisy workspace: with these, the plans are those for a million (`tests/outbox/test_plans.py`)."""


async def picked(world: World, limit: int, *, after: int = 0) -> list[Key]:
    return [found.key for found, _ in (await world.database.read(store.to_map, limit=limit, after=after)).events]


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
    assert [batch.events[0][0].workspace_id for batch in batches] == [1, 2, 3, 1]


@pytest.mark.parametrize("limit", range(1, 12))
async def test_a_batch_says_whether_it_was_all_there_was(world: World, limit: int):
    """Where it says so the mapper waits for the bell, so that nothing may be left; and it must come to say so."""
    for number in range(9):
        priority = Priority.HISTORY if number % 4 == 3 else Priority.LIVE
        await world.receive(at=number, workspace_id=1 + number // 4, priority=priority)
    left = 9
    for _ in range(9):
        batch = await world.database.read(store.to_map, limit=limit)
        left -= len(batch.events)
        await world.do(store.settle, [(found, ReceivedState.IGNORED, None) for found, _ in batch.events])
        assert not (batch.is_all and left)
        if batch.is_all:
            break
    assert left == 0
    assert batch.is_all or limit == 1
    assert (await world.database.read(store.to_map, limit=limit)).is_all


async def test_one_ring_maps_everything_that_was_there(world: World, monkeypatch: pytest.MonkeyPatch):
    for number in range(FEW * 3):
        await world.receive(at=number, workspace_id=1 + number % 2)
    rules, nobody = Rules(Catalog(()), Options(), "empty"), SimpleNamespace(workspace=lambda _id: None)
    mapper = Mapper(world.database, nobody, Names(), lambda: lambda _: rules, lambda _fact: None, Bell(), Bell())
    waited: list[float] = []

    async def wait(timeout_s: float) -> None:
        waited.append(timeout_s)
        mapper.stop()

    monkeypatch.setattr(mapper.bell, "wait", wait)
    await mapper.run()
    assert len(waited) == 1
    assert await world.database.read(store.count_by_state) == {"unmapped": FEW * 3}


async def test_what_is_all_taken_by_another_process_is_not_looked_for_again_at_once(world: World):
    mapper = Mapper(world.database, SimpleNamespace(), Names(), lambda: None, lambda _fact: None, Bell(), Bell())
    assert mapper._taken(store.Picked([], is_all=False, last=32)) == []
    assert mapper._is_all
    assert mapper._served == 32, "and next time the others have their turn"


async def test_an_event_that_has_lost_its_body_does_not_hide_the_others(world: World):
    lost = await world.receive(at=1)
    kept = [await world.receive(at=number) for number in (2, 3)]
    await world.do(lambda connection: connection.execute(sa.delete(bodies).where(bodies.c.key == lost.key)))
    batch = await world.database.read(store.to_map, limit=2)
    assert [found.key for found, _ in batch.events] == [kept[0].key]
    assert not batch.is_all


async def test_on_sqlite_a_large_body_or_many_names_are_not_for_the_writer(
    world: World, monkeypatch: pytest.MonkeyPatch
):
    mapper = Mapper(world.database, SimpleNamespace(), Names(), lambda: None, lambda _fact: None, Bell(), Bell())
    await world.receive()
    assert await world.do(mapper._pick_and_map_few) is None, "what things are called was not read yet"
    await world.database.read(lambda connection: mapper.names.of(connection, 1))
    monkeypatch.setattr("connector.outbox.mapper.LARGE_BODY", 1)
    assert await world.do(mapper._pick_and_map_few) is None
    monkeypatch.setattr("connector.outbox.mapper.LARGE_BODY", 100)
    monkeypatch.setattr("connector.names.FEW", -1)
    assert await world.do(mapper._pick_and_map_few) is None


@pytest.mark.parametrize("count", [1, FEW, FEW * 3])
async def test_who_is_woken_by_mapping_finds_what_it_stored(world: World, monkeypatch: pytest.MonkeyPatch, count: int):
    """Also on SQLite, where the bell is rung before: a claim that came too soon would be the last for a second."""
    for number in range(count):
        await world.receive(at=number)
    mapper = Mapper(world.database, SimpleNamespace(), Names(), lambda: None, lambda _fact: None, Bell(), Bell())

    def made(received: ReceivedEvent, *_: object) -> Translation:
        return Translation(received, ReceivedState.MAPPED, None, (event(user(received.external_key)),))

    monkeypatch.setattr(mapper, "_translation", made)
    queued: list[int] = []

    async def look() -> None:
        while queued[-1:] != [count]:
            await mapper.queued.wait(3600)
            queued.append(await world.do(lambda connection: connection.scalar(sa.select(sa.func.count(queue.c.due)))))

    looking = asyncio.create_task(look())
    await asyncio.sleep(0)
    while await mapper.map_batch():
        pass
    async with asyncio.timeout(10):
        await looking


async def test_history_is_delivered_after_live_work(world: World):
    caught_up = await world.receive(priority=Priority.HISTORY)
    (old,) = await world.map(event(user("old")), received=caught_up)
    new = await world.due(user("new"))
    assert [each.delivery.id for each in await world.claim(room=1)] == [new]
    assert [each.delivery.id for each in await world.claim(room=1)] == [old]

"""Two processes map at the same time: neither misses what the other has not committed yet. PostgreSQL only."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

import pytest

from connector.contacts.evidence import Evidence
from connector.database.engine import Database, Postgres, open_database
from connector.events import IntercomEvent, ReceivedState
from connector.outbox.enqueue import enqueue
from connector.outbox.translation import Translation
from tests.outbox.world import World, charge, customer, email, event, leads, user


@pytest.fixture
async def world(postgres_url: str) -> AsyncIterator[World]:
    """A live workspace on PostgreSQL."""
    opened = await open_database(postgres_url)
    made = World(opened)
    await made.add_workspace()
    yield made
    await opened.close()


@pytest.fixture
async def other(world: World, postgres_url: str) -> AsyncIterator[World]:
    """The same workspace, seen from another process."""
    opened = await open_database(postgres_url)
    yield World(opened)
    await opened.close()


async def translated(world: World, *events: IntercomEvent, evidence: Sequence[Evidence] = ()) -> Translation:
    return Translation(await world.receive(), ReceivedState.MAPPED, None, events, tuple(evidence))


@asynccontextmanager
async def not_committed_yet(database: Database, *translations: Translation, now: int) -> AsyncIterator[None]:
    """Another process has stored some translations, and commits them at the end of this block."""
    assert isinstance(database, Postgres)
    async with database._engine.connect() as connection:
        await connection.run_sync(enqueue, translations, now=now)
        yield
        await connection.commit()


async def meanwhile(world: World, *translations: Translation) -> asyncio.Task[object]:
    """Store translations at the same time: that is done by now, or waits for the other process."""
    task = asyncio.create_task(world.store(*translations))
    await asyncio.wait({task}, timeout=0.5)
    return task


async def waiting(world: World) -> int:
    from connector.database.tables import deliveries

    return len(await world.rows(deliveries, state="waiting"))


async def test_what_begins_to_wait_while_its_person_is_being_learnt_finds_them(world: World, other: World):
    learns = await translated(world, evidence=[leads(customer(), email())])
    asks = await translated(world, event(customer()))
    async with not_committed_yet(world.database, learns, now=world.now):
        task = await meanwhile(other, asks)
    await task
    assert await waiting(world) == 0


async def test_what_is_learnt_while_a_delivery_begins_to_wait_for_it_finds_the_delivery(world: World, other: World):
    learns = await translated(world, evidence=[leads(customer(), email())])
    asks = await translated(world, event(customer()))
    async with not_committed_yet(world.database, asks, now=world.now):
        task = await meanwhile(other, learns)
    await task
    assert await waiting(world) == 0


async def test_two_that_only_learn_do_not_wait_for_each_other(world: World, other: World):
    await world.due()  # so that the workspace has its lane and the event its name
    first = await translated(world, event(user("a")), evidence=[leads(customer("cus_1"), email())])
    second = await translated(world, event(user("b")), evidence=[leads(customer("cus_2"), email())])
    async with not_committed_yet(world.database, first, now=world.now):
        task = await meanwhile(other, second)
        assert task.done()


async def test_two_workspaces_do_not_wait_for_each_other(world: World, other: World):
    await world.add_workspace(2)
    asks = await translated(world, event(customer()))
    other.workspace_id = 2
    also_asks = await translated(other, event(customer()))
    async with not_committed_yet(world.database, asks, now=world.now):
        task = await meanwhile(other, also_asks)
        assert task.done()


async def test_two_that_learn_the_same_things_in_another_order_do_not_hang(world: World, other: World):
    said = [leads(charge(f"ch_{n}"), customer(f"cus_{n}")) for n in range(50)]
    first = await translated(world, evidence=said)
    second = await translated(world, evidence=said[::-1])
    for _ in range(5):
        async with asyncio.timeout(20):
            await asyncio.gather(world.store(first), other.store(second))
        first = await translated(world, evidence=[leads(charge(f"ch_{n}"), customer(f"new_{n}")) for n in range(50)])
        second = await translated(world, evidence=[leads(charge(f"ch_{n}"), customer(f"new_{n}")) for n in range(50)])


async def test_one_fact_told_to_two_processes_at_once_is_one_delivery(world: World, other: World):
    first = await translated(world, event(user(), once="in_1"))
    second = await translated(world, event(user(), once="in_1"))
    async with not_committed_yet(world.database, first, now=world.now):
        task = await meanwhile(other, second)
    (stored,) = await task
    assert (stored.state.value, stored.reason) == ("ignored", "told_already")
    assert len(await world.claim()) == 1


async def test_a_fact_that_another_process_told_first_takes_no_second(world: World, other: World):
    from connector.database.tables import seconds

    first = await translated(world, event(user(), once="in_1"))
    second = await translated(world, event(user(), once="in_1"))
    async with not_committed_yet(world.database, first, now=world.now):
        task = await meanwhile(other, second)
    await task
    assert len(await world.rows(seconds)) == 1


async def test_one_event_mapped_by_two_processes_at_once_is_mapped_once(world: World, other: World):
    same = await translated(world, event(user()))
    async with not_committed_yet(world.database, same, now=world.now):
        task = await meanwhile(other, same)
    assert await task == []
    assert len(await world.claim()) == 1


async def test_many_events_of_one_second_get_a_second_each_whoever_maps_them(world: World, postgres_url: str):
    from connector.database.tables import seconds

    databases = [await open_database(postgres_url) for _ in range(4)]
    try:
        batches = [
            [await translated(world, event(user(), email(), mapping_id=f"m-{n}-{m}")) for m in range(10)]
            for n in range(len(databases))
        ]
        async with asyncio.timeout(60):
            await asyncio.gather(*(World(each).store(*batch) for each, batch in zip(databases, batches, strict=True)))
    finally:
        for each in databases:
            await each.close()
    rows = await world.rows(seconds)
    assert len({row["second"] for row in rows}) == 40
    assert len(rows) == 80

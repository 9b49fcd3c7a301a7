"""Signs of life: who shows none is taken over from; who was only away begins nothing of what it held. PostgreSQL."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
import sqlalchemy as sa

from connector.database.engine import open_database
from connector.database.tables import lanes, processes
from connector.outbox.give_back import WAIT_MS, give_back
from connector.outbox.pulse import DEAD_AFTER_MS, WEAK_AFTER_MS, Pulse
from tests.outbox.world import HOLDER, OTHER_HOLDER, World


@pytest.fixture
async def world(postgres_url: str) -> AsyncIterator[World]:
    opened = await open_database(postgres_url)
    made = World(opened)
    await made.add_workspace()
    made.now = opened.clock.now()
    yield made
    await opened.close()


async def silent_for(world: World, holder: bytes, milliseconds: int) -> None:
    """A process was last seen so long ago, and had claimed what it holds before."""
    await Pulse(world.database, holder).beat()
    last = processes.c.seen_at - milliseconds
    await world.do(
        lambda connection: connection.execute(sa.update(processes).where(processes.c.id == holder).values(seen_at=last))
    )


async def test_what_a_dead_process_held_is_free_at_the_next_beat_of_another(world: World):
    delivery = await world.due()
    await world.claim_one(holder=OTHER_HOLDER)
    await silent_for(world, OTHER_HOLDER, DEAD_AFTER_MS + 1)
    assert await world.claim(holder=HOLDER) == []
    assert await Pulse(world.database, HOLDER).beat() == [OTHER_HOLDER]
    world.now = world.database.clock.now() + 1
    again = await world.claim_one(holder=HOLDER)
    assert (again.delivery.id, again.number, again.history.ambiguous) == (delivery, 2, True)


async def test_a_process_that_was_seen_lately_keeps_what_it_holds(world: World):
    await world.due()
    await world.claim_one(holder=OTHER_HOLDER)
    await silent_for(world, OTHER_HOLDER, DEAD_AFTER_MS - 2_000)
    assert await Pulse(world.database, HOLDER).beat() == []
    assert await world.claim(holder=HOLDER) == []


async def test_what_a_living_process_holds_is_not_freed_with_the_dead_ones(world: World):
    mine = await world.due()
    await world.claim_one(holder=HOLDER)
    await silent_for(world, OTHER_HOLDER, DEAD_AFTER_MS + 1)
    await Pulse(world.database, HOLDER).beat()
    assert (await world.queued(mine))["lease_id"] is not None
    assert (await world.lane())["holder"] == HOLDER


async def test_its_answer_that_comes_after_all_is_late_and_counts(world: World):
    delivery = await world.due()
    late = await world.attempt(await world.claim_one(holder=OTHER_HOLDER))
    await silent_for(world, OTHER_HOLDER, DEAD_AFTER_MS + 1)
    await Pulse(world.database, HOLDER).beat()
    (completed,) = await world.complete(late)
    assert completed.late
    assert (await world.state(delivery))[0] == "delivered"


async def test_who_comes_back_begins_nothing_of_what_it_claimed_before(world: World):
    pulse = Pulse(world.database, OTHER_HOLDER)
    await pulse.beat()
    claimed_at = world.database.clock.now()
    assert pulse.beats_since(claimed_at)
    away_for(world, WEAK_AFTER_MS + 1)
    assert not pulse.beats_since(claimed_at)
    await pulse.beat()
    assert not pulse.beats_since(claimed_at)
    assert pulse.beats_since(world.database.clock.now())


async def test_who_goes_leaves_nothing_behind(world: World):
    delivery = await world.due()
    pulse = Pulse(world.database, OTHER_HOLDER)
    await pulse.beat()
    await world.claim_one(holder=OTHER_HOLDER)
    await pulse.stop()
    assert (await world.queued(delivery))["lease_id"] is None
    assert await world.database.read(lambda connection: connection.execute(sa.select(processes)).all()) == []
    world.now = world.database.clock.now() + 1
    assert len(await world.claim(holder=HOLDER)) == 1
    assert (await world.rows(lanes))[0]["holder"] == HOLDER


async def test_what_is_given_back_was_never_claimed(world: World):
    delivery = await world.due()
    claimed = await world.claim_one()
    await world.do(give_back, [claimed], now=world.now)
    assert await world.claim() == []
    world.now += WAIT_MS
    again = await world.claim_one()
    assert (again.delivery.id, again.number, again.history) == (delivery, 1, claimed.history)
    assert await world.attempts(delivery) == []


async def test_what_another_has_taken_over_is_not_given_back(world: World):
    delivery = await world.due()
    claimed = await world.claim_one(holder=OTHER_HOLDER)
    await silent_for(world, OTHER_HOLDER, DEAD_AFTER_MS + 1)
    await Pulse(world.database, HOLDER).beat()
    world.now = world.database.clock.now() + 1
    await world.claim_one(holder=HOLDER)
    await world.do(give_back, [claimed], now=world.now)
    assert (await world.queued(delivery))["lease_id"][:8] == HOLDER[:8]


def away_for(world: World, milliseconds: int) -> None:
    """The process was stopped, or its machine asleep."""
    world.database.clock._offset += milliseconds

"""Who gets to try what, and when: fairness, pace, the breaker, holds and leases, on both databases."""

from __future__ import annotations

import asyncio
from collections import Counter

import pytest
from sqlalchemy import select

from connector.database.engine import Postgres, open_database
from connector.database.tables import lanes as lanes_table
from connector.database.tables import queue
from connector.events import ReceivedState
from connector.outbox import lanes
from connector.outbox.enqueue import enqueue
from connector.outbox.queue import LEASE_MS
from connector.outbox.translation import Translation
from connector.workspaces.modes import Mode
from tests.outbox.world import (
    ACCEPTED,
    HOLDER,
    MINUTE,
    NOT_CONNECTED,
    OTHER_HOLDER,
    RATE_LIMITED,
    World,
    event,
    user,
)


async def fill(world: World, workspace_id: int, count: int) -> None:
    """A workspace with so many deliveries that are due."""
    if workspace_id != 1:
        await world.add_workspace(workspace_id)
    for start in range(0, count, 500):
        some = [event(user(f"u-{n}"), mapping_id=f"m-{n}") for n in range(start, min(count, start + 500))]
        await world.map(*some, received=await world.receive(workspace_id=workspace_id))


async def allow(world: World, calls: int) -> None:
    """What Intercom's headers say of every workspace: so many calls in ten seconds."""
    await world.do(lambda connection: connection.execute(lanes_table.update().values(window_limit=calls)))


async def test_what_is_due_is_claimed_once(world: World):
    delivery = await world.due()
    (claimed,) = await world.claim()
    assert (claimed.delivery.id, claimed.number, claimed.lease_until) == (delivery, 1, world.now + LEASE_MS)
    assert await world.claim() == []
    assert await world.claim(holder=OTHER_HOLDER) == []


async def test_what_is_due_later_is_claimed_later(world: World):
    await world.due()
    await world.deliver(NOT_CONNECTED)
    assert await world.claim() == []
    world.now += 5_000
    assert (await world.claim_one()).number == 2


async def test_the_oldest_go_first_and_no_more_than_there_is_room_for(world: World):
    made = []
    for _ in range(5):
        world.now += 1_000
        made.append(await world.due(user(f"u-{len(made)}")))
    assert [each.delivery.id for each in await world.claim(room=3)] == made[:3]
    assert [each.delivery.id for each in await world.claim()] == made[3:]


async def test_a_noisy_workspace_does_not_make_quiet_ones_wait(world: World):
    await fill(world, 1, 5_000)
    for quiet in range(2, 12):
        await fill(world, quiet, 1)
    await allow(world, 10_000)
    first = Counter(each.delivery.workspace_id for each in await world.claim(room=64))
    assert all(first[quiet] == 1 for quiet in range(2, 12))
    second = await world.claim(room=64 - first.total())
    assert {each.delivery.workspace_id for each in second} == {1}


async def test_room_is_shared_evenly_by_those_who_have_work(world: World):
    for workspace_id in (1, 2, 3, 4):
        await fill(world, workspace_id, 50)
    await allow(world, 10_000)
    claimed = Counter(each.delivery.workspace_id for each in await world.claim(room=40))
    assert claimed == {1: 10, 2: 10, 3: 10, 4: 10}


async def test_with_room_for_one_at_a_time_everybody_has_his_turn(world: World):
    for workspace_id in (1, 2, 3):
        await fill(world, workspace_id, 5)
    turns = []
    for _ in range(9):
        world.now += 10
        turns.append((await world.claim_one(room=1)).delivery.workspace_id)
    assert turns == [1, 2, 3] * 3


async def test_no_more_is_claimed_than_the_pace_allows(world: World):
    await fill(world, 1, 100)
    await allow(world, 50)
    assert len(await world.claim()) == 5
    assert await world.claim() == []
    lane = await world.lane()
    assert world.now < lane["next_due"] < world.now + 1_000
    world.now = lane["next_due"]
    assert len(await world.claim()) == 1


async def test_in_any_ten_seconds_no_more_is_claimed_than_intercom_allows(world: World):
    await fill(world, 1, 400)
    await allow(world, 100)
    at: list[int] = []
    for _ in range(200):
        world.now += 100
        at += [world.now] * len(await world.claim())
    assert len(at) > 150
    assert max(sum(start <= moment < start + 10_000 for moment in at) for start in at) <= 100


async def test_a_workspace_that_was_refused_for_its_pace_waits_and_others_do_not(world: World):
    await fill(world, 1, 2)
    await fill(world, 2, 2)
    mine, other = await world.claim(room=2)
    await world.complete(await world.attempt(mine, RATE_LIMITED), await world.attempt(other, ACCEPTED))
    assert {each.delivery.workspace_id for each in await world.claim()} == {2}
    world.now += 6_999
    assert await world.claim() == []
    world.now += 1_001
    assert {each.delivery.workspace_id for each in await world.claim()} == {1}


async def test_a_side_that_only_fails_gets_one_probe_at_a_time(world: World):
    await fill(world, 1, 30)
    for _ in range(5):
        claimed = await world.claim_one(room=1)
        await world.complete(await world.attempt(claimed, NOT_CONNECTED))
    assert await world.claim() == []
    world.now += 5_000
    probe = await world.claim_one()
    assert await world.claim() == []
    await world.complete(await world.attempt(probe, ACCEPTED))
    assert len(await world.claim()) > 1


@pytest.mark.parametrize("mode", [Mode.WATCHING, Mode.PAUSED, Mode.NEEDS_REAUTHORIZATION, Mode.REMOVED])
async def test_nothing_is_claimed_for_a_workspace_that_is_not_served(world: World, mode: Mode):
    await world.due()
    await world.set_mode(mode)
    assert await world.claim() == []
    await world.set_mode(Mode.LIVE)
    assert len(await world.claim()) == 1


async def test_a_lane_has_one_holder_at_a_time(world: World):
    await fill(world, 1, 100)
    await allow(world, 10_000)
    assert len(await world.claim(room=10)) == 10
    assert await world.claim(holder=OTHER_HOLDER) == []
    assert len(await world.claim(room=10)) == 10


async def test_a_holder_that_gives_no_sign_of_life_loses_its_lane(world: World):
    await fill(world, 1, 100)
    await world.claim(room=1)
    world.now += lanes.HELD_MS
    assert len(await world.claim(room=1, holder=OTHER_HOLDER)) == 1


async def test_a_late_answer_does_not_take_the_lane_back(world: World):
    await fill(world, 1, 100)
    claimed = await world.claim_one(room=1)
    world.now += lanes.HELD_MS
    await world.claim(room=1, holder=OTHER_HOLDER)
    await world.complete(await world.attempt(claimed))
    assert (await world.lane())["holder"] == OTHER_HOLDER


async def test_a_lane_that_found_nothing_to_do_is_anybodys(world: World):
    await fill(world, 1, 3)
    await world.do(lambda connection: connection.execute(lanes_table.update().values(blocked_until=None, tokens=0.0)))
    assert await world.claim() == []
    assert (await world.lane())["holder"] is None


async def test_a_process_whose_lanes_are_held_by_others_knows_when_it_may_serve_them(world: World):
    await fill(world, 1, 100)
    await world.claim(room=1)
    assert await world.database.read(lanes.next_due, holder=HOLDER) == world.now
    assert await world.database.read(lanes.next_due, holder=OTHER_HOLDER) == world.now + lanes.HELD_MS


async def test_there_is_no_next_time_when_there_is_nothing_to_do(world: World):
    assert await world.database.read(lanes.next_due, holder=HOLDER) is None
    await world.due()
    await world.deliver()
    assert await world.database.read(lanes.next_due, holder=HOLDER) is None


async def test_after_five_tries_without_a_word_only_a_suspect_is_tried(world: World):
    """Of those that may have killed the process one is tried at a time, beside any that cannot have."""
    suspects = [await world.due(user(f"u-{n}")) for n in range(3)]
    for _ in range(2):
        await world.claim()
        world.now += LEASE_MS
    innocent = await world.due(user("innocent"))
    (alone,) = await world.claim()
    assert alone.delivery.id in suspects
    assert alone.suspect
    assert [each.delivery.id for each in await world.claim(suspects=False)] == [innocent]


async def test_what_was_claimed_three_times_without_a_word_is_tried_no_more(world: World):
    delivery = await world.due()
    for _ in range(3):
        await world.claim_one()
        world.now += LEASE_MS
    assert await world.claim() == []
    assert await world.state(delivery) == ("dead", "quarantined")
    assert [each.outcome for each in await world.attempts(delivery)] == ["interrupted"] * 3


async def test_an_outcome_clears_a_delivery_of_suspicion(world: World):
    await world.due()
    for _ in range(4):
        await world.claim_one()
        world.now += LEASE_MS
        await world.deliver(NOT_CONNECTED)
        world.now += MINUTE
    assert (await world.claim_one()).history.claims == 0


async def test_what_another_process_is_just_completing_is_not_claimed(world: World, database_url: str):
    """Its lease has ended, but its answer is being written down: it would be sent again for nothing."""
    if not isinstance(world.database, Postgres):
        pytest.skip("only PostgreSQL has several writers")
    await world.due()
    await world.claim_one()
    world.now += LEASE_MS
    async with world.database._engine.connect() as connection:
        await connection.execute(select(queue).with_for_update())
        async with asyncio.timeout(5):
            assert await world.claim() == []
    assert len(await world.claim()) == 1


async def test_a_lane_that_was_emptied_while_something_was_queued_is_mended(world: World, database_url: str):
    """Neither transaction sees what the other does: the lane believes to have nothing, and nobody will ring for it."""
    if not isinstance(world.database, Postgres):
        pytest.skip("only PostgreSQL has several writers")
    await world.due(user("old"))
    made = Translation(await world.receive(), ReceivedState.MAPPED, None, (event(user("new")),))
    world.now += MINUTE
    async with world.database._engine.begin() as mapping:
        await mapping.run_sync(enqueue, [made], now=world.now)
        assert await world.claim(max_age_ms=1_000) == []  # the old one is held
    assert (await world.lane())["next_due"] is None
    assert await world.claim() == []
    assert await world.do(lanes.mend, now=world.now) == 1
    assert await world.do(lanes.mend, now=world.now) == 0
    (claimed,) = await world.claim()
    assert claimed.delivery.identifier == user("new")


async def test_two_processes_claim_each_delivery_once(world: World, database_url: str):
    if not isinstance(world.database, Postgres):
        pytest.skip("only PostgreSQL has several processes")
    for workspace_id in range(1, 9):
        await fill(world, workspace_id, 25)
    await allow(world, 10_000)
    others = [await open_database(database_url) for _ in range(3)]
    worlds = [World(other, now=world.now) for other in others]
    claimed: list[bytes] = []

    async def work(mine: World, holder: bytes) -> None:
        while some := await mine.claim(room=7, holder=holder):
            claimed.extend(each.delivery.id for each in some)

    try:
        await asyncio.gather(*(work(mine, bytes([n]) * 16) for n, mine in enumerate(worlds)))
        claimed += [each.delivery.id for each in await world.claim(room=1000)]
    finally:
        for other in others:
            await other.close()
    assert len(claimed) == len(set(claimed))
    assert len(claimed) > 100

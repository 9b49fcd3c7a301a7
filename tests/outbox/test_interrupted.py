"""Tries whose process died before it could say what came of them, on both databases."""

from __future__ import annotations

from connector.outbox import queue
from connector.outbox.queue import LEASE_MS
from tests.outbox.world import HOUR, NOT_FOUND, REFUSED, UNAVAILABLE, World, found


async def die(world: World, *, for_ms: int = 1_000) -> None:
    """The process ends with whatever it has claimed, and starts again."""
    world.now += for_ms
    await world.do(queue.free_all, now=world.now)


async def test_a_new_start_voids_every_lease(world: World):
    delivery = await world.due()
    await world.claim_one()
    assert await world.claim() == []
    await die(world)
    assert (await world.claim_one()).delivery.id == delivery


async def test_a_lease_that_ends_gives_the_delivery_to_the_next(world: World):
    first = await world.due()
    await world.claim_one()
    world.now += LEASE_MS - 1
    assert await world.claim() == []
    world.now += 1
    assert (await world.claim_one(holder=b"another process ")).delivery.id == first


async def test_an_interrupted_try_is_shown_with_the_time_at_which_it_was_claimed(world: World):
    delivery = await world.due()
    claimed_at = [world.now]
    await world.claim_one()
    await die(world, for_ms=7_000)
    claimed_at.append(world.now)
    await world.claim_one()
    world.now += LEASE_MS + 5_000
    await world.deliver()
    made = [(each.number, each.outcome, each.started_at) for each in await world.attempts(delivery)]
    assert made[:2] == [(1, "interrupted", claimed_at[0]), (2, "interrupted", claimed_at[1])]
    assert made[2][:2] == (3, "delivered")


async def test_after_an_interrupted_try_the_identity_is_final(world: World):
    """It may have arrived under the present one: to look for a better one could make two events of it."""
    delivery = await world.due()
    await world.claim_one()
    await die(world)
    await world.deliver(NOT_FOUND, contacts=[found("lead-1")])
    assert world.intercom.looked_up == []
    assert await world.state(delivery) == ("parked", "no_contact")
    assert (await world.queued(delivery))["ambiguous"]


async def test_a_late_answer_takes_the_place_of_the_interruption_it_was_taken_for(world: World):
    delivery = await world.due()
    late = await world.attempt(await world.claim_one(), REFUSED)
    world.now += LEASE_MS
    taken_over = await world.claim_one(holder=b"another process ")
    (completed,) = await world.complete(late)
    assert completed.late
    assert [(each.number, each.outcome, each.late) for each in await world.attempts(delivery)] == [(1, "refused", True)]
    assert await world.state(delivery) == ("due", None)
    await world.complete(await world.attempt(taken_over))
    assert (await world.state(delivery))[0] == "delivered"


async def test_time_lost_by_dying_does_not_count_towards_giving_up_and_no_more_than_that(world: World):
    delivery = await world.due()
    await world.deliver(UNAVAILABLE)
    world.now = (await world.queued(delivery))["due"]
    await world.claim_one()
    await die(world, for_ms=5 * HOUR)
    claimed = await world.claim_one()
    assert claimed.history.frozen_ms == 5 * HOUR
    assert (await world.queued(delivery))["stood_still"] == 5 * HOUR


async def test_an_outage_that_outlasts_three_days_is_given_up_even_if_the_process_died_meanwhile(world: World):
    delivery = await world.due()
    await world.deliver(UNAVAILABLE)
    world.now = (await world.queued(delivery))["due"]
    await world.claim_one()
    await die(world)
    while (await world.state(delivery))[0] == "due":
        world.now = max(world.now, (await world.queued(delivery))["due"])
        await world.reopen_lane()
        await world.deliver(UNAVAILABLE)
        assert len(await world.attempts(delivery)) < 500
    assert await world.state(delivery) == ("dead", "gave_up")

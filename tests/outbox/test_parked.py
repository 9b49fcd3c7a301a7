"""Deliveries whose contact Intercom does not know, yet: how they wait and what wakes them, on both databases."""

from __future__ import annotations

import json

import pytest

from connector.database.tables import queue
from connector.outbox import waiting
from connector.outbox.retry import LADDER_MS
from tests.outbox.world import (
    NO_ANSWER,
    NOT_FOUND,
    UNAVAILABLE,
    World,
    by_id,
    customer,
    email,
    found,
    leads,
    user,
)


async def park(world: World, *contact) -> bytes:
    """A delivery whose every identifier Intercom has been asked for, in vain."""
    delivery = await world.due(*contact)
    while (await world.state(delivery))[0] == "due":
        await world.deliver(NOT_FOUND, contacts=[found()])
    return delivery


async def test_each_identifier_is_tried_before_a_delivery_is_parked(world: World):
    delivery = await park(world, user(), email())
    assert [json.loads(body).get("user_id") for body in world.intercom.bodies] == ["ada", None]
    assert world.intercom.looked_up == [user(), email()]
    assert await world.state(delivery) == ("parked", "no_contact")
    assert (await world.queued(delivery))["due"] == world.now + LADDER_MS[0]


async def test_what_is_parked_begins_with_its_first_identifier_again(world: World):
    """The contact that appears may have a user_id and no e-mail address."""
    delivery = await park(world, user(), email())
    assert await world.do(waiting.appeared, 1, [user()], now=world.now) == 1
    assert await world.state(delivery) == ("due", None)
    await world.deliver()
    assert json.loads(world.intercom.bodies[-1])["user_id"] == "ada"


async def test_one_whose_contact_was_deleted_after_it_was_found_is_addressed_by_what_the_event_said(world: World):
    delivery = await world.due(email())
    await world.deliver(NOT_FOUND, contacts=[found("lead-1")])
    assert (await world.delivery(delivery)).identifier == by_id("lead-1")
    await world.deliver(NOT_FOUND, contacts=[found()])
    assert await world.state(delivery) == ("parked", "no_contact")
    assert (await world.delivery(delivery)).identifier == email()


async def test_what_may_have_arrived_keeps_its_identifier_when_it_is_parked(world: World):
    delivery = await world.due(user(), email())
    await world.deliver(NOT_FOUND, contacts=[found("lead-1")])
    await world.deliver(NO_ANSWER)
    world.now += 10_000
    await world.deliver(NOT_FOUND)
    assert await world.state(delivery) == ("parked", "no_contact")
    assert (await world.delivery(delivery)).identifier == by_id("lead-1")
    assert world.intercom.looked_up == [user()]


async def test_one_addressed_by_evidence_is_woken_by_the_contact_that_evidence_led_to(world: World):
    await world.map(evidence=[leads(customer(), email())])
    delivery = await park(world, customer())
    assert email().key in await world.wants(delivery)
    assert await world.do(waiting.appeared, 1, [email("ADA@example.com")], now=world.now) == 1
    assert (await world.queued(delivery))["due"] == world.now


async def test_the_ladder_is_climbed_and_then_only_the_contact_wakes_it(world: World):
    delivery = await park(world, user())
    waits = []
    while rows := await world.rows(queue, delivery_id=delivery):
        waits.append(rows[0]["due"] - world.now)
        world.now = rows[0]["due"]
        await world.deliver(NOT_FOUND, contacts=[found()])
    assert waits == list(LADDER_MS)
    world.now += 400 * 24 * 3_600_000
    assert await world.claim() == []
    assert await world.do(waiting.appeared, 1, [user()], now=world.now) == 1
    await world.deliver()
    assert (await world.state(delivery))[0] == "delivered"


async def test_a_server_in_trouble_does_not_take_a_parked_one_off_its_ladder(world: World):
    delivery = await park(world, user())
    world.now += LADDER_MS[0]
    await world.deliver(UNAVAILABLE)
    assert (await world.queued(delivery))["ladder"] == 1
    world.now += 60_000
    await world.deliver(NOT_FOUND, contacts=[found()])
    assert (await world.queued(delivery))["due"] == world.now + LADDER_MS[1]


async def test_a_contact_that_appears_while_the_last_try_is_out_is_not_missed(world: World):
    delivery = await park(world, user())
    for wait in LADDER_MS[:-1]:
        world.now += wait
        await world.deliver(NOT_FOUND, contacts=[found()])
    world.now += LADDER_MS[-1]
    out = await world.attempt(await world.claim_one(), NOT_FOUND, contacts=[found()])
    assert await world.do(waiting.appeared, 1, [user()], now=world.now) == 1
    await world.complete(out)
    assert (await world.queued(delivery))["due"] == world.now + LADDER_MS[0]


async def test_the_appearance_of_somebody_else_wakes_nothing(world: World):
    delivery = await park(world, user(), email())
    assert await world.do(waiting.appeared, 1, [user("bob"), by_id()], now=world.now) == 0
    assert await world.do(waiting.appeared, 2, [user(), email()], now=world.now) == 0
    assert (await world.state(delivery))[0] == "parked"


async def test_however_many_are_parked_for_one_contact_they_are_all_woken(
    world: World, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(waiting, "AT_ONCE", 2)
    for number in range(3):
        await park(world, user(), email(f"{number}@example.com"))
    assert await world.do(waiting.appeared, 1, [user()], now=world.now) == 3
    assert len(await world.claim()) == 3


async def test_addressing_by_what_a_look_up_found_keeps_the_second_taken_for_the_others_too(world: World):
    """Or another event for the address would get the same second, and Intercom would drop one of the two."""
    await world.map(evidence=[leads(customer(), email())])
    delivery = await world.due(customer())
    await world.deliver(NOT_FOUND, contacts=[found("lead-1")])
    second = (await world.delivery(delivery)).created_at
    assert await world.taken(delivery) == {(email().key, second), (by_id("lead-1").key, second)}
    other = await world.due(email(), mapping_id="another")
    assert (await world.delivery(other)).created_at != second


async def test_a_second_that_is_taken_for_the_contact_found_is_changed_for_a_free_one(world: World):
    await world.due(by_id("lead-1"), mapping_id="another")
    delivery = await world.due(email())
    before = (await world.delivery(delivery)).created_at
    first, second = await world.claim()
    mine = second if second.delivery.id == delivery else first
    await world.complete(await world.attempt(mine, NOT_FOUND, contacts=[found("lead-1")]))
    assert (await world.delivery(delivery)).created_at != before

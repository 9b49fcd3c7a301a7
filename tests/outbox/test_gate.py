"""The last look before a delivery is sent: what is too old, or not listed, is held; on both databases."""

from __future__ import annotations

import json

import pytest

from connector.inbox import store
from connector.outbox import replay, waiting
from connector.workspaces.modes import Mode
from tests.outbox.world import HOUR, NO_ANSWER, NOT_FOUND, UNAVAILABLE, World, event, found, user

MAX_AGE_MS = 72 * HOUR


async def sent(world: World) -> int:
    """How many may be sent now."""
    return len(await world.claim(max_age_ms=MAX_AGE_MS))


async def test_what_was_due_while_its_workspace_was_paused_for_four_days_is_held(world: World):
    delivery = await world.due()
    await world.set_mode(Mode.PAUSED)
    world.now += 96 * HOUR
    assert await sent(world) == 0
    assert await world.state(delivery) == ("due", None)
    await world.set_mode(Mode.LIVE)
    assert await sent(world) == 0
    assert await world.state(delivery) == ("held", "too_old")


async def test_what_is_nearly_too_old_is_sent(world: World):
    await world.due()
    world.now += MAX_AGE_MS - 1000
    assert await sent(world) == 1


async def test_age_is_by_the_senders_own_time_not_by_the_receipt(world: World):
    world.now += 96 * HOUR
    received = await world.receive()
    assert received.occurred_at is not None
    (delivery,) = await world.map(event(), received=received)
    assert await sent(world) == 0
    assert await world.state(delivery) == ("held", "too_old")


async def test_a_contact_that_appears_after_four_days_holds_what_was_parked_for_it(world: World):
    delivery = await world.due()
    await world.deliver(NOT_FOUND, contacts=[found()])
    assert (await world.state(delivery))[0] == "parked"
    world.now += 96 * HOUR
    await world.do(waiting.appeared, 1, [user()], now=world.now)
    assert await sent(world) == 0
    assert await world.state(delivery) == ("held", "too_old")


async def test_a_contact_that_appears_in_time_gets_what_was_parked_for_it(world: World):
    await world.due()
    await world.deliver(NOT_FOUND, contacts=[found()])
    world.now += 48 * HOUR
    await world.do(waiting.appeared, 1, [user()], now=world.now)
    assert await sent(world) == 1


@pytest.mark.parametrize("answer", [UNAVAILABLE, NO_ANSWER])
async def test_a_retry_of_what_was_sent_in_time_goes_on(world: World, answer):
    await world.due()
    await world.deliver(answer)
    world.now += 96 * HOUR
    await world.reopen_lane()
    assert await sent(world) == 1


async def test_a_released_one_goes_out_whatever_its_age_and_its_time_is_not_changed(world: World):
    delivery = await world.due()
    before = (await world.delivery(delivery)).created_at
    world.now += 96 * HOUR
    assert await sent(world) == 0
    assert await world.do(replay.release, 1, delivery, now=world.now)
    (claimed,) = await world.claim(max_age_ms=MAX_AGE_MS)
    assert claimed.delivery.created_at == before


async def test_a_released_one_that_stands_still_for_as_long_again_is_held_again(world: World):
    delivery = await world.due()
    world.now += 96 * HOUR
    assert await sent(world) == 0
    await world.do(replay.release, 1, delivery, now=world.now)
    world.now += 96 * HOUR
    assert await sent(world) == 0
    assert await world.state(delivery) == ("held", "too_old")


async def test_what_is_sent_as_a_new_event_is_sent_whatever_its_age(world: World):
    delivery = await world.due()
    await world.deliver()
    world.now += 96 * HOUR
    await world.do(replay.replay, 1, delivery, now=world.now, as_new=True)
    assert await sent(world) == 1


async def test_without_a_limit_any_age_is_sent(world: World):
    await world.due()
    world.now += 9_000 * HOUR
    assert len(await world.claim()) == 1


async def test_what_was_due_before_a_workspace_began_trying_is_held_unless_listed(world: World):
    listed, other = await world.due(user("ada")), await world.due(user("bob"))
    await world.change_workspace(mode="trying", settings=json.dumps({"try_contacts": ["user_id:ada"]}))
    (claimed,) = await world.claim(max_age_ms=MAX_AGE_MS)
    assert claimed.delivery.id == listed
    assert await world.state(other) == ("held", "not_listed")


async def test_while_trying_a_released_one_goes_out_although_it_is_not_listed(world: World):
    await world.change_workspace(mode="trying", settings=json.dumps({"try_contacts": ["user_id:ada"]}))
    other = await world.due(user("bob"))
    assert await world.state(other) == ("held", "not_listed")
    await world.do(replay.release, 1, other, now=world.now)
    assert await sent(world) == 1


async def test_what_is_held_leaves_the_place_of_those_behind_it_free(world: World):
    old = [await world.due(user(f"u-{n}")) for n in range(3)]
    world.now += 96 * HOUR
    received = await world.receive()
    await world.do(_happened_now, received.workspace_id, received.key, world.now // 1000)
    (fresh,) = await world.map(event(user("new"), at=world.now // 1000), received=received)
    claimed = [each.delivery.id for _ in range(4) for each in await world.claim(room=1, max_age_ms=MAX_AGE_MS)]
    assert claimed == [fresh]
    assert {await world.state(each) for each in old} == {("held", "too_old")}
    assert (await world.database.read(store.find, 1, received.key)) is not None


def _happened_now(connection, workspace_id, key, at):
    from connector.database.tables import received_events

    here = (received_events.c.workspace_id == workspace_id, received_events.c.key == key)
    connection.execute(received_events.update().where(*here).values(occurred_at=at))

"""What is old goes, what may still be needed stays; on both databases."""

from __future__ import annotations

import pytest

from connector.database import partitions
from connector.database.tables import attempts, bodies, deliveries, received_events, seconds
from connector.outbox import prune, replay, retention
from connector.outbox.replay import NotReplayed
from connector.outbox.retention import DAY_MS, Keep, Retention
from connector.settings import Settings
from tests.outbox.world import REFUSED, World, customer, event, user


async def after(world: World, days: int) -> dict[str, int]:
    """What a turn so many days later removes."""
    now = world.now + days * DAY_MS
    return dict(await Retention(world.database, Keep.of(Settings(), now=now), now).run())


async def count(world: World, table) -> int:
    return len(await world.rows(table))


async def test_nothing_young_is_touched(world: World):
    await world.due()
    await world.deliver()
    removed = await after(world, 29)
    assert sum(removed.values()) == 0
    assert [await count(world, table) for table in (bodies, attempts, deliveries)] == [1, 1, 1]


async def test_bytes_go_first_then_what_a_delivery_said_then_its_keys(world: World):
    delivery = await world.due()
    await world.deliver()
    removed = await after(world, 32)
    assert removed["bodies"] + removed.get("partitions", 0) >= 1
    assert await count(world, bodies) == 0
    assert (await world.delivery(delivery)).metadata == {"plan": "pro"}

    assert (await after(world, 91))["emptied"] == 1
    found = await world.delivery(delivery)
    assert (dict(found.metadata), found.contact, found.identifier) == ({}, (), None)
    assert (found.state.value, found.name) == ("delivered", "paid-invoice")
    assert await count(world, attempts) == 0
    assert [await count(world, table) for table in (deliveries, seconds, received_events)] == [1, 1, 1]

    removed = await after(world, 401)
    assert (removed["deliveries"], removed["events"]) == (1, 1)
    assert [await count(world, table) for table in (deliveries, seconds, received_events)] == [0, 0, 0]


async def test_the_fact_of_an_emptied_delivery_is_still_told_already(world: World):
    await world.map(event(once="in_1"))
    await world.deliver()
    await after(world, 91)
    assert await world.map(event(once="in_1")) == []


async def test_a_turn_goes_on_from_where_the_last_one_came(world: World):
    await world.due(user("a"))
    await world.deliver()
    assert (await after(world, 91))["emptied"] == 1
    assert (await after(world, 91))["emptied"] == 0
    world.now += DAY_MS
    await world.due(user("b"))
    await world.deliver()
    assert (await after(world, 91))["emptied"] == 1


async def test_an_emptied_delivery_is_not_replayed(world: World):
    delivery = await world.due()
    await world.deliver(REFUSED)
    await after(world, 91)
    result = await world.do(replay.replay, 1, delivery, now=world.now)
    assert result == NotReplayed(replay.NO_LONGER_KEPT)
    result = await world.do(replay.replay, 1, delivery, now=world.now, as_new=True)
    assert isinstance(result, NotReplayed)


async def test_the_bytes_of_what_is_still_on_its_way_stay(world: World):
    await world.due()
    unmapped = await world.receive()
    await world.due(customer())
    removed = await after(world, 60)
    assert removed["bodies"] + removed.get("partitions", 0) == 0
    assert await count(world, bodies) == 3
    assert (await world.received(unmapped))[0] == "received"


async def test_one_event_that_is_needed_does_not_keep_the_bytes_of_others(world: World):
    await world.due(user("a"))
    await world.deliver()
    waiting = await world.due(customer())
    await after(world, 60)
    kept = {row["key"] for row in await world.rows(bodies)}
    assert kept == {(await world.delivery(waiting)).received_key}


async def test_what_became_needed_between_looking_and_removing_stays(world: World):
    received = await world.receive()
    await world.map(received=received)
    places = await world.database.read(prune.old_bodies, 1, before=world.now + 1, after=prune.FIRST, limit=10)
    assert len(places) == 1
    await world.do(replay.replay_event, 1, received.key, now=world.now)
    assert await world.do(prune.remove_bodies, 1, places) == 0


async def test_what_stands_still_for_too_long_is_given_up_and_counted(world: World):
    waiting = await world.due(customer())
    due = await world.due()
    assert (await after(world, 91))["expired"] == 1
    assert await world.state(waiting) == ("dead", "expired")
    assert await world.state(due) == ("due", None)


async def test_one_process_has_each_turn(world: World):
    first = await retention.turn(world.database, Settings())
    assert first is not None
    assert await retention.turn(world.database, Settings()) is None


async def test_attempts_can_go_before_their_deliveries(world: World):
    delivery = await world.due()
    await world.deliver()
    now = world.now + 40 * DAY_MS
    keep = Keep.of(Settings(keep_attempts_days=30), now=now)
    assert (await Retention(world.database, keep, now).run())["attempts"] == 1
    assert (await world.delivery(delivery)).metadata == {"plan": "pro"}


async def test_a_dry_run_counts_what_would_go(world: World):
    await world.due()
    await world.deliver()
    now = world.now + 401 * DAY_MS
    keep = Keep.of(Settings(), now=now)
    counts = await world.database.read(
        prune.count_old, bodies_before=keep.bodies, deliveries_before=keep.deliveries, keys_before=keep.keys
    )
    assert counts == {"expired": 0, "bodies": 1, "emptied": 1, "deliveries": 1, "events": 0}


async def test_partitions_are_made_ahead_and_old_ones_dropped_whole(world: World):
    if not world.database.many_processes:
        pytest.skip("only PostgreSQL has partitions")
    now = world.database.clock.now()
    await Retention(world.database, Keep.of(Settings(), now=now), now).run()
    made = [each.name for each in await world.database.read(partitions.found)]
    assert made[0] == "bodies_before"
    assert len(made) == 1 + partitions.DAYS_AHEAD
    assert await world.database.read(partitions.lacking, now) == []

    world.now = now + DAY_MS
    await world.due()
    await world.deliver()
    later = now + 40 * DAY_MS
    removed = await Retention(world.database, Keep.of(Settings(), now=later), later).run()
    assert removed["partitions"] == 1 + partitions.DAYS_AHEAD
    assert await count(world, bodies) == 0


async def test_a_partition_with_something_needed_is_kept(world: World):
    if not world.database.many_processes:
        pytest.skip("only PostgreSQL has partitions")
    await world.due()
    now = world.database.clock.now() + 40 * DAY_MS
    await Retention(world.database, Keep.of(Settings(), now=now), now).run()
    assert "bodies_before" in [each.name for each in await world.database.read(partitions.found)]
    assert await count(world, bodies) == 1


def test_deliveries_are_kept_as_long_as_bodies():
    from pydantic import ValidationError

    with pytest.raises(ValidationError, match="less than CONNECTOR_KEEP_BODIES_DAYS"):
        Settings(keep_bodies_days=60, keep_deliveries_days=30)

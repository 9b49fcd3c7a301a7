"""What an operator can do to a delivery: replay, discard, release, on both databases."""

from __future__ import annotations

import pytest

from connector.database.tables import bodies, deliveries
from connector.outbox import history, queue, replay
from connector.outbox.replay import NotReplayed, Replayed
from connector.workspaces.modes import Mode
from tests.outbox.world import (
    MINUTE,
    NO_ANSWER,
    NOT_CONNECTED,
    NOT_FOUND,
    REFUSED,
    World,
    customer,
    event,
    found,
    user,
)


async def replayed(world: World, delivery: bytes, *, as_new: bool = False) -> Replayed:
    result = await world.do(replay.replay, 1, delivery, now=world.now, as_new=as_new)
    assert isinstance(result, Replayed)
    return result


async def refused(world: World, delivery: bytes) -> str:
    result = await world.do(replay.replay, 1, delivery, now=world.now)
    assert isinstance(result, NotReplayed)
    return result.why


async def map_again(world: World, *events) -> list[bytes]:
    """What the mapper does next with the event that a replay opened again."""
    from connector.inbox import store

    ((received, _),) = (await world.database.read(store.to_map, limit=10)).events
    return await world.map(*events, received=received)


async def test_what_was_never_accepted_is_translated_afresh(world: World):
    delivery = await world.due(metadata={"plan": "old"})
    await world.deliver(REFUSED)
    assert (await replayed(world, delivery)).how == "translated_afresh"
    assert await map_again(world, event(metadata={"plan": "new"})) == [delivery]
    assert (await world.delivery(delivery)).metadata == {"plan": "new"}
    await world.deliver()
    assert (await world.state(delivery))[0] == "delivered"


async def test_the_tries_before_a_replay_are_kept_and_the_next_ones_go_on_counting(world: World):
    delivery = await world.due()
    await world.deliver(NOT_CONNECTED)
    world.now += MINUTE
    await world.deliver(REFUSED)
    await replayed(world, delivery)
    await map_again(world, event())
    await world.deliver()
    made = [(each.number, each.outcome) for each in await world.attempts(delivery)]
    assert made == [(1, "connect_failed"), (2, "refused"), (3, "delivered")]


async def test_a_second_that_was_never_used_is_free_for_others_after_a_replay(world: World):
    delivery = await world.due()
    await world.deliver(REFUSED)
    await replayed(world, delivery)
    assert await world.taken(delivery) == set()


async def test_what_a_new_mapping_makes_nothing_of_is_gone_and_its_event_says_so(world: World):
    received = await world.receive()
    (delivery,) = await world.map(event(), received=received)
    await world.deliver(REFUSED)
    await replayed(world, delivery)
    assert await map_again(world) == []
    assert await world.received(received) == ("unmapped", None)
    assert await world.rows(deliveries) == []


async def test_what_may_have_been_accepted_goes_out_again_with_the_same_bytes(world: World):
    delivery = await world.due()
    await world.deliver(NO_ANSWER)
    assert (await replayed(world, delivery)).how == "same_identity"
    await world.deliver()
    first, second = world.intercom.bodies
    assert first == second
    assert [each.number for each in await world.attempts(delivery)] == [1, 2]


async def test_a_replay_replaces_the_retry_that_was_planned(world: World):
    delivery = await world.due()
    await world.deliver(NO_ANSWER)
    assert (await world.queued(delivery))["due"] > world.now
    await replayed(world, delivery)
    row = await world.queued(delivery)
    assert (row["due"], row["attempts"], row["ambiguous"], row["number"]) == (world.now, 0, True, 1)


async def test_an_attempt_that_may_have_arrived_counts_even_when_later_ones_were_refused(world: World):
    delivery = await world.due()
    await world.deliver(NO_ANSWER)
    world.now += MINUTE
    await world.deliver(REFUSED)
    assert (await replayed(world, delivery)).how == "same_identity"
    await world.deliver(NOT_FOUND)
    assert world.intercom.looked_up == []


async def test_a_try_whose_process_died_may_have_been_accepted(world: World):
    delivery = await world.due()
    await world.claim_one()
    await world.do(queue.free_all, now=world.now)
    assert (await replayed(world, delivery)).how == "same_identity"
    assert [(each.number, each.outcome, each.ambiguous) for each in await world.attempts(delivery)] == [
        (1, "interrupted", True)
    ]
    await world.deliver(NOT_FOUND)
    assert (await world.state(delivery)) == ("parked", "no_contact")
    assert (await replayed(world, delivery)).how == "same_identity"


async def test_what_was_quarantined_keeps_its_identity_when_it_is_replayed(world: World):
    delivery = await world.due()
    for _ in range(3):
        await world.claim_one()
        await world.do(queue.free_all, now=world.now)
    assert await world.claim() == []
    assert await world.state(delivery) == ("dead", "quarantined")
    assert (await replayed(world, delivery)).how == "same_identity"
    assert (await world.claim_one()).history.ambiguous


async def test_what_is_in_flight_is_not_replayed(world: World):
    delivery = await world.due()
    await world.claim_one()
    assert "right now" in await refused(world, delivery)


async def test_what_intercom_holds_is_not_sent_again(world: World):
    delivery = await world.due()
    await world.deliver()
    assert "already holds" in await refused(world, delivery)
    assert await world.claim() == []


async def test_unless_as_a_new_event_at_a_second_of_its_own(world: World):
    delivery = await world.due()
    await world.deliver()
    new = await replayed(world, delivery, as_new=True)
    assert new.how == "as_new"
    await world.deliver()
    first, second = await world.delivery(delivery), await world.delivery(new.delivery_id)
    assert (first.state.value, second.state.value) == ("delivered", "delivered")
    assert (second.generation, second.metadata) == (1, first.metadata)
    assert second.created_at != first.created_at
    third = await replayed(world, delivery, as_new=True)
    assert (await world.delivery(third.delivery_id)).generation == 2


async def test_as_new_says_nothing_about_what_was_never_delivered(world: World):
    delivery = await world.due()
    await world.deliver(REFUSED)
    assert (await replayed(world, delivery, as_new=True)).how == "translated_afresh"


async def test_a_second_event_that_was_refused_is_sent_again_and_not_lost(world: World):
    """No mapping makes a second one of the same event again."""
    delivery = await world.due()
    await world.deliver()
    new = (await replayed(world, delivery, as_new=True)).delivery_id
    await world.deliver(REFUSED)
    assert (await replayed(world, new)).how == "same_identity"
    await world.deliver()
    assert (await world.state(new))[0] == "delivered"


async def test_without_its_body_a_delivery_goes_out_as_it_was(world: World):
    delivery = await world.due()
    await world.deliver(REFUSED)
    await world.do(lambda connection: connection.execute(bodies.delete()))
    assert (await replayed(world, delivery)).how == "same_identity"


async def test_without_its_body_what_nobody_is_known_for_cannot_be_replayed(world: World):
    delivery = await world.due(customer())
    await world.do(lambda connection: connection.execute(bodies.delete()))
    assert "body is no longer kept" in await refused(world, delivery)
    assert (await world.state(delivery))[0] == "waiting"


async def test_a_parked_one_that_is_translated_afresh_wants_nobody_meanwhile(world: World):
    delivery = await world.due()
    await world.deliver(NOT_FOUND, contacts=[found()])
    await replayed(world, delivery)
    assert await world.wants(delivery) == set()


async def test_replaying_an_event_replays_each_of_its_deliveries_by_its_own_rule(world: World):
    received = await world.receive()
    events = [event(name=f"name-{n}", mapping_id=f"m-{n}") for n in range(3)]
    delivered, lost, dead = await world.map(*events, received=received)
    for each in await world.claim():
        answer = {delivered: None, lost: NO_ANSWER, dead: REFUSED}[each.delivery.id]
        await world.complete(await world.attempt(each, *([answer] if answer else [])))
    results = await world.do(replay.replay_event, 1, received.key, now=world.now)
    assert sorted(getattr(each, "how", "refused") for each in results) == [
        "refused",
        "same_identity",
        "translated_afresh",
    ]
    assert await map_again(world, *events) == [dead]
    assert await world.received(received) == ("mapped", None)
    assert {each.delivery.id for each in await world.claim()} == {lost, dead}


async def test_an_event_whose_body_is_gone_cannot_be_mapped_again(world: World):
    received = await world.receive()
    await world.map(received=received)
    await world.do(lambda connection: connection.execute(bodies.delete()))
    (result,) = await world.do(replay.replay_event, 1, received.key, now=world.now)
    assert isinstance(result, NotReplayed)
    assert await world.received(received) == ("unmapped", None)


async def test_an_unknown_delivery_is_not_replayed(world: World):
    assert await refused(world, b"0" * 16) == "there is no such delivery"


async def test_a_discarded_delivery_is_not_tried(world: World):
    delivery = await world.due()
    assert await world.do(replay.discard, 1, delivery, now=world.now)
    assert await world.state(delivery) == ("discarded", "by_operator")
    assert await world.claim() == []


async def test_a_delivered_one_is_not_discarded(world: World):
    delivery = await world.due()
    await world.deliver()
    assert not await world.do(replay.discard, 1, delivery, now=world.now)


async def test_a_late_answer_to_a_discarded_delivery_makes_it_delivered(world: World):
    delivery = await world.due()
    claimed = await world.claim_one()
    await world.do(replay.discard, 1, delivery, now=world.now)
    (completed,) = await world.complete(await world.attempt(claimed))
    assert completed.late
    assert (await world.state(delivery))[0] == "delivered"
    assert [(each.number, each.outcome, each.late) for each in await world.attempts(delivery)] == [
        (1, "delivered", True)
    ]


async def test_one_discarded_in_flight_keeps_its_identity_when_it_is_replayed(world: World):
    delivery = await world.due()
    await world.claim_one()
    await world.do(replay.discard, 1, delivery, now=world.now)
    assert (await replayed(world, delivery)).how == "same_identity"


async def test_a_held_delivery_goes_out_when_it_is_released_and_only_once(world: World):
    await world.set_mode(Mode.WATCHING)
    delivery = await world.due()
    await world.set_mode(Mode.LIVE)
    assert await world.claim() == []
    assert await world.do(replay.release, 1, delivery, now=world.now)
    assert not await world.do(replay.release, 1, delivery, now=world.now)
    await world.deliver()
    assert (await world.state(delivery))[0] == "delivered"


@pytest.mark.parametrize("answer", [None, REFUSED, NO_ANSWER])
async def test_only_what_is_held_is_released(world: World, answer):
    delivery = await world.due(user())
    await world.deliver(*([answer] if answer else []))
    assert not await world.do(replay.release, 1, delivery, now=world.now)


async def test_a_replay_of_one_workspace_does_not_reach_into_another(world: World):
    delivery = await world.due()
    await world.deliver(REFUSED)
    result = await world.do(replay.replay, 2, delivery, now=world.now)
    assert isinstance(result, NotReplayed)
    assert await world.database.read(history.find, 1, delivery) is not None

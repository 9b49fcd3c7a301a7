"""From translations to deliveries: once, addressed, with a second, queued, on both databases."""

from __future__ import annotations

import pytest

from connector.database.tables import deliveries, event_names, lanes, queue, seconds, wanted
from connector.events import Identifier, IdentifierKind, ReceivedState
from connector.outbox.translation import Translation
from tests.outbox.world import (
    NAMES_SPENT,
    NOW_S,
    World,
    by_id,
    charge,
    customer,
    email,
    event,
    leads,
    user,
)


async def test_a_delivery_is_due_at_once_and_rings_its_lane(world: World):
    delivery = await world.due()
    assert await world.state(delivery) == ("due", None)
    row = await world.queued(delivery)
    assert (row["due"], row["lease_id"], row["number"], row["attempts"]) == (world.now, None, 0, 0)
    assert (await world.lane())["next_due"] == world.now


async def test_one_event_may_make_several_deliveries_or_none(world: World):
    several = await world.receive()
    made = await world.map(event(mapping_id="a"), event(mapping_id="b"), received=several)
    assert len(set(made)) == 2
    assert await world.received(several) == ("mapped", None)
    nothing = await world.receive()
    assert await world.map(received=nothing) == []
    assert await world.received(nothing) == ("unmapped", None)


async def test_an_event_that_is_mapped_twice_makes_no_second_delivery(world: World):
    received = await world.receive()
    translation = Translation(received, ReceivedState.MAPPED, None, (event(),))
    assert len(await world.store(translation)) == 1
    assert await world.store(translation) == []
    assert len(await world.rows(deliveries)) == 1


async def test_one_fact_that_two_events_tell_is_one_delivery(world: World):
    await world.map(event(once="in_1"))
    again = await world.receive()
    assert await world.map(event(once="in_1"), received=again) == []
    assert await world.received(again) == ("ignored", "told_already")
    assert len(await world.rows(seconds)) == 1


async def test_one_fact_that_is_told_twice_in_one_batch_is_one_delivery(world: World):
    first, second = await world.receive(), await world.receive()
    stored = await world.store(
        *(Translation(each, ReceivedState.MAPPED, None, (event(once="in_1"),)) for each in (first, second))
    )
    assert [(each.state.value, len(each.deliveries)) for each in stored] == [("mapped", 1), ("ignored", 0)]


async def test_facts_of_another_entry_or_workspace_are_other_facts(world: World):
    await world.add_workspace(2)
    await world.map(event(once="in_1"))
    assert len(await world.map(event(once="in_2"))) == 1
    assert len(await world.map(event(once="in_1", mapping_id="another"))) == 1
    assert len(await world.map(event(once="in_1"), received=await world.receive(workspace_id=2))) == 1


async def test_an_event_that_tells_one_new_fact_and_an_old_one_is_mapped(world: World):
    await world.map(event(once="in_1"))
    received = await world.receive()
    made = await world.map(event(once="in_1"), event(once="x", mapping_id="b"), received=received)
    assert len(made) == 1
    assert await world.received(received) == ("mapped", None)


async def test_the_first_identifier_that_intercom_takes_goes_on_the_wire(world: World):
    delivery = await world.due(customer(), email(), user())
    assert (await world.delivery(delivery)).identifier == email()


@pytest.mark.parametrize(("contact", "reason"), [((), "no_contact_in_event"), ((customer(),), "contact_unknown")])
async def test_without_a_person_a_delivery_waits(world: World, contact: tuple[Identifier, ...], reason: str):
    (delivery,) = await world.map(_for(*contact))
    assert await world.state(delivery) == ("waiting", reason)
    assert await world.rows(queue) == []
    assert await world.wants(delivery) == {each.key for each in contact}
    assert await world.taken(delivery) == set()


async def test_evidence_in_the_event_itself_counts_for_it(world: World):
    (delivery,) = await world.map(event(customer()), evidence=[leads(customer(), email())])
    assert (await world.delivery(delivery)).identifier == email()


async def test_evidence_that_comes_later_addresses_what_waits(world: World):
    delivery = await world.due(customer())
    world.now += 5_000
    await world.map(evidence=[leads(customer(), email())])
    found = await world.delivery(delivery)
    assert (found.state.value, found.identifier, found.reason) == ("due", email(), None)
    assert (await world.queued(delivery))["due"] == world.now
    assert await world.wants(delivery) == set()
    assert await world.taken(delivery) == {(email().key, NOW_S)}


async def test_evidence_leads_over_several_steps(world: World):
    delivery = await world.due(charge())
    await world.map(evidence=[leads(charge(), customer())])
    assert await world.state(delivery) == ("waiting", "contact_unknown")
    assert await world.wants(delivery) == {charge().key, customer().key}
    await world.map(evidence=[leads(customer(), user())])
    assert (await world.delivery(delivery)).identifier == user()


async def test_where_evidence_disagrees_nobody_is_picked_until_something_firm_is_said(world: World):
    await world.map(evidence=[leads(customer(), email("a@x.io"), firm=False)])
    await world.map(evidence=[leads(customer(), email("b@x.io"), firm=False)])
    delivery = await world.due(customer())
    assert await world.state(delivery) == ("waiting", "contact_ambiguous")
    await world.map(evidence=[leads(customer(), email("b@x.io"))])
    assert (await world.delivery(delivery)).identifier == email("b@x.io")


async def test_what_waits_gets_a_second_that_those_who_came_before_it_left(world: World):
    delivery = await world.due(customer())
    await world.due(email())
    await world.map(evidence=[leads(customer(), email())])
    assert (await world.delivery(delivery)).created_at == NOW_S - 1


async def test_one_person_has_one_second_whatever_they_are_known_by(world: World):
    """Intercom would take the two for one event: the customer is known to be both."""
    await world.map(evidence=[leads(customer(), user()), leads(customer(), email())])
    first = await world.due(customer(), mapping_id="by evidence")
    second = await world.due(email(), customer(), mapping_id="by address")
    third = await world.due(user(), mapping_id="by user")
    assert (await world.delivery(first)).identifier == user()
    assert (await world.delivery(second)).identifier == email()
    moments = [(await world.delivery(each)).created_at for each in (first, second, third)]
    assert len(set(moments)) == 3


async def test_two_people_who_may_be_one_are_given_different_seconds_and_nothing_else_follows(world: World):
    await world.map(evidence=[leads(customer(), email("a@x.io"), firm=False), leads(customer(), user())])
    first = await world.due(email("a@x.io"))
    second = await world.due(user("somebody"), customer())
    assert (await world.delivery(second)).identifier == user("somebody")
    assert (await world.delivery(first)).created_at != (await world.delivery(second)).created_at


async def test_what_waited_takes_its_second_for_all_that_is_known_of_the_person(world: World):
    delivery = await world.due(customer())
    await world.map(evidence=[leads(customer(), user()), leads(customer(), email())])
    assert {identifier for identifier, _ in await world.taken(delivery)} == {user().key, email().key}


async def test_without_a_free_second_a_delivery_is_dead_and_says_why(world: World):
    for start in range(0, 3601, 601):
        await world.map(*(event(mapping_id=f"m-{n}") for n in range(start, min(3601, start + 601))))
    delivery = await world.due(mapping_id="one too many")
    assert await world.state(delivery) == ("dead", "no_free_second")
    assert await world.rows(queue, delivery_id=delivery) == []


async def test_an_event_received_later_may_be_moved_towards_its_receipt_but_not_beyond(world: World):
    made = []
    for n in range(4):
        received = await world.receive(at=(NOW_S + 2) * 1000 + 999)
        made += await world.map(event(mapping_id=f"m-{n}"), received=received)
    assert [(await world.delivery(each)).created_at - NOW_S for each in made] == [0, 1, 2, -1]


async def test_a_name_that_intercom_takes_no_more_of_is_not_queued_again(world: World):
    first, waits = await world.due(), await world.due(user("bob"), mapping_id="b")
    claimed = {each.delivery.id: each for each in await world.claim()}
    await world.complete(await world.attempt(claimed[first], NAMES_SPENT))
    assert await world.state(first) == ("held", "event_names_full")
    assert await world.state(waits) == ("held", "event_names_full")
    later = await world.due(user("eve"), name="Paid-Invoice")
    assert await world.state(later) == ("held", "event_names_full")
    other = await world.due(name="another-name")
    assert await world.state(other) == ("due", None)


async def test_each_name_of_a_workspace_is_kept_once(world: World):
    for name in ("paid-invoice", "Paid-Invoice", "paid.invoice", "refunded-charge"):
        await world.due(name=name)
    await world.claim()
    assert sorted(row["name"] for row in await world.rows(event_names)) == ["paid-invoice", "refunded-charge"]


async def test_a_thousand_deliveries_that_wait_for_one_customer_are_all_addressed(world: World):
    made = await world.map(*(event(customer(), mapping_id=f"m-{n}") for n in range(1_100)))
    await world.map(evidence=[leads(customer(), email())])
    assert len(await world.rows(deliveries, state="due")) == len(made) == 1_100
    assert len({row["second"] for row in await world.rows(seconds)}) == 1_100
    assert await world.rows(wanted) == []
    assert len(await world.rows(lanes)) == 1


async def test_what_waits_in_another_workspace_is_not_addressed(world: World):
    await world.add_workspace(2)
    (delivery,) = await world.map(event(customer()), received=await world.receive(workspace_id=2))
    await world.map(evidence=[leads(customer(), email())])
    assert (await world.delivery(delivery, workspace_id=2)).state.value == "waiting"


async def test_an_event_that_another_process_has_mapped_meanwhile_is_passed_over(world: World):
    mine, theirs = await world.receive(), await world.receive()
    await world.map(event(), received=theirs)
    stored = await world.store(
        *(Translation(each, ReceivedState.MAPPED, None, (event(by_id()),)) for each in (mine, theirs))
    )
    assert [each.translation.received for each in stored] == [mine]


def _for(*contact: Identifier):
    """An event for just these, or for nobody."""
    made = event(*contact)
    from dataclasses import replace

    return replace(made, contact=contact)


def test_every_kind_of_identifier_has_a_key_of_its_own():
    keys = {Identifier(kind, "same").key for kind in IdentifierKind}
    assert len(keys) == len(IdentifierKind)

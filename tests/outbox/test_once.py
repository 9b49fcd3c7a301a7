"""One Intercom event for each fact, however many events, endpoints, polls and processes tell it; on both databases."""

from __future__ import annotations

import asyncio
import itertools
import json

import pytest

from connector.contacts.evidence import Evidence
from connector.database.tables import deliveries, received_events, seconds
from connector.events import Identifier, Key, SourceEvent
from connector.inbox import store
from connector.inbox.arrivals import Arrival, insert
from connector.outbox import replay
from connector.outbox.replay import Replayed
from tests.outbox.world import ACCEPTED, NOW, NOW_S, World, customer, email, event, leads, user

AT_ONCE = 8


async def test_two_stripe_ids_of_one_fact_told_at_the_same_time_are_one_delivery(world: World):
    told = [await world.receive(f"evt_{number}") for number in range(AT_ONCE)]
    made = await asyncio.gather(*(world.map(event(once="in_1"), received=each) for each in told))
    assert sum(map(len, made)) == 1
    states = [await world.received(each) for each in told]
    assert sorted(states, key=str) == [("ignored", "told_already")] * (AT_ONCE - 1) + [("mapped", None)]
    assert len(await world.rows(seconds)) == 1


async def test_the_same_event_by_webhook_and_poll_in_another_rendering_is_stored_once(world: World):
    """The poll renders by the account's version, the webhook by its endpoint's: one id, two bodies."""

    async def arrive(version: str, endpoint_id: int) -> None:
        body = json.dumps({"id": "evt_1", "api_version": version}).encode()
        sent = SourceEvent("stripe", "evt_1", "invoice.paid", body, NOW_S, api_version=version)
        await world.database.write(insert, [Arrival(1, endpoint_id, "stripe", sent, NOW + endpoint_id)])

    versions = ("2020-08-27", "2024-06-20", "2025-03-31.basil", "2026-07-29.dahlia")
    await asyncio.gather(*(arrive(version, number) for number, version in enumerate(versions)))
    (row,) = await world.rows(received_events)
    assert row["external_key"] == "evt_1"
    found = await world.database.read(store.find, 1, row["key"])
    assert found is not None
    assert found[1] is not None
    assert json.loads(found[1])["api_version"] == row["api_version"]


async def test_a_generation_asked_for_twice_at_once_is_two_generations_in_two_seconds(world: World):
    delivery = await world.due(user())
    await world.deliver(ACCEPTED)
    asked = [world.do(replay.replay, 1, delivery, now=world.now, as_new=True) for _ in range(2)]
    replays = await asyncio.gather(*asked)
    assert all(isinstance(each, Replayed) for each in replays)
    rows = await world.rows(deliveries)
    assert sorted(row["generation"] for row in rows) == [0, 1, 2]
    assert len({row["created_at"] for row in rows}) == 3


PEOPLE: tuple[tuple[Identifier, ...], ...] = (
    (user("ada"), email("ada@example.com")),
    (email("ADA@example.com"),),
    (user("ada"),),
    (customer("cus_ada"),),
    (user("bob"), email("ada@example.com")),
)
KNOWN: tuple[Evidence, ...] = (
    leads(customer("cus_ada"), user("ada")),
    leads(customer("cus_ada"), email("ada@example.com")),
    leads(user("ada"), email("ada@example.com")),
)


async def test_one_persons_events_by_any_of_their_names_get_a_second_each_whoever_maps_them(world: World):
    """All in one second, mapped at the same time: by id, address in either case, customer, and both."""
    await world.map(evidence=KNOWN)
    at_once = asyncio.Semaphore(AT_ONCE)  # a process has twelve connections, and waits two seconds for one

    async def told(number: int, place: int, contact: tuple[Identifier, ...]) -> list[Key]:
        async with at_once:
            return await world.map(event(*contact, once=f"{number}-{place}"))

    made = await asyncio.gather(
        *(told(number, place, contact) for number, (place, contact) in itertools.product(range(3), enumerate(PEOPLE)))
    )
    assert sum(map(len, made)) == 3 * len(PEOPLE)
    rows = await world.rows(seconds)
    taken = [(row["identifier"], row["second"]) for row in rows]
    assert len(taken) == len(set(taken))
    ada_by_mail = {row["second"] for row in rows if row["identifier"] == email("ada@example.com").key}
    assert len(ada_by_mail) == 3 * len(PEOPLE), "each of these is, or may be, for that address"


async def test_an_address_that_only_an_identify_tied_to_the_user_keeps_their_seconds_apart(world: World):
    await world.map(evidence=[leads(user("ada"), email("ada@example.com"))])
    first = await world.due(user("ada"), mapping_id="a")
    second = await world.due(email("ada@example.com"), mapping_id="b")
    assert (await world.delivery(first)).created_at != (await world.delivery(second)).created_at


@pytest.mark.parametrize("rounds", [4])
async def test_claims_at_the_same_time_never_hand_out_one_delivery_twice(world: World, rounds: int):
    made = {await world.due(user(f"u{number}")) for number in range(12)}
    holders = [bytes([number]) * 16 for number in range(rounds)]
    claimed = await asyncio.gather(*(world.claim(room=5, holder=holder) for holder in holders))
    ids = [each.delivery.id for some in claimed for each in some]
    assert len(ids) == len(set(ids))
    assert set(ids) <= made

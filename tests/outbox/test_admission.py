"""The last door: 120 names, stopped names, and one type for each key; on both databases."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any

import pytest

from connector.database.tables import alerts, event_names, queue
from connector.events import Key
from connector.outbox import admission, stop
from connector.outbox import alerts as alerts_sql
from connector.outbox import event_names as names
from connector.outbox.admission import Opened
from connector.outbox.delivery import name_key
from connector.outbox.event_names import ALLOWED, WARN_AT
from connector.workspaces.modes import Mode
from tests.outbox.world import HOLDER, NAMES_SPENT, OTHER_HOLDER, UNAVAILABLE, World, event, user

MONEY = {"amount": 1999, "currency": "usd"}


async def sent(world: World, *deliveries: Key) -> list[dict[str, Any]]:
    """The metadata that these deliveries, all that are due, go out with."""
    claimed = {each.delivery.id: each for each in await world.claim()}
    assert set(claimed) == set(deliveries)
    await world.complete(*[await world.attempt(each) for each in claimed.values()])
    return [dict(claimed[each].delivery.metadata) for each in deliveries]


async def types(world: World, name: str = "paid-invoice") -> dict[str, str]:
    found = await world.database.read(names.known, world.workspace_id, [name_key(name)])
    return dict(found[name_key(name)].types) if found else {}


async def fill(world: World, count: int, *, start: int = 0) -> None:
    """Send one event of each of so many names."""
    for n in range(start, start + count):
        await world.due(name=f"used-name-{n}", mapping_id=f"m-{n}")
    while await world.rows(queue):
        await world.complete(*[await world.attempt(each) for each in await world.claim()])
        world.now += 20_000  # the pace of a workspace allows no more at once


async def open_alerts(world: World) -> list[tuple[str, str]]:
    return sorted((each["kind"], each["subject"]) for each in await world.rows(alerts, closed_at=None))


async def test_a_keys_type_is_frozen_by_what_is_first_sent_and_not_before(world: World):
    delivery = await world.due(metadata={"price": MONEY, "Plan": "pro", "paid_date": 1, "seats": 3})
    assert await world.rows(event_names) == []
    await sent(world, delivery)
    frozen = {"price": "money", "plan": "text", "paid_date": "date", "seats": "number"}
    assert await types(world) == frozen


@pytest.mark.parametrize(
    ("first", "then", "goes_out"),
    [
        ({"seats": 3}, {"seats": "three"}, {}),
        ({"seats": "three"}, {"seats": 3}, {"seats": "3"}),
        ({"price": 19.99}, {"price": MONEY}, {"price_amount": 19.99, "price_currency": "usd"}),
        ({"price": MONEY}, {"price": 19.99}, {}),
        ({"invoice": {"url": "https://x.io/1", "value": "A"}}, {"invoice": "A"}, {}),
        (
            {"invoice": {"url": "https://x.io/1", "value": "A"}},
            {"invoice": "https://x.io/2"},
            {"invoice": {"url": "https://x.io/2", "value": "https://x.io/2"}},
        ),
        ({"Seats": 3}, {"sEATS": "three", "plan": "pro"}, {"plan": "pro"}),
    ],
)
async def test_a_key_that_drifts_goes_out_in_its_old_type_or_not_at_all(
    world: World, first: dict[str, Any], then: dict[str, Any], goes_out: dict[str, Any]
):
    await sent(world, await world.due(metadata=first))
    delivery = await world.due(user("bob"), metadata=then, mapping_id="b")
    assert await sent(world, delivery) == [goes_out]
    stored = await world.delivery(delivery)
    assert stored.metadata == goes_out
    assert any("first sent" in note for note in stored.notes)
    [(kind, subject)] = await open_alerts(world)
    assert (kind, subject.split()[0]) == ("key_type_drift", "paid-invoice")


async def test_the_alert_about_a_drifting_key_is_told_once(world: World):
    await sent(world, await world.due(metadata={"seats": 3}))
    told: list[Opened] = []
    for n in range(3):
        await world.due(user(f"u-{n}"), metadata={"seats": "x"}, mapping_id=f"m-{n}")
        await world.claim(opened=told)
    assert [each.kind for each in told] == ["key_type_drift"]


async def test_two_types_in_one_batch_are_one_type_in_intercom(world: World):
    one, two = await world.due(metadata={"seats": 3}), await world.due(user("b"), metadata={"seats": "x"})
    metadata = await sent(world, one, two)
    assert sorted(map(len, metadata)) == [0, 1]


async def test_what_stands_in_for_money_freezes_itself_and_not_the_money(world: World):
    await sent(world, await world.due(metadata={"price_amount": 0, "price_currency": "usd"}))
    assert await types(world) == {"price_amount": "number", "price_currency": "text"}
    assert await sent(world, await world.due(user("b"), metadata={"price": MONEY})) == [{"price": MONEY}]
    assert (await types(world))["price"] == "money"


async def test_what_may_have_arrived_goes_out_again_as_it_was(world: World):
    delivery = await world.due(metadata={"seats": 3})
    await world.deliver(UNAVAILABLE)
    await world.do(names.forget, world.workspace_id, "paid-invoice")
    await world.do(names.save, [await _typed(world, {"seats": "text"})])
    await world.reopen_lane()
    world.now += 60_000
    await world.do(_make_ambiguous)
    assert await sent(world, delivery) == [{"seats": 3}]


def _make_ambiguous(connection: Any) -> None:
    connection.execute(queue.update().values(ambiguous=True))


async def _typed(world: World, frozen: dict[str, str]) -> names.EventName:
    key = name_key("paid-invoice")
    return names.EventName(world.workspace_id, key, "paid-invoice", frozen, world.now, None, world.now)


async def test_a_hundred_names_are_warned_of_once_and_the_warning_ends(world: World):
    await fill(world, WARN_AT - 1)
    assert await open_alerts(world) == []
    await fill(world, 5, start=WARN_AT)
    assert await open_alerts(world) == [("event_names_many", "")]
    for n in range(WARN_AT, WARN_AT + 5):
        await world.do(stop.forget_name, world.workspace_id, f"used-name-{n}", now=world.now)
    assert await open_alerts(world) == []
    await fill(world, 1, start=900)
    assert await open_alerts(world) == [("event_names_many", "")]


async def test_the_121st_name_is_held_until_there_is_a_place_and_then_goes_out(world: World):
    await fill(world, ALLOWED)
    first = await world.due(name="first-too-many")
    world.now += 1
    second = await world.due(name="second-too-many")
    known = await world.due(name="Used-Name-7", mapping_id="another")
    assert await sent(world, known) == [{"plan": "pro"}]
    assert await world.state(first) == await world.state(second) == ("held", "event_names_full")
    assert ("event_names_full", "") in await open_alerts(world)
    later = await world.due(user("b"), name="first-too-many", mapping_id="b")
    assert await world.state(later) == ("held", "event_names_full")  # without having been queued
    given = await world.do(stop.forget_name, world.workspace_id, "used-name-3", now=world.now)
    assert len(given) == 1
    assert await world.do(stop.let_go, world.workspace_id, given[0], now=world.now) in (1, 2)
    assert len(bodies_of(await world.claim())) in (1, 2)
    assert ("event_names_full", "") in await open_alerts(world)  # the other still waits


def bodies_of(claimed: Sequence[Any]) -> list[str]:
    return [each.delivery.name for each in claimed]


async def test_the_last_place_is_given_to_one_of_two_processes(world: World):
    await fill(world, ALLOWED - 1)
    await world.due(name="one-more")
    await world.due(user("b"), name="another-one")
    claims = await asyncio.gather(world.claim(holder=HOLDER), world.claim(holder=OTHER_HOLDER))
    assert sum(map(len, claims)) == 1
    places = await world.database.read(names.places, world.workspace_id)
    assert (places.counted, places.waiting) == (ALLOWED, 1)


async def test_intercoms_own_word_that_it_is_full_counts_before_ours(world: World):
    refused = await world.due(name="one-too-many")
    await world.deliver(NAMES_SPENT)
    another = await world.due(name="new-name")
    assert await world.claim() == []
    assert await world.state(refused) == await world.state(another) == ("held", "event_names_full")
    assert await world.do(stop.give_places, world.workspace_id, 120, now=world.now) == ["one-too-many", "new-name"]
    assert await open_alerts(world) == []


async def test_what_is_watched_takes_no_place(world: World):
    await world.set_mode(Mode.WATCHING)
    await world.due()
    assert (await world.database.read(names.places, world.workspace_id)).counted == 0


@pytest.mark.parametrize("where", [0, 1])
async def test_a_stopped_name_is_held_and_goes_out_once_it_is_started(world: World, where: int):
    queued, other = await world.due(), await world.due(name="another-name")
    await world.do(stop.stop_name, where, "PAID-invoice", now=world.now)
    assert [each.delivery.id for each in await world.claim()] == [other]
    later = await world.due(user("b"), mapping_id="b")
    assert await world.state(queued) == await world.state(later) == ("held", "name_stopped")
    assert await world.do(names.start, None, "paid-invoice") == [where]
    assert await world.do(stop.let_go, world.workspace_id, "paid-invoice", now=world.now) == 2
    assert {each.delivery.id for each in await world.claim()} == {queued, later}


async def test_stopping_holds_at_once_what_is_due_and_what_is_parked_under_any_spelling(world: World):
    await world.due(name="Paid.Invoice")
    await world.due(user("b"))
    await world.do(stop.stop_name, 0, "paid-invoice", now=world.now)
    assert await world.do(stop.hold, world.workspace_id, "paid-invoice", "name_stopped", now=world.now) == 2
    assert await world.rows(queue) == []


async def test_a_started_name_of_a_watching_workspace_stays_held_for_that(world: World):
    delivery = await world.due()
    await world.do(stop.stop_name, 1, "paid-invoice", now=world.now)
    assert await world.claim() == []
    await world.set_mode(Mode.WATCHING)
    await world.do(names.start, 1, "paid-invoice")
    await world.do(stop.let_go, 1, "paid-invoice", now=world.now)
    assert await world.state(delivery) == ("held", "watching")


async def test_a_release_does_not_get_round_a_stopped_name(world: World):
    from connector.outbox import replay

    delivery = await world.due()
    await world.do(stop.stop_name, 1, "paid-invoice", now=world.now)
    await world.claim()
    await world.do(replay.release, 1, delivery, now=world.now)
    assert await world.state(delivery) == ("due", None)
    assert await world.claim() == []
    assert await world.state(delivery) == ("held", "name_stopped")


async def test_a_closed_alert_opens_again(world: World):
    async def opened() -> bool:
        return bool(await world.do(alerts_sql.open_alert, 1, "kind", "subject", "why", now=world.now))

    assert [await opened(), await opened()] == [True, False]
    await world.do(alerts_sql.close_alerts, "kind", now=world.now)
    assert [await opened(), await opened()] == [True, False]
    await world.do(admission.close_drift, now=world.now)
    assert await open_alerts(world) == [("kind", "subject")]


async def test_names_of_another_workspace_are_none_of_this_one(world: World):
    await world.add_workspace(2)
    await sent(world, await world.due(metadata={"seats": 3}))
    other = await world.receive(workspace_id=2)
    [delivery] = await world.map(event(metadata={"seats": "x"}), received=other)
    [claimed] = await world.claim()
    assert (claimed.delivery.id, claimed.delivery.metadata) == (delivery, {"seats": "x"})

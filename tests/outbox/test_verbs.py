"""What operators do to many: the filter looked at again, each at most once, on both databases."""

from __future__ import annotations

from dataclasses import replace

from connector.database.tables import audit as audit_table
from connector.inbox import selection as inbox_selection
from connector.inbox.selection import EventSelection
from connector.outbox import selection, verbs
from connector.outbox.delivery import State
from connector.outbox.selection import NOWHERE, Selection
from connector.workspaces import audit
from connector.workspaces.modes import Mode
from tests.outbox.world import NO_ANSWER, REFUSED, World, customer, email, event, user

DEAD = Selection(1, states=(State.DEAD,))


async def dead_ones(world: World, count: int) -> set[bytes]:
    ids = {await world.due(user(f"u-{n}")) for n in range(count)}
    for each in await world.claim():
        await world.complete(await world.attempt(each, REFUSED))
    return ids


async def ids(world: World, wanted: Selection, limit: int = 100) -> set[bytes]:
    page = await world.database.read(selection.page, wanted, after=NOWHERE, limit=limit)
    return {key for _, key in page}


async def act(world: World, verb, wanted: Selection, page=None):
    page = page or await world.database.read(selection.page, wanted, after=NOWHERE, limit=100)
    return await world.do(verbs.act, verb, wanted, page, now=world.now)


async def test_each_option_narrows_the_selection(world: World):
    first = await world.due(user("ada"), email("Ada@example.com"))
    await world.deliver(REFUSED)
    second = await world.due(user("bob"), name="opened-dispute", mapping_id="m")
    for wanted, expected in (
        (Selection(), {first, second}),
        (Selection(2), set()),
        (Selection(name="opened-dispute"), {second}),
        (Selection(contact=email("ADA@example.com")), {first}),
        (Selection(contact=user("bob")), {second}),
        (Selection(contact=user("BOB")), set()),
        (Selection(status=422), {first}),
        (Selection(reasons=("refused",)), {first}),
        (Selection(received_type="invoice.paid"), {first, second}),
        (Selection(received_type="charge.failed"), set()),
        (Selection(mapping_digest="catalogue"), {first, second}),
        (Selection(mapping_digest="another"), set()),
        (Selection(since=world.now), {first, second}),
        (Selection(until=world.now), set()),
        (Selection(happened_from=world.now // 1000 + 1), set()),
    ):
        assert await ids(world, wanted) == expected, wanted


async def test_whom_a_delivery_waits_for_finds_it_too(world: World):
    delivery = await world.due(customer())
    assert await ids(world, Selection(contact=customer())) == {delivery}


async def test_pages_go_through_all_of_it_once(world: World):
    expected = {await world.due(user(f"u-{n}")) for n in range(7)}
    seen, last = [], NOWHERE
    while page := await world.database.read(selection.page, Selection(1), after=last, limit=3):
        seen += page
        last = page[-1]
    assert {key for _, key in seen} == expected
    assert len(seen) == 7


async def test_two_operators_at_once_replay_each_once(world: World):
    await dead_ones(world, 3)
    page = await world.database.read(selection.page, DEAD, after=NOWHERE, limit=100)
    first = await act(world, verbs.replay_one, DEAD, page)
    second = await act(world, verbs.replay_one, DEAD, page)
    assert [each.done for each in first] == [True] * 3
    assert second == []


async def test_what_a_command_made_anew_is_not_what_it_was_asked_about(world: World):
    await world.due()
    await world.deliver()
    wanted = Selection(1, states=(State.DELIVERED,), mapped_before=world.now)
    world.now += 1
    (again,) = await act(world, verbs.replay_as_new, wanted)
    await world.deliver()
    assert (await world.state(again.id))[0] == "delivered"
    assert again.id not in await ids(world, wanted)


async def test_a_replay_replaces_the_pending_retry(world: World):
    delivery = await world.due()
    await world.deliver(NO_ANSWER)
    await act(world, verbs.replay_one, Selection(one=delivery))
    assert len(await world.claim()) == 1
    assert await world.claim() == []


async def test_what_is_in_flight_is_not_sent_a_second_time(world: World):
    delivery = await world.due()
    await world.claim_one()
    (refused,) = await act(world, verbs.replay_one, Selection(one=delivery))
    assert (refused.done, refused.why) == (False, "it is being tried right now")


async def test_nothing_is_released_into_a_workspace_that_is_watching(world: World):
    await world.set_mode(Mode.WATCHING)
    delivery = await world.due()
    (refused,) = await act(world, verbs.release_one, Selection(one=delivery))
    assert (refused.done, refused.why) == (False, verbs.STILL_WATCHING)
    assert await world.state(delivery) == ("held", "watching")


async def test_many_that_are_released_go_behind_what_happens_now(world: World):
    await world.set_mode(Mode.WATCHING)
    held = {await world.due(user(f"u-{n}")) for n in range(2)}
    await world.set_mode(Mode.LIVE)
    await act(world, verbs.release_behind, Selection(1, states=(State.HELD,)))
    fresh = await world.due(user("now"))
    assert (await world.claim_one(room=1)).delivery.id == fresh
    assert {each.delivery.id for each in await world.claim()} == held


async def test_a_discarded_one_is_not_discarded_twice(world: World):
    delivery = await world.due()
    assert [each.done for each in await act(world, verbs.discard_one, Selection(one=delivery))] == [True]
    assert [each.done for each in await act(world, verbs.discard_one, Selection(one=delivery))] == [False]


async def test_events_are_replayed_by_type_and_state_and_only_once(world: World):
    received = await world.receive()
    await world.map(event(), received=received)
    await world.deliver(REFUSED)
    wanted = EventSelection(1, type="invoice.paid")
    for narrower in (replace(wanted, type="x"), replace(wanted, until=world.now), replace(wanted, source="segment")):
        assert await world.database.read(inbox_selection.page, narrower, after=NOWHERE, limit=10) == []
    page = await world.database.read(inbox_selection.page, wanted, after=NOWHERE, limit=10)
    keys = [(each.workspace_id, each.key) for each in page]
    (first,) = await world.do(verbs.replay_events, wanted, keys, now=world.now)
    assert (first.mapped_again, list(first.deliveries.values())) == (True, ["translated_afresh"])
    assert await world.do(verbs.replay_events, wanted, keys, now=world.now) == [], "it is still to be mapped"


async def test_previews_count_by_name_and_by_age(world: World):
    await dead_ones(world, 3)
    assert await world.database.read(selection.count_by_name, DEAD) == [("paid-invoice", "dead", "refused", 3)]
    assert await world.database.read(selection.count_older, DEAD, than=world.now + 1000) == 3
    assert await world.database.read(selection.count_older, DEAD, than=world.now - 3_600_000) == 0
    assert await world.database.read(selection.count, DEAD) == 3


async def test_who_did_what_is_kept_and_listed_latest_first(world: World):
    for action in ("a", "b", "c"):
        await world.do(audit.record, 1, actor="ada", action=action, detail={"done": 1}, now=world.now)
    found = await world.database.read(audit.page, 1, before=None, limit=2)
    assert [(each.actor, each.action, each.detail["done"]) for each in found] == [("ada", "c", 1), ("ada", "b", 1)]
    (last,) = await world.database.read(audit.page, 1, before=found[-1].id, limit=2)
    assert last.action == "a"
    assert await world.database.read(audit.page, 2, before=None, limit=2) == []
    assert len(await world.rows(audit_table)) == 3

"""What is written down after each step, and what follows from it, on both databases."""

from __future__ import annotations

import pytest

from connector.database.tables import alerts, event_names, queue, workspaces
from connector.intercom.outcome import Answer
from connector.outbox import replay
from connector.outbox.queue import LEASE_MS
from connector.workspaces.modes import Mode
from tests.outbox.world import (
    ACCEPTED,
    NAMES_SPENT,
    NO_ANSWER,
    NOT_CONNECTED,
    NOT_FOUND,
    OTHER_HOLDER,
    RATE_LIMITED,
    REFUSED,
    SEVERAL,
    UNAUTHORIZED,
    UNAVAILABLE,
    UNHEARD_OF,
    World,
    by_id,
    email,
    event,
    found,
    refusal,
    user,
)


async def test_an_accepted_event_is_delivered_and_leaves_the_queue(world: World):
    delivery = await world.due()
    world.now += 40
    await world.deliver(ACCEPTED)
    now = await world.delivery(delivery)
    assert (now.state.value, now.reason, now.delivered_at) == ("delivered", None, world.now)
    assert await world.rows(queue) == []
    assert (await world.lane())["next_due"] is None
    (attempt,) = await world.attempts(delivery)
    assert (attempt.number, attempt.status, attempt.outcome, attempt.ambiguous) == (1, 202, "delivered", False)
    assert attempt.identifier_kind == "user_id"


@pytest.mark.parametrize(
    ("answer", "ambiguous"), [(UNAVAILABLE, True), (NO_ANSWER, True), (NOT_CONNECTED, False), (UNHEARD_OF, False)]
)
async def test_trouble_is_tried_again_later_and_counts(world: World, answer: Answer, ambiguous: bool):
    delivery = await world.due()
    world.now += 100
    await world.deliver(answer)
    row = await world.queued(delivery)
    assert (row["attempts"], row["claims"], row["lease_id"], row["first_attempt_at"]) == (1, 0, None, world.now)
    assert (row["due"], row["ambiguous"]) == (world.now + 2_500, ambiguous)
    assert (await world.lane())["next_due"] == row["due"]
    assert await world.state(delivery) == ("due", None)


async def test_a_rate_limit_holds_the_lane_and_neither_counts_nor_ages(world: World):
    delivery = await world.due()
    await world.deliver(RATE_LIMITED)
    row, lane = await world.queued(delivery), await world.lane()
    assert (row["attempts"], row["stood_still"]) == (0, row["due"] - world.now)
    assert row["due"] == world.now + 7_500
    assert lane["blocked_until"] == world.now + 7_000


async def test_a_refusal_is_final_and_keeps_intercoms_words(world: World):
    delivery = await world.due()
    await world.deliver(REFUSED)
    assert await world.state(delivery) == ("dead", "refused")
    assert await world.rows(queue) == []
    (attempt,) = await world.attempts(delivery)
    assert (attempt.error_code, attempt.words) == ("parameter_invalid", "metadata is not valid")


async def test_one_contact_that_is_found_is_addressed_by_its_id_at_once(world: World):
    delivery = await world.due(email())
    await world.deliver(NOT_FOUND, contacts=[found("intercom-7")])
    row = await world.queued(delivery)
    assert (row["due"], row["lookups"], row["attempts"]) == (world.now, 0, 1)
    assert (await world.delivery(delivery)).identifier == by_id("intercom-7")
    await world.deliver(ACCEPTED)
    assert b'"id":"intercom-7"' in world.intercom.bodies[-1]


async def test_several_contacts_of_which_one_is_found_are_resolved_once(world: World):
    delivery = await world.due(email())
    await world.deliver(SEVERAL, contacts=[found("intercom-7")])
    await world.deliver(SEVERAL, contacts=[found("intercom-7")])
    assert await world.state(delivery) == ("dead", "ambiguous_contact")


async def test_several_contacts_that_stay_several_are_nobodys_guess(world: World):
    delivery = await world.due(email())
    await world.deliver(SEVERAL, contacts=[found("a", "b")])
    assert await world.state(delivery) == ("dead", "ambiguous_contact")


@pytest.mark.parametrize("in_the_way", [RATE_LIMITED, UNAVAILABLE, NO_ANSWER])
async def test_a_look_up_that_is_not_answered_is_made_again(world: World, in_the_way: Answer):
    delivery = await world.due(email())
    await world.deliver(SEVERAL, contacts=[in_the_way])
    assert await world.state(delivery) == ("due", None)
    world.now = (await world.queued(delivery))["due"]
    await world.deliver(SEVERAL, contacts=[found("intercom-7")])
    assert world.intercom.looked_up == [email(), email()]
    assert (await world.delivery(delivery)).identifier == by_id("intercom-7")


async def test_a_look_up_that_finds_several_itself_is_not_made_for_ever(world: World):
    delivery = await world.due(email())
    await world.deliver(SEVERAL, contacts=[SEVERAL])
    assert await world.state(delivery) == ("dead", "ambiguous_contact")


async def test_a_token_that_may_not_look_up_stops_the_workspace_and_says_why(world: World):
    await world.due(email())
    assert (await world.deliver(NOT_FOUND, contacts=[refusal(403, "forbidden", "No permission to read")])).stopped
    (alert,) = await world.rows(alerts)
    assert alert["detail"] == "No permission to read"
    (workspace,) = await world.rows(workspaces)
    assert workspace["mode_reason"] == "No permission to read"


async def test_a_refused_token_stops_the_workspace_and_spends_no_attempt(world: World):
    delivery = await world.due()
    assert (await world.deliver(UNAUTHORIZED)).stopped
    assert await world.mode() == "needs_reauthorization"
    assert await world.state(delivery) == ("due", None)
    row = await world.queued(delivery)
    assert (row["lease_id"], row["due"], row["attempts"], row["claims"]) == (None, world.now, 0, 0)
    assert await world.claim() == []
    assert [each["kind"] for each in await world.rows(alerts)] == ["needs_reauthorization"]


async def test_a_refused_token_stops_the_workspace_however_long_the_words_it_is_refused_with(world: World):
    await world.due()
    assert (await world.deliver(refusal(401, "unauthorized", "no " * 300))).stopped
    assert await world.mode() == "needs_reauthorization"


async def test_of_many_that_are_refused_together_one_stops_the_workspace(world: World):
    for n in range(3):
        await world.due(user(f"u-{n}"))
    results = await world.complete(*[await world.attempt(each, UNAUTHORIZED) for each in await world.claim()])
    assert sorted(each.stopped for each in results) == [False, False, True]
    assert len(await world.rows(alerts)) == 1


async def test_a_refusal_of_the_old_token_does_not_stop_a_workspace_with_a_new_one(world: World):
    delivery = await world.due()
    refused = await world.attempt(await world.claim_one(), UNAUTHORIZED)
    await world.change_workspace(updated_at=world.now + 5)
    (completed,) = await world.complete(refused)
    assert not completed.stopped
    assert await world.mode() == "live"
    await world.deliver()
    assert (await world.state(delivery))[0] == "delivered"


async def test_what_waited_for_a_new_token_goes_out_and_is_no_older_for_it(world: World):
    delivery = await world.due()
    await world.deliver(UNAUTHORIZED)
    world.now += 100 * 3_600_000
    await world.set_mode(Mode.LIVE)
    await world.deliver(UNAVAILABLE)
    assert (await world.queued(delivery))["stood_still"] == 100 * 3_600_000
    assert await world.state(delivery) == ("due", None)


async def test_without_a_token_nothing_is_sent(world: World):
    await world.due()
    world.token = None
    await world.deliver()
    assert world.intercom.bodies == []
    assert await world.mode() == "needs_reauthorization"


async def test_a_name_too_many_stops_all_of_that_name_and_nothing_else(world: World):
    stopped = [await world.due(user(f"u-{n}")) for n in range(3)]
    other = await world.due(name="another-name")
    claimed = {each.delivery.id: each for each in await world.claim()}
    completions = [await world.attempt(claimed[stopped[0]], NAMES_SPENT)]
    assert (await world.complete(*completions))[0].stopped
    assert {await world.state(each) for each in stopped} == {("held", "event_names_full")}
    assert await world.state(other) == ("due", None)
    assert [(each["kind"], each["subject"]) for each in await world.rows(alerts)] == [("event_names_full", "")]
    (name,) = await world.rows(event_names, name="paid-invoice")
    assert (name["stopped_reason"], name["counted_at"]) == ("event_names_full", None)


async def test_what_was_out_when_its_name_was_stopped_may_still_be_delivered(world: World):
    first, second = await world.due(user("a")), await world.due(user("b"))
    claimed = {each.delivery.id: each for each in await world.claim()}
    await world.complete(await world.attempt(claimed[first], NAMES_SPENT))
    (completed,) = await world.complete(await world.attempt(claimed[second], ACCEPTED))
    assert completed.late
    assert (await world.state(second))[0] == "delivered"
    assert [(each.outcome, each.late) for each in await world.attempts(second)] == [("delivered", True)]


@pytest.mark.parametrize("answer", [NOT_FOUND, UNAVAILABLE, RATE_LIMITED, NAMES_SPENT])
async def test_what_is_answered_together_with_the_name_that_is_one_too_many_is_held_too(world: World, answer: Answer):
    first, second = await world.due(user("a")), await world.due(user("b"))
    claimed = {each.delivery.id: each for each in await world.claim()}
    await world.complete(await world.attempt(claimed[first], NAMES_SPENT), await world.attempt(claimed[second], answer))
    assert await world.state(second) == ("held", "event_names_full")
    assert await world.rows(queue) == []
    assert [each.number for each in await world.attempts(second)] == [1]


async def test_an_answer_of_an_unknown_kind_is_tried_five_times(world: World):
    delivery = await world.due()
    for _ in range(5):
        assert (await world.state(delivery))[0] == "due"
        await world.deliver(UNHEARD_OF)
        await world.reopen_lane()
        world.now += 3_600_000
    assert await world.state(delivery) == ("dead", "unknown_answer")


@pytest.mark.parametrize("answer", [UNAVAILABLE, NOT_CONNECTED, REFUSED, RATE_LIMITED, UNAUTHORIZED, NAMES_SPENT])
async def test_a_late_answer_is_recorded_and_changes_nothing(world: World, answer: Answer):
    delivery = await world.due()
    late = await world.attempt(await world.claim_one(), answer)
    world.now += LEASE_MS
    await world.claim_one(holder=OTHER_HOLDER)
    before = await world.queued(delivery)
    (completed,) = await world.complete(late)
    assert completed.late
    assert not completed.stopped
    assert await world.queued(delivery) == before
    assert await world.state(delivery) == ("due", None)
    assert await world.mode() == "live"
    (attempt,) = await world.attempts(delivery)
    assert (attempt.number, attempt.late, attempt.status) == (1, True, answer.status)


async def test_a_late_acceptance_makes_it_delivered_and_the_next_one_late(world: World):
    delivery = await world.due()
    late = await world.attempt(await world.claim_one(), ACCEPTED)
    world.now += LEASE_MS
    second = await world.attempt(await world.claim_one(holder=OTHER_HOLDER), UNAVAILABLE)
    assert (await world.complete(late))[0].late
    assert (await world.state(delivery))[0] == "delivered"
    assert (await world.complete(second))[0].late
    assert (await world.state(delivery))[0] == "delivered"
    assert await world.claim() == []
    made = [(each.number, each.outcome, each.late) for each in await world.attempts(delivery)]
    assert made == [(1, "delivered", True), (2, "server_error", True)]


async def test_both_answers_to_one_delivery_may_come_in_one_batch(world: World):
    delivery = await world.due()
    late = await world.attempt(await world.claim_one(), ACCEPTED)
    world.now += LEASE_MS
    second = await world.attempt(await world.claim_one(), ACCEPTED)
    results = await world.complete(second, late)
    assert [each.late for each in results] == [False, True]
    assert (await world.state(delivery))[0] == "delivered"


async def test_a_late_acceptance_of_what_was_given_up_makes_it_delivered(world: World):
    delivery = await world.due()
    late = await world.attempt(await world.claim_one(), ACCEPTED)
    world.now += LEASE_MS
    await world.complete(await world.attempt(await world.claim_one(), REFUSED))
    assert await world.state(delivery) == ("dead", "refused")
    await world.complete(late)
    assert await world.state(delivery) == ("delivered", None)


async def test_an_answer_after_its_delivery_was_forgotten_harms_nobody(world: World):
    delivery = await world.due()
    late = await world.attempt(await world.claim_one(), REFUSED)
    world.now += LEASE_MS
    await world.complete(await world.attempt(await world.claim_one(), REFUSED))
    await world.do(replay.discard, 1, delivery, now=world.now)
    assert (await world.complete(late))[0].late


async def test_what_every_answer_says_of_the_pace_counts_the_late_ones_too(world: World):
    await world.due()
    late = await world.attempt(await world.claim_one(), Answer(202, {"x-ratelimit-limit": "500"}))
    world.now += LEASE_MS
    await world.claim_one(holder=OTHER_HOLDER)
    await world.complete(late)
    assert (await world.lane())["window_limit"] == 500


async def test_many_answers_are_written_at_once(world: World):
    made = [await world.due(user(f"u-{n}")) for n in range(12)]
    answers = [ACCEPTED, REFUSED, UNAVAILABLE] * 4
    done = [await world.attempt(each, answer) for each, answer in zip(await world.claim(), answers, strict=True)]
    await world.complete(*done)
    states = [(await world.state(each))[0] for each in made]
    assert sorted(states) == ["dead"] * 4 + ["delivered"] * 4 + ["due"] * 4


async def test_answers_of_several_workspaces_are_written_at_once(world: World):
    await world.add_workspace(2)
    await world.due()
    await world.map(event(), received=await world.receive(workspace_id=2))
    await world.complete(*[await world.attempt(each) for each in await world.claim()])
    assert await world.claim() == []

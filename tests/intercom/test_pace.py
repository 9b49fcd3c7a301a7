"""The pacing budget: what it never does, and what it learns."""

from __future__ import annotations

from dataclasses import fields

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from connector.intercom.outcome import Answer
from connector.intercom.pace import FIRST_LIMIT, Budget

NOW = 1_763_687_761_000
DATE = "Fri, 21 Nov 2025 01:16:01 GMT"

times = st.integers(0, 4_000_000_000_000)
gaps = st.integers(0, 12_000) | st.sampled_from([0, 1, 9_999, 10_000, 10_001, 3_600_000])
limits = st.integers(1, 5_000) | st.sampled_from([1, 2, 9, 10, 11, 166, 1_666])
header_texts = st.integers(-5, 10**14).map(str) | st.text(max_size=12)
headers = st.dictionaries(
    st.sampled_from(["date", "retry-after", "x-ratelimit-limit", "x-ratelimit-remaining", "x-ratelimit-reset"]),
    header_texts | st.just(DATE),
)
answers = st.builds(Answer, st.none() | st.sampled_from([202, 404, 429, 503]), headers)


def stating(*, limit: int = 166, remaining: int = 166, reset_in: int = 9, status: int = 202) -> Answer:
    numbers = {"limit": limit, "remaining": remaining, "reset": NOW // 1000 + reset_in}
    return Answer(status, {"date": DATE} | {f"x-ratelimit-{name}": str(number) for name, number in numbers.items()})


@given(limit=st.none() | limits, factor=st.none() | st.floats(0.1, 1), wishes=st.lists(st.tuples(gaps, limits)))
@example(limit=1, factor=None, wishes=[(0, 1)] * 3 + [(10_000, 1)] * 3)
@example(limit=1, factor=0.5, wishes=[(0, 2), (9_000, 1)])
@example(limit=166, factor=None, wishes=[(0, 500), (10_000, 500), (9_999, 500), (10_000, 500)])
def test_no_ten_seconds_hold_more_calls_than_the_limit(limit, factor, wishes):
    budget, now, calls = Budget(window_limit=limit, factor=factor), NOW, []
    for gap, wish in wishes:
        now += gap
        taken = min(wish, budget.available(now))
        budget = budget.spend(taken, now)
        calls += [now] * taken
        assert sum(at > now - 10_000 for at in calls) <= (limit or FIRST_LIMIT)


@given(steps=st.lists(st.tuples(gaps, answers | st.integers(0, 3_000)), max_size=25), ask_after=gaps)
def test_whatever_is_spent_and_learnt_the_budget_stays_sound(steps, ask_after):
    budget, now = Budget(), NOW
    for gap, what in steps:
        now += gap
        budget = budget.learn(what, now) if isinstance(what, Answer) else budget.spend(what, now)
    at = budget.next_at(now)
    assert at >= now
    assert budget.available(at) >= 1
    assert (budget.available(now) >= 1) == (at == now)
    assert 0 <= budget.available(now) <= budget.available(now + ask_after)
    assert budget.factor is None or 0.1 <= budget.factor < 1
    assert all(isinstance(getattr(budget, field.name), int | float | None) for field in fields(budget))


@given(set_back=st.integers(10_001, 10**12), steps=st.lists(answers, max_size=5))
def test_a_clock_that_is_set_back_does_not_freeze_a_lane(set_back, steps):
    budget = Budget().spend(1, NOW)
    for answer in steps:
        budget = budget.learn(answer, NOW)
    assert budget.available(NOW - set_back) >= 1


def test_before_any_header_it_is_sixteen_calls_a_second():
    budget, now, calls = Budget(), NOW, 0
    while now < NOW + 60_000:
        budget, now, calls = budget.spend(1, now), budget.next_at(now), calls + 1
    assert 60 * 14 < calls <= 60 * 16


def test_the_stated_limit_replaces_the_first_guess():
    budget = Budget().learn(stating(limit=1666, remaining=1600), NOW)
    assert budget.window_limit == 1666
    assert budget.available(NOW + 60_000) == 166


@pytest.mark.parametrize("limit", ["0", "-5", "many", ""])
def test_a_limit_that_cannot_be_is_not_believed(limit):
    assert Budget(window_limit=166).learn(Answer(202, {"x-ratelimit-limit": limit}), NOW).window_limit == 166


def test_no_more_than_the_last_remaining_until_its_window_ends():
    budget = Budget().learn(stating(remaining=3, reset_in=9), NOW)
    assert budget.available(NOW) == 3
    budget = budget.spend(3, NOW)
    assert budget.available(NOW + 8_999) == 0
    assert budget.next_at(NOW) == NOW + 9_000
    assert budget.available(NOW + 9_000) > 3


def test_within_a_window_an_answer_that_was_overtaken_gives_nothing_back():
    budget = Budget().learn(stating(remaining=5), NOW).learn(stating(remaining=9), NOW + 200)
    assert budget.remaining == 5


def test_an_answer_from_an_earlier_window_says_nothing_about_this_one():
    budget = Budget().learn(stating(remaining=16, reset_in=19), NOW).learn(stating(remaining=0, reset_in=9), NOW + 50)
    assert budget.remaining == 16


def test_the_first_answer_of_a_new_window_counts_anew():
    budget = Budget().learn(stating(remaining=1, reset_in=2), NOW).learn(stating(remaining=160, reset_in=12), NOW + 900)
    assert budget.available(NOW + 900) == 16


def test_a_remaining_without_a_reset_holds_for_one_window():
    budget = Budget().learn(Answer(202, {"x-ratelimit-remaining": "0"}), NOW)
    assert budget.next_at(NOW) == NOW + 10_000


def test_a_window_that_ends_now_holds_nothing_up():
    assert Budget().learn(stating(remaining=0, reset_in=0), NOW).next_at(NOW) == NOW


def test_a_reset_is_reckoned_against_the_answers_own_clock():
    an_hour_ahead = Answer(
        202,
        {"date": "Fri, 21 Nov 2025 02:16:01 GMT", "x-ratelimit-remaining": "0", "x-ratelimit-reset": "1763691367"},
    )
    assert Budget().learn(an_hour_ahead, NOW).next_at(NOW) == NOW + 6_000


def test_a_429_blocks_until_the_reset_and_leaves_seven_tenths():
    budget = Budget(window_limit=1000).learn(stating(limit=1000, remaining=0, reset_in=7, status=429), NOW)
    assert budget.available(NOW + 6_999) == 0
    assert budget.next_at(NOW) == NOW + 7_000
    assert budget.available(NOW + 7_000) == 70


def test_calls_refused_together_shrink_the_budget_once():
    refused = stating(limit=1000, remaining=0, reset_in=7, status=429)
    budget = Budget().learn(refused, NOW)
    for late in range(1, 20):
        budget = budget.learn(refused, NOW + late)
    assert budget.factor == 0.7


def test_a_refusal_that_comes_late_does_not_end_the_block_early():
    budget = Budget().learn(Answer(429, {"retry-after": "60"}), NOW).learn(Answer(429, {"retry-after": "1"}), NOW + 5)
    assert budget.next_at(NOW + 5) == NOW + 60_000


def test_after_a_clock_was_set_back_what_was_taken_comes_back_as_before():
    budget = Budget().learn(Answer(429, {"retry-after": "1"}), NOW)
    an_hour_ago = NOW - 3_600_000
    budget = budget.spend(1, an_hour_ago).learn(Answer(202), an_hour_ago + 20_000)
    assert budget.factor == pytest.approx(0.8)


def test_refusals_block_after_block_shrink_it_to_a_tenth_and_no_further():
    budget, now = Budget(), NOW
    for _ in range(20):
        budget = budget.learn(Answer(429, {}), now)
        now = budget.next_at(now)
    assert budget.factor == 0.1


def test_every_two_windows_without_a_429_give_a_tenth_back():
    budget = Budget().learn(Answer(429, {"retry-after": "1"}), NOW)
    grown = [budget := budget.learn(Answer(202), NOW + seconds * 1_000) for seconds in (19, 20, 39, 40, 59, 60)]
    assert [b.factor for b in grown] == [pytest.approx(part) for part in (0.7, 0.8, 0.8, 0.9, 0.9)] + [None]


def test_a_call_that_could_not_wait_is_paid_for_before_the_next():
    budget = Budget(window_limit=100)
    budget = budget.spend(budget.available(NOW) + 9, NOW)
    assert budget.available(NOW) == 0
    assert NOW + 1_000 < budget.next_at(NOW) <= NOW + 1_112


class Intercom:
    """Counts calls in fixed windows of ten seconds and says so, as Intercom does; others draw on the limit too."""

    def __init__(self, limit: int, *, phase: int, others_each_second: int = 0) -> None:
        self.limit, self.phase, self.others = limit, phase, others_each_second
        self.window, self.used = None, 0

    def answer(self, now: int) -> Answer:
        window = (now + self.phase) // 10_000
        if window != self.window:
            self.window, self.used = window, 0
        self.used += 1
        used = self.used + (now + self.phase) % 10_000 * self.others // 1_000
        reset = ((window + 1) * 10_000 - self.phase) // 1000 + 1
        headers = {"x-ratelimit-limit": self.limit, "x-ratelimit-remaining": max(0, self.limit - used)}
        dated = {name: str(value) for name, value in {**headers, "x-ratelimit-reset": reset}.items()}
        return Answer(202 if used <= self.limit else 429, dated)


def statuses_of_a_minute(intercom: Intercom) -> list[int | None]:
    budget, now, statuses = Budget(), NOW, []
    while (now := budget.next_at(now)) < NOW + 60_000:
        budget = budget.spend(1, now)
        answer = intercom.answer(now)
        statuses.append(answer.status)
        budget = budget.learn(answer, now)
    return statuses


@pytest.mark.parametrize("phase", range(0, 10_000, 1_111))
@pytest.mark.parametrize("limit", [20, 166, 1666])
def test_alone_it_is_never_refused_and_uses_most_of_the_limit(limit: int, phase: int):
    statuses = statuses_of_a_minute(Intercom(limit, phase=phase))
    assert 429 not in statuses
    assert len(statuses) >= 6 * limit * 0.85


@pytest.mark.parametrize("phase", range(0, 10_000, 1_111))
def test_beside_another_who_takes_half_of_the_limit_it_is_hardly_ever_refused(phase: int):
    statuses = statuses_of_a_minute(Intercom(166, phase=phase, others_each_second=8))
    assert statuses.count(429) <= len(statuses) * 0.01
    assert len(statuses) >= 6 * 166 * 0.4

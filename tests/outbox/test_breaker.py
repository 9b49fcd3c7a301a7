"""The circuit breaker: when it opens, whom it lets through, and what closes it."""

from __future__ import annotations

from dataclasses import fields

from hypothesis import given
from hypothesis import strategies as st

from connector.intercom.outcome import Answer, read
from connector.outbox.breaker import Breaker

NOW = 1_763_687_761_000
DOWN, UP, REFUSED = (read(Answer(status), now_ms=NOW) for status in (503, 202, 429))


def after(breaker: Breaker, *outcomes, now: int = NOW) -> Breaker:
    for outcome in outcomes:
        breaker = breaker.after(outcome, now)
    return breaker


def test_it_opens_after_five_failures_in_a_row_and_not_before():
    four = after(Breaker(), *[DOWN] * 4)
    assert four.admits(100, NOW) == 100
    assert after(four, DOWN).admits(100, NOW) == 0
    assert after(four, UP, *[DOWN] * 4).admits(100, NOW) == 100


def test_after_five_seconds_it_lets_one_probe_through_and_nothing_else():
    opened = after(Breaker(), *[DOWN] * 5)
    assert opened.admits(100, NOW + 4_999) == 0
    assert opened.admits(100, NOW + 5_000) == 1
    assert opened.admits(0, NOW + 5_000) == 0
    assert opened.probing(NOW + 5_000).admits(100, NOW + 5_001) == 0


def test_a_probe_that_is_answered_closes_it_whatever_the_answer_says_of_the_event():
    probing = after(Breaker(), *[DOWN] * 5).probing(NOW + 5_000)
    assert after(probing, UP) == Breaker()
    assert after(probing, REFUSED) == Breaker()


def test_each_failed_probe_doubles_the_wait_up_to_five_minutes():
    breaker, now, waits = after(Breaker(), *[DOWN] * 5), NOW, []
    for _ in range(9):
        assert breaker.until is not None
        waits.append(breaker.until - now)
        now = breaker.until
        breaker = breaker.probing(now).after(DOWN, now)
    assert waits == [5_000, 10_000, 20_000, 40_000, 80_000, 160_000, 300_000, 300_000, 300_000]


def test_calls_that_were_out_when_it_opened_do_not_lengthen_the_wait():
    opened = after(Breaker(), *[DOWN] * 5)
    assert after(opened, *[DOWN] * 20, now=NOW + 900) == opened


def test_a_probe_that_is_never_heard_of_again_is_followed_by_another():
    lost = after(Breaker(), *[DOWN] * 5).probing(NOW + 5_000)
    assert lost.admits(100, NOW + 34_999) == 0
    assert lost.admits(100, NOW + 35_000) == 1


def test_a_closed_breaker_takes_no_notice_of_a_call_that_goes_out():
    assert Breaker(failures=3).probing(NOW) == Breaker(failures=3)


def test_a_clock_that_is_set_back_does_not_keep_it_shut():
    assert after(Breaker(), *[DOWN] * 5).admits(100, NOW - 86_400_000) == 1


@given(
    steps=st.lists(st.tuples(st.integers(0, 400_000), st.sampled_from([DOWN, UP, REFUSED, None])), max_size=60),
    calls=st.integers(0, 50),
)
def test_it_is_never_shut_for_more_than_five_minutes(steps, calls):
    breaker, now = Breaker(), NOW
    for gap, outcome in steps:
        now += gap
        breaker = breaker.probing(now) if outcome is None else breaker.after(outcome, now)
    assert breaker.admits(calls, now + 300_000) >= min(calls, 1)
    assert breaker.admits(calls, now) in (0, min(calls, 1), calls)
    assert all(isinstance(getattr(breaker, field.name), int | None) for field in fields(breaker))

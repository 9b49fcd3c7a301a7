"""The throttle on all workspaces of a region: when it is on, how it falls, and how it goes away."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from connector.intercom.throttle import FIRST_RATE, GROWS_AFTER_MS, OFF, OFF_ABOVE, Throttle

NOW = 1_763_687_761_000


def test_it_is_off_and_holds_nobody_back():
    assert OFF.available(NOW) is None
    assert OFF.spend(10_000, NOW) == OFF
    assert OFF.next_at(NOW) == NOW


def test_a_refusal_turns_it_on_at_the_rate_that_the_refusal_states():
    refused = OFF.refused(500, NOW)
    assert refused.rate == 50
    assert refused.available(NOW) == 0
    assert refused.available(NOW + 200) == 10


def test_without_a_stated_limit_it_begins_as_one_workspace_would():
    assert OFF.refused(None, NOW).rate == FIRST_RATE


def test_calls_that_were_refused_together_lower_it_once():
    first = OFF.refused(500, NOW)
    assert first.refused(500, NOW + 100).rate == 50
    assert first.refused(500, NOW + 1_000).rate == 35


def test_a_region_that_comes_back_begins_slowly_and_grows():
    back = OFF.recovered(NOW)
    assert back.available(NOW) == 1
    early = calls_within(back, NOW, NOW + 5_000)
    later = calls_within(back, NOW + 30_000, NOW + 35_000)
    assert early <= FIRST_RATE * 5 + FIRST_RATE
    assert later > 2 * early


def test_once_it_holds_nobody_back_it_is_off():
    back = OFF.recovered(NOW)
    assert back.available(NOW + 10 * 60_000) is None
    assert back.spend(1, NOW + 10 * 60_000) == OFF


def test_it_says_when_the_next_call_may_go():
    spent = OFF.recovered(NOW).spend(1, NOW)
    then = spent.next_at(NOW)
    assert spent.available(then - 1) == 0
    assert spent.available(then) == 1


def test_a_clock_that_is_set_back_does_not_freeze_it():
    back = OFF.recovered(NOW).spend(1, NOW)
    assert (back.available(NOW - 3_600_000 + 1_000) or 0) >= 0
    assert back.spend(0, NOW - 3_600_000).available(NOW - 3_600_000 + 1_000)


@given(st.lists(st.tuples(st.integers(0, 3_000), st.booleans()), max_size=50))
def test_it_never_falls_below_a_call_a_second_nor_lets_more_through_than_its_rate(steps: list[tuple[int, bool]]):
    throttle, now = OFF.refused(100, NOW), NOW
    for wait, refused in steps:
        now += wait
        if refused:
            throttle = throttle.refused(None, now)
        if (available := throttle.available(now)) is None:
            return
        assert 0 <= available <= OFF_ABOVE
        throttle = throttle.spend(available, now)
        assert throttle.rate is None or throttle.rate >= 1


def calls_within(throttle: Throttle, start: int, end: int) -> int:
    """How many calls it lets through when everybody always wants to call."""
    throttle = throttle.spend(throttle.available(start) or 0, start)
    calls = 0
    for now in range(start, end, 50):
        may = throttle.available(now)
        assert may is not None
        calls += may
        throttle = throttle.spend(may, now)
    return calls


def test_it_grows_by_a_fifth_every_five_seconds():
    refused = OFF.refused(500, NOW)
    grown = refused.spend(0, NOW + GROWS_AFTER_MS)
    assert grown.rate is not None
    assert round(grown.rate, 6) == 60

"""What comes next for a delivery, over its whole life. Single answers are in tests/intercom/outcomes.yaml."""

from __future__ import annotations

import random
import statistics

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import structs

from connector.intercom.outcome import Answer, read
from connector.outbox.retry import Again, Dead, History, Park, backoff_ms, decide, quarantined, runs_alone

NOW = 1_763_687_761_000
HOUR = 3_600_000
UNAVAILABLE = read(Answer(503), now_ms=NOW)
NOT_FOUND = read(Answer(404, {}, b'{"type":"error.list","errors":[{"code":"not_found"}]}'), now_ms=NOW)


def chance(seed: int = 1):
    return random.Random(seed).random


@given(attempts=st.integers(0, 10**6), draw=st.floats(0, 1, exclude_max=True))
def test_a_backoff_is_never_negative_nor_above_its_cap(attempts: int, draw: float):
    assert 0 <= backoff_ms(attempts, lambda: draw) <= min(HOUR, 5_000 * 2 ** min(attempts, 30))


@pytest.mark.parametrize("attempts", [0, 3, 9, 10, 1_000_000])
def test_a_backoff_is_spread_evenly_over_all_of_its_range(attempts: int):
    draw, cap = chance(), min(HOUR, 5_000 * 2 ** min(attempts, 30))
    delays = [backoff_ms(attempts, draw) for _ in range(5_000)]
    assert statistics.mean(delays) == pytest.approx(cap / 2, rel=0.05)
    assert min(delays) < cap * 0.01
    assert max(delays) > cap * 0.99


@pytest.mark.parametrize("seed", range(5))
def test_an_outage_of_days_is_tried_about_twice_an_hour_and_given_up_after_three(seed: int):
    draw, now, history = chance(seed), NOW, History(first_attempt_ms=NOW)
    while isinstance(step := decide(UNAVAILABLE, history, now_ms=now, random=draw), Again):
        history, now = structs.replace(history, attempts=history.attempts + 1), step.due_ms
    assert step == Dead("gave_up")
    assert 72 * HOUR <= now - NOW < 73 * HOUR
    assert 110 < history.attempts < 200


def test_deliveries_that_failed_together_do_not_come_back_together():
    draw = chance()
    steps = [decide(UNAVAILABLE, History(attempts=6), now_ms=NOW, random=draw) for _ in range(1_000)]
    dues = sorted(step.due_ms for step in steps if isinstance(step, Again))
    in_each_ten_seconds = [
        sum(start <= due < start + 10_000 for due in dues) for start in range(NOW, NOW + 320_000, 10_000)
    ]
    assert len(dues) == 1_000
    assert max(in_each_ten_seconds) < 60


def test_time_in_which_nothing_could_be_sent_does_not_count_towards_giving_up():
    days = History(attempts=5, first_attempt_ms=NOW - 200 * HOUR, frozen_ms=129 * HOUR)
    assert isinstance(decide(UNAVAILABLE, days, now_ms=NOW, random=chance()), Again)
    assert decide(UNAVAILABLE, days, now_ms=NOW + HOUR, random=chance()) == Dead("gave_up")


def test_a_first_attempt_never_is_the_last():
    assert isinstance(decide(UNAVAILABLE, History(), now_ms=NOW, random=chance()), Again)


def test_a_missing_contact_is_waited_for_step_by_step_and_then_without_end():
    waits, now = [], NOW
    for ladder in range(7):
        step = decide(NOT_FOUND, History(lookups=1, ladder=ladder, first_attempt_ms=NOW), now_ms=now, random=chance())
        assert isinstance(step, Park)
        waits.append(step.wake_at_ms and step.wake_at_ms - now)
        now = step.wake_at_ms or now
    assert waits == [60_000, 600_000, HOUR, 6 * HOUR, 24 * HOUR, None, None]


def test_a_delivery_that_was_claimed_twice_without_an_outcome_runs_alone_and_after_a_third_time_no_more():
    claimed = [History(claims=claims) for claims in range(5)]
    assert [runs_alone(history) for history in claimed] == [False, False, True, True, True]
    assert [quarantined(history) for history in claimed] == [None, None, None, Dead("quarantined"), Dead("quarantined")]

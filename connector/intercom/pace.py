"""How many calls a workspace may make now: the budget that Intercom's own headers state, as one frozen value.

Intercom counts in windows of ten seconds whose edges we do not see well enough to lean on. A token bucket of rate r
and burst b lets at most b + 10·r calls through in *any* ten seconds, so b + 10·r ≤ limit holds for every alignment:
a tenth of the limit at once, nine tenths spread evenly. Beside it stands the last `Remaining`, because others may
draw on the same limit; our calls since are taken off it.

A 429 all the same means that the stated limit is not the whole truth: the budget then shrinks to seven tenths, once
for each block, and grows by a tenth of the limit for every two windows without another 429 (additive increase,
multiplicative decrease). After an outage it begins with three tenths, so that what has waited does not come at once.

Where a budget is stored and who waits for it is the outbox's: its fields are plain columns.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from math import ceil, floor

from connector.intercom.outcome import Answer
from connector.intercom.rate_headers import WINDOW_MS, Window, refused_until, window

FIRST_LIMIT = 160
"""Calls in ten seconds before any header was seen: the smallest limit known is 166."""
SHRINK, GROW, SMALLEST = 0.7, 0.1, 0.1
"""Of the limit: what a 429 leaves of the part in use, what comes back in a step, what is always left."""
GROWS_AFTER_MS = 2 * WINDOW_MS
EASED = 0.3
"""Of the limit: what is in use when an outage is over, growing in the same steps."""

_ROUNDING = 1e-6
"""Calls; what adding up fractions may be wrong by."""


@dataclass(frozen=True, slots=True)
class Budget:
    """What is known of one workspace's allowance; `Budget()` is one that nothing is known of. Times are Unix ms."""

    window_limit: int | None = None
    """Calls in each ten seconds, as Intercom last stated it."""
    tokens: float | None = None
    """Calls that the bucket held at `refilled_at`; below zero where calls could not wait."""
    refilled_at: int | None = None
    remaining: int | None = None
    """Calls left in the window that ends at `window_reset_at`."""
    window_reset_at: int | None = None
    factor: float | None = None
    """The part of the limit in use after a 429; None is all of it."""
    clean_since_at: int | None = None
    """The last 429, moved on by the windows that `factor` has grown for since."""
    blocked_until: int | None = None

    def available(self, now_ms: int) -> int:
        """Calls that may be made at once; never below 0."""
        now = _at(self, now_ms)
        if now.blocked_until is not None:
            return 0
        held = floor(_held(now) + _ROUNDING)
        return max(0, held if now.remaining is None else min(held, now.remaining))

    def spend(self, calls: int, now_ms: int) -> Budget:
        """The budget after `calls`. Those beyond what is available become a debt that is paid before the next."""
        now = _at(self, now_ms)
        return replace(
            now,
            tokens=max(_held(now) - calls, -float(_limit(now))),
            remaining=None if now.remaining is None else max(0, now.remaining - calls),
        )

    def learn(self, answer: Answer, now_ms: int) -> Budget:
        """The budget after an answer of Intercom's, whichever call it answers."""
        now = _seeing(_at(self, now_ms), window(answer.headers, now_ms=now_ms))
        if answer.status == 429:
            return _blocked(now, refused_until(answer.headers, now_ms=now_ms), now_ms)
        return _grown(now, now_ms)

    def has_plenty(self, now_ms: int) -> bool:
        """Whether Intercom last said that much is left: a refusal is then about more than this workspace's calls."""
        now = _at(self, now_ms)
        return now.blocked_until is None and now.remaining is not None and now.remaining >= _burst(_limit(now))

    def eased(self, now_ms: int) -> Budget:
        """The budget of a workspace that can be called again after an outage: it begins with a part of its limit."""
        now = _at(self, now_ms)
        part = EASED if now.factor is None else min(now.factor, EASED)
        return replace(now, factor=part, clean_since_at=now_ms)

    def next_at(self, now_ms: int) -> int:
        """The earliest time at which a call is available: `now_ms` itself where one is."""
        start = _at(self, now_ms).blocked_until or now_ms
        then = _at(self, start)
        if (lacking := 1 - _held(then)) > _ROUNDING:
            start += ceil(lacking / _per_ms(_limit(then)))
        return max(start, then.window_reset_at or 0) if then.remaining == 0 else start


def _limit(budget: Budget) -> int:
    limit = FIRST_LIMIT if budget.window_limit is None else budget.window_limit
    return limit if budget.factor is None else max(1, int(limit * budget.factor))


def _burst(limit: int) -> float:
    return max(1.0, limit / 10)


def _per_ms(limit: int) -> float:
    """Calls that come back in each millisecond; for a limit of 1 that would be none, and 0.9 admits no second call."""
    return max(limit - _burst(limit), 0.9) / WINDOW_MS


def _held(budget: Budget) -> float:
    burst = _burst(_limit(budget))
    return burst if budget.tokens is None else min(budget.tokens, burst)


def _at(budget: Budget, now_ms: int) -> Budget:
    """`budget` as it stands at `now_ms`: refilled, and without what is over."""
    last = now_ms if budget.refilled_at is None else budget.refilled_at
    if last > now_ms + WINDOW_MS:
        return _with_the_clock_set_back(budget, now_ms)
    limit = _limit(budget)
    over = budget.window_reset_at is None or budget.window_reset_at <= now_ms
    free = budget.blocked_until is None or budget.blocked_until <= now_ms
    return Budget(
        window_limit=budget.window_limit,
        tokens=min(_held(budget) + max(0, now_ms - last) * _per_ms(limit), _burst(limit)),
        refilled_at=max(now_ms, last),
        remaining=None if over else budget.remaining,
        window_reset_at=None if over else budget.window_reset_at,
        factor=budget.factor,
        clean_since_at=budget.clean_since_at,
        blocked_until=None if free else budget.blocked_until,
    )


def _with_the_clock_set_back(budget: Budget, now_ms: int) -> Budget:
    """Times from a future that is now far away would freeze the lane: they are forgotten, what was learnt is not."""
    return replace(
        budget,
        refilled_at=now_ms,
        remaining=None,
        window_reset_at=None,
        clean_since_at=None if budget.clean_since_at is None else now_ms,
        blocked_until=None,
    )


def _seeing(budget: Budget, seen: Window) -> Budget:
    """Answers overtake each other: within one window the smallest `Remaining` holds, an older window says nothing.

    Windows are told apart by their end, which whole seconds and the way here blur by a second or two.
    """
    limit = seen.limit or budget.window_limit
    later_ms = seen.reset_at - (budget.window_reset_at or 0)
    if seen.remaining is None or later_ms < -WINDOW_MS // 2:
        return replace(budget, window_limit=limit)
    if budget.remaining is None or later_ms > WINDOW_MS // 2:
        return replace(budget, window_limit=limit, remaining=seen.remaining, window_reset_at=seen.reset_at)
    return replace(budget, window_limit=limit, remaining=min(budget.remaining, seen.remaining))


def _blocked(budget: Budget, until_ms: int, now_ms: int) -> Budget:
    """Calls that were on their way together are refused together: that is one refusal, not many."""
    if budget.blocked_until is not None:
        return replace(budget, clean_since_at=now_ms, blocked_until=max(until_ms, budget.blocked_until))
    part = 1.0 if budget.factor is None else budget.factor
    return replace(budget, factor=max(SMALLEST, part * SHRINK), clean_since_at=now_ms, blocked_until=until_ms)


def _grown(budget: Budget, now_ms: int) -> Budget:
    if budget.factor is None or budget.clean_since_at is None:
        return budget
    steps = max(0, now_ms - budget.clean_since_at) // GROWS_AFTER_MS
    factor = round(budget.factor + steps * GROW, 6)
    if factor >= 1:
        return replace(budget, factor=None, clean_since_at=None)
    return replace(budget, factor=factor, clean_since_at=budget.clean_since_at + steps * GROWS_AFTER_MS)

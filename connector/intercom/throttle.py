"""How many calls all workspaces of a region may make together, while that is in doubt; as one frozen value.

Whether Intercom's limit for an app is shared by all workspaces that have installed it is not documented. And a region
that has just come back should not meet everything that waited for it at once. So the throttle is off until

- a workspace with budget left is refused: the limit that the refusal states is then taken for the region's, or
- the region's breaker closes: it then begins with a few calls a second.

While it is on, its rate falls to seven tenths with a refusal and grows by a fifth for every five seconds without one;
once it is so large that it holds nobody back, it is off again. Where it is stored is the outbox's.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from math import ceil, floor

from connector.intercom.rate_headers import WINDOW_MS

FIRST_RATE = 16.0
"""Calls a second of a region that comes back, or whose limit nobody has stated: what one workspace begins with."""
SHRINK, GROW = 0.7, 1.2
GROWS_AFTER_MS = 5_000
OFF_ABOVE = 5_000.0
"""Calls a second beyond which nobody is held back: a process does not make so many."""
BURST_S = 0.5
"""Seconds' worth of calls that may go out at once."""

_ROUNDING = 1e-6


@dataclass(frozen=True, slots=True)
class Throttle:
    """`Throttle()` is off. Times are Unix ms."""

    rate: float | None = None
    """Calls a second; None is off."""
    tokens: float = 0.0
    """Calls that might have been made at once at `refilled_at`."""
    refilled_at: int | None = None
    refused_at: int | None = None
    """When it was last refused or grown."""

    def available(self, now_ms: int) -> int | None:
        """Calls that may be made at once; None for any number."""
        now = _at(self, now_ms)
        return None if now.rate is None else max(0, floor(now.tokens + _ROUNDING))

    def spend(self, calls: int, now_ms: int) -> Throttle:
        """The throttle after `calls`."""
        now = _at(self, now_ms)
        return now if now.rate is None else replace(now, tokens=now.tokens - calls)

    def next_at(self, now_ms: int) -> int:
        """The earliest time at which a call is available."""
        now = _at(self, now_ms)
        lacking = 0.0 if now.rate is None else 1 - now.tokens
        return now_ms + (ceil(lacking / (now.rate or 1) * 1000) if lacking > _ROUNDING else 0)

    def refused(self, limit: int | None, now_ms: int) -> Throttle:
        """The throttle after a refusal of a workspace with budget left; `limit` is what it states for ten seconds."""
        now = _at(self, now_ms)
        if now.rate is None:
            rate = FIRST_RATE if limit is None else max(1.0, limit * 1000 / WINDOW_MS)
            return Throttle(rate, 0.0, now_ms, now_ms)
        if now.refused_at is not None and now_ms - now.refused_at < WINDOW_MS // 10:
            return now  # calls that were on their way together are refused together
        return Throttle(max(1.0, now.rate * SHRINK), min(now.tokens, 0.0), now_ms, now_ms)

    def recovered(self, now_ms: int) -> Throttle:
        """The throttle of a region that has just come back."""
        return Throttle(FIRST_RATE, 1.0, now_ms, now_ms)


OFF = Throttle()


def _at(throttle: Throttle, now_ms: int) -> Throttle:
    """`throttle` as it stands at `now_ms`: grown and refilled."""
    if throttle.rate is None or throttle.refilled_at is None or throttle.refused_at is None:
        return OFF
    if throttle.refilled_at > now_ms + WINDOW_MS:  # the clock was set back
        return replace(throttle, refilled_at=now_ms, refused_at=now_ms)
    steps = max(0, now_ms - throttle.refused_at) // GROWS_AFTER_MS
    rate = throttle.rate * GROW ** min(steps, 100)
    if rate > OFF_ABOVE:
        return OFF
    tokens = throttle.tokens + max(0, now_ms - throttle.refilled_at) * rate / 1000
    return Throttle(
        rate,
        min(tokens, max(1.0, rate * BURST_S)),
        max(now_ms, throttle.refilled_at),
        throttle.refused_at + steps * GROWS_AFTER_MS,
    )

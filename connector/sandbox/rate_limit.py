"""Intercom's rate limit: so many calls in each window of ten seconds, told in three headers of every answer."""

from __future__ import annotations

from dataclasses import dataclass

from connector.sandbox.answers import Refused

WINDOW_SECONDS = 10


@dataclass(frozen=True, slots=True)
class Spent:
    """What one call left of the window it fell into; `reset` is when the next one begins, in Unix seconds."""

    limit: int
    remaining: int
    reset: int
    allowed: bool

    @property
    def headers(self) -> dict[str, str]:
        """The three headers, as Intercom spells them."""
        return {
            "X-RateLimit-Limit": str(self.limit),
            "X-RateLimit-Remaining": str(self.remaining),
            "X-RateLimit-Reset": str(self.reset),
        }

    @property
    def refused(self) -> Refused | None:
        """Intercom's 429, if this call was one too many."""
        if self.allowed:
            return None
        message = f"Exceeded rate limit of {self.limit} in {WINDOW_SECONDS}_seconds"
        return Refused(429, "rate_limit_exceeded", message)


class Windows:
    """Counts calls in fixed windows of ten seconds; what is left of one is not carried into the next."""

    def __init__(self) -> None:
        self._window = 0
        self._used = 0

    def take(self, limit: int, *, now: float) -> Spent:
        """Count one call at `now` (Unix seconds) against `limit`."""
        window = int(now // WINDOW_SECONDS)
        if window != self._window:
            self._window, self._used = window, 0
        self._used += 1
        reset = (window + 1) * WINDOW_SECONDS
        return Spent(limit, max(0, limit - self._used), reset, self._used <= limit)

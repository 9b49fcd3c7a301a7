"""A circuit breaker as one frozen value: it stops calls to a side that only fails, and lets one probe through.

    closed ──5 failures in a row──► open for 5 s ──► half open: one probe ──answered──► closed
                                      ▲                      │
                                      └──twice as long,──────┘ failed
                                         at most 5 min

There is one for each workspace and one for each of Intercom's regions. Where they are stored and what waits for them
is `lanes`' and `regions`'; the fields are plain columns.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from connector.intercom.outcome import Outcome

FAILURES = 5
SHORTEST_MS, LONGEST_MS = 5_000, 300_000
PROBE_MS = 30_000
"""What a probe may take before another is sent: longer than the client's own timeout of 20 s."""


@dataclass(frozen=True, slots=True)
class Breaker:
    """`Breaker()` is closed. Times are Unix ms."""

    failures: int = 0
    """In a row. 0 while `opened` is not: a probe is out."""
    opened: int = 0
    """How often in a row it has opened; 0 is closed."""
    until: int | None = None
    """Nothing goes out before this, unless closed."""

    def admits(self, calls: int, now_ms: int) -> int:
        """How many of `calls` may go: all, one as a probe, or none."""
        if self.opened == 0:
            return calls
        return 0 if self.next_at(now_ms) > now_ms else min(calls, 1)

    def next_at(self, now_ms: int) -> int:
        """The earliest time at which a call may go."""
        if (
            self.opened and self.until is not None and self.until <= now_ms + LONGEST_MS
        ):  # later than that, the clock was set back
            return max(now_ms, self.until)
        return now_ms

    def probing(self, now_ms: int) -> Breaker:
        """The breaker once an admitted call has gone out: while it is open, that one is the probe."""
        return self if self.opened == 0 else replace(self, failures=0, until=now_ms + PROBE_MS)

    def after(self, outcome: Outcome, now_ms: int) -> Breaker:
        """The breaker after an outcome. Any answer that makes sense closes it: the far side is there."""
        if not outcome.trouble:
            return CLOSED
        if self.opened == 0:
            failed = replace(self, failures=self.failures + 1)
            return failed if failed.failures < FAILURES else opened_again(failed, now_ms)
        if self.failures:
            return self  # it had gone out before the breaker opened
        return opened_again(self, now_ms)


def opened_again(breaker: Breaker, now_ms: int) -> Breaker:
    """Open, and for twice as long as the last time."""
    longer = min(LONGEST_MS, SHORTEST_MS << min(breaker.opened, 16))
    return Breaker(failures=FAILURES, opened=breaker.opened + 1, until=now_ms + longer)


CLOSED = Breaker()

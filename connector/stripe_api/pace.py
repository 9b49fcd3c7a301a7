"""How often one key asks: evenly, and after a 429 not at all for a while. Pure; times are seconds of a steady clock.

Stripe allows 100 calls a second in live mode and 25 in a sandbox for the whole account, 25 for each kind of thing
(https://docs.stripe.com/rate-limits). The account's own software comes first: we take a small part of that.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass, field, replace

LIVE_PER_S, TEST_PER_S = 12.0, 8.0
BURST = 5
FIRST_BLOCK_S, LONGEST_BLOCK_S = 1.0, 64.0
CLEAN_S = 60.0
"""After so long without a 429 the next one counts as the first."""
MOST_KEYS = 10_000


@dataclass(frozen=True, slots=True)
class Pace:
    """What is known of one key's allowance."""

    per_s: float
    taken_until: float = 0.0
    """When the last call that was admitted would have been due, evenly spread."""
    blocked_until: float = 0.0
    refusals: int = 0

    def wait(self, now: float) -> float:
        """Seconds until a call may be made, 0 where that is now."""
        return max(0.0, self.blocked_until - now, self.taken_until - BURST / self.per_s - now)

    def taken(self, now: float) -> Pace:
        """One more call, at the time that `wait` gave."""
        start = max(self.taken_until, now + self.wait(now) if self.blocked_until > now else now)
        return replace(self, taken_until=start + 1 / self.per_s)

    def refused(self, now: float, jitter: float) -> Pace:
        """Stripe said 429: twice as long each time, up to a minute. `jitter` is 0 … 1."""
        if now < self.blocked_until:
            return self  # calls that were on their way together are refused together: that is one refusal
        refusals = 1 if now > self.blocked_until + CLEAN_S else self.refusals + 1
        block = min(LONGEST_BLOCK_S, FIRST_BLOCK_S * 2 ** (refusals - 1))
        return replace(self, refusals=refusals, blocked_until=now + block * (0.5 + jitter / 2))


@dataclass
class Paces:
    """The paces of all keys that this process asks with, by any name that tells them apart."""

    jitter: Callable[[], float] = random.random
    _paces: dict[bytes, Pace] = field(default_factory=dict)

    def wait(self, key: bytes, now: float, *, live: bool) -> float:
        """Seconds until a call with `key` may be made."""
        return self._of(key, live=live).wait(now)

    def take(self, key: bytes, now: float, *, live: bool) -> None:
        """A call is about to be made."""
        if key not in self._paces and len(self._paces) >= MOST_KEYS:
            self._paces = {name: pace for name, pace in self._paces.items() if pace.wait(now) > 0}
        self._paces[key] = self._of(key, live=live).taken(now)

    def refuse(self, key: bytes, now: float, *, live: bool) -> float:
        """A call got a 429: seconds until the next."""
        self._paces[key] = refused = self._of(key, live=live).refused(now, self.jitter())
        return refused.wait(now)

    def _of(self, key: bytes, *, live: bool) -> Pace:
        return self._paces.get(key) or Pace(LIVE_PER_S if live else TEST_PER_S)

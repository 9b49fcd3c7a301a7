"""When to look at Stripe's list of events, at which part of it, and in which steps. Pure.

The list is complete only after a while, and a page of it is the newest first: so each look begins before the last one
ended and stays a minute behind, and a long time is walked in steps short enough for one step to fit into memory.
Times are Unix seconds unless they end in `_ms`.
"""

from __future__ import annotations

from dataclasses import dataclass

from connector.events import digest
from connector.stripe_api.events import KEPT_S

OVERLAP_S = 600
"""Looked at once more: the list may have been incomplete. What is known already is not stored again."""
LAG_S = 60
"""https://github.com/estuary/connectors: its Stripe source stays this far behind, after losing events at 10 s."""
MARGIN_S = 3600
"""What is within an hour of dropping out of the list is not counted on."""


@dataclass(frozen=True, slots=True)
class Look:
    """Look at the events of these seconds, both inclusive. `gap` is what can no longer be looked at: [from, to)."""

    since: int
    until: int
    gap: tuple[int, int] | None = None


def look(*, reconciled_until: int | None, connected_at: int, now: int) -> Look | None:
    """The part of the list to look at now; None where there is nothing yet. An endpoint's history begins with it."""
    oldest, until = now - KEPT_S + MARGIN_S, now - LAG_S
    if reconciled_until is None:
        since, gap = max(connected_at - LAG_S, oldest), None
    else:
        since = max(reconciled_until - OVERLAP_S, oldest)
        gap = (reconciled_until, oldest) if reconciled_until < oldest else None
    return Look(since, until, gap) if until > since else None


def offset_ms(name: str, every_ms: int) -> int:
    """Where in each interval an endpoint has its turn: all of them evenly, so that ten thousand do not act as one."""
    return int.from_bytes(digest(name)[:6]) % every_ms


@dataclass(frozen=True, slots=True)
class Stride:
    """How many seconds to take in one step, so that it brings about `aim` things."""

    seconds: int
    aim: int = 500

    def after(self, count: int) -> Stride:
        """The next one, after a step that brought `count`: at most four times as long or short."""
        factor = min(4.0, max(0.25, self.aim / count if count else 4.0))
        return Stride(max(1, round(self.seconds * factor)), self.aim)

    def shorter(self) -> Stride:
        """The same step again, a quarter as long: it brought more than a step may."""
        return Stride(max(1, self.seconds // 4), self.aim)

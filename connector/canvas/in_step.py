"""Sync state in a line for each endpoint, and one for history: what an admin reads at the foot of the card.  Pure.

Intercom's cards have absolute dates and little room: what is as it should be takes half a line.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from connector.appstore.words import millis, plural
from connector.canvas.standing import Endpoint, History, Standing
from connector.canvas.values import Locale

SHOWN = 2
"""Endpoints that have a line of their own: those that need looking after first."""
BEHIND_MS = 3_600_000
"""So far behind it should not be: endpoints are compared every ten minutes."""
SILENT_MS = 600_000
"""A backfill that was not heard of for so long does not go on by itself."""


def in_step(found: Standing, locale: Locale, *, now: int) -> str | None:
    """The lines; None where there is nothing to say. `now` in milliseconds."""
    lines = [*_endpoints(found.endpoints, locale, now), *_history(found.history, locale, now)]
    return "\n".join(lines) or None


def _endpoints(found: tuple[Endpoint, ...], locale: Locale, now: int) -> Iterator[str]:
    sources = Counter(each.source for each in found)
    worst = sorted(found, key=lambda each: (not _ails(each, now), each.source, each.label))
    for each in worst[:SHOWN]:
        name = each.source.title() + (f" ({each.label[:20]})" if sources[each.source] > 1 else "")
        yield f"{name}: " + "; ".join(_said(each, locale, now))
    if len(worst) > SHOWN:
        yield f"And {plural(len(worst) - SHOWN, 'more endpoint')}."


def _ails(endpoint: Endpoint, now: int) -> bool:
    return endpoint.trouble or endpoint.gaps > 0 or _behind(endpoint, now)


def _behind(endpoint: Endpoint, now: int) -> bool:
    return endpoint.compared_until is not None and now - endpoint.compared_until > BEHIND_MS


def _said(endpoint: Endpoint, locale: Locale, now: int) -> Iterator[str]:
    at = endpoint.last_webhook_at
    yield "no webhook yet" if at is None else f"last webhook {millis(at, locale.time_zone)}"
    if endpoint.trouble or _behind(endpoint, now):
        yield f"compared up to {millis(endpoint.compared_until, locale.time_zone)}".replace("up to never", "never yet")
    if endpoint.gaps:
        yield plural(endpoint.gaps, "gap")


def _history(history: History | None, locale: Locale, now: int) -> Iterator[str]:
    if history is None:
        return
    far = f"{min(99, int(history.position * 100))}%, {plural(history.read, 'event')}"
    if now - history.updated_at > SILENT_MS:
        yield f"History: stopped at {far}, {millis(history.updated_at, locale.time_zone)}."
    else:
        yield f"History: {far} so far."

"""Stripe's own list of events, of the last 30 days (https://docs.stripe.com/api/events/list).

Each event comes as the bytes of its element of the page, so that it is stored as any webhook is. It is rendered at the
account's version, whatever version is asked for: the same id may look different in a webhook.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import msgspec

from connector.stripe_api.answers import Answer, Found, later
from connector.stripe_api.client import PATIENCE_S, StripeApi

KEPT_S = 30 * 24 * 3600
"""What is older is in no list."""
TYPES_AT_ONCE = 20
PAGE = 100


class _Row(msgspec.Struct):
    id: str
    created: int


class _Page(msgspec.Struct):
    data: list[msgspec.Raw]
    has_more: bool = False


_page = msgspec.json.Decoder(_Page).decode
_row = msgspec.json.Decoder(_Row).decode


@dataclass(frozen=True, slots=True)
class Listed:
    """One event of a page; `created` is Unix seconds."""

    id: str
    created: int
    body: bytes


@dataclass(frozen=True, slots=True)
class Window:
    """Events created in these seconds, both inclusive, of these types (all where there are none)."""

    since: int
    until: int
    types: tuple[str, ...] = ()

    def chunks(self) -> tuple[Window, ...]:
        """The same in questions that Stripe takes: at most twenty types each."""
        starts = range(0, len(self.types), TYPES_AT_ONCE)
        return tuple(Window(self.since, self.until, self.types[at : at + TYPES_AT_ONCE]) for at in starts) or (self,)


@dataclass(frozen=True, slots=True)
class EventPage:
    """Events, newest first as Stripe lists them; `more` says whether there are older ones in the window."""

    events: tuple[Listed, ...]
    more: bool


async def page(
    api: StripeApi, key: str, window: Window, *, after: str | None = None, patience_s: float = PATIENCE_S
) -> Answer[EventPage]:
    """The newest events of `window`, or those just older than `after`; one call."""
    params: dict[str, Any] = {"limit": PAGE, "created": {"gte": window.since, "lte": window.until}}
    if window.types:
        params["types"] = list(window.types)
    if after:
        params["starting_after"] = after
    answer = await api.get(key, "events", params, patience_s=patience_s)
    return _read(answer.value.text) if isinstance(answer, Found) else answer


def _read(text: str) -> Answer[EventPage]:
    try:
        found = _page(text)
        return Found(EventPage(tuple(_listed(bytes(raw)) for raw in found.data), found.has_more))
    except (msgspec.MsgspecError, RecursionError, UnicodeDecodeError):
        return later("bad_answer")


def _listed(body: bytes) -> Listed:
    row = _row(body)
    return Listed(row.id, row.created, body)


def oldest_first(pages: Sequence[EventPage]) -> list[Listed]:
    """All of some pages, each id once, in the order in which they happened as far as seconds tell."""
    found = list({each.id: each for some in pages for each in some.events}.values())
    found.reverse()  # and in the same second as Stripe lists them
    found.sort(key=lambda each: each.created)
    return found

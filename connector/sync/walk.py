"""Walking through a time at Stripe, oldest first, in steps that fit into memory.

A step that turns out to hold too much is made anew, shorter. It ends where it cannot go on, with what Stripe said.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from typing import Generic, TypeAlias, TypeVar

from connector.stripe_api import events
from connector.stripe_api.answers import Answer, Found, NoAnswer
from connector.stripe_api.client import StripeApi
from connector.stripe_api.events import EventPage, Listed, Window, oldest_first
from connector.sync.plan import Stride

T = TypeVar("T")

MOST_PAGES = 30
"""Of a step: some fifteen megabytes. A single second may have more."""


@dataclass(frozen=True, slots=True)
class Portion(Generic[T]):
    """All that there is up to the second `until` (inclusive) since the portion before, oldest first."""

    items: tuple[T, ...]
    until: int


@dataclass(frozen=True, slots=True)
class TooMuch:
    """A step holds more pages than fit."""


Step: TypeAlias = tuple[T, ...] | TooMuch | NoAnswer
Taking: TypeAlias = Callable[[int, int, bool], Awaitable[Step[T]]]
"""Everything from one second to another, both inclusive; the flag says that the step cannot be shorter."""


async def walk(take: Taking[T], since: int, until: int, stride: Stride) -> AsyncIterator[Portion[T] | NoAnswer]:
    """Portions from `since` to `until`, both inclusive; or, last, why it cannot go on."""
    while since <= until:
        end = min(until, since + stride.seconds - 1)
        step = await take(since, end, end == since)
        if isinstance(step, TooMuch):
            stride = Stride(end - since + 1, stride.aim).shorter()
            continue
        if not isinstance(step, tuple):
            yield step
            return
        yield Portion(step, end)
        since, stride = end + 1, stride.after(len(step))


def event_taking(api: StripeApi, key: str, types: tuple[str, ...], *, patience_s: float) -> Taking[Listed]:
    """Steps through Stripe's list of events of these types (all where there are none)."""

    async def take(since: int, until: int, whole: bool) -> Step[Listed]:
        pages: list[EventPage] = []
        for window in Window(since, until, types).chunks():
            after = None
            while True:
                answer: Answer[EventPage] = await events.page(api, key, window, after=after, patience_s=patience_s)
                if not isinstance(answer, Found):
                    return answer
                pages.append(page := answer.value)
                if not page.more or not page.events:
                    break
                if not whole and len(pages) + _pages_left(page, since) > MOST_PAGES:
                    return TooMuch()
                after = page.events[-1].id
        return tuple(oldest_first(pages))

    return take


def _pages_left(page: EventPage, since: int) -> float:
    """How many more there will be if it goes on as densely as in this one."""
    newest, oldest = page.events[0].created, page.events[-1].created
    return (oldest - since) / max(1, newest - oldest)

"""What Intercom says about its rate limit in the headers of an answer, on our clock.

Intercom counts calls in windows of ten seconds and states Limit, Remaining and Reset (Unix seconds) on every
authenticated answer: https://developers.intercom.com/docs/references/rest-api/errors/rate-limiting. Its clock is not
ours: every time it states is reckoned against the `Date` of the same answer. What follows from the numbers is
`pace`'s and `outcome`'s to say.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from functools import lru_cache

WINDOW_MS = 10_000
SHORTEST_WAIT_MS = 1_000
LONGEST_WAIT_MS = 15 * 60_000
LARGEST_LIMIT = 1_000_000
"""Calls a window. The largest that Intercom documents is 4,166; what is far beyond that is garbage."""

RATE_HEADERS = ("date", "retry-after", "x-ratelimit-limit", "x-ratelimit-remaining", "x-ratelimit-reset")

_INTEGER = re.compile(r"\s*(-?[0-9]{1,15})\s*")


@dataclass(frozen=True, slots=True)
class Window:
    """The window that an answer was counted in: calls allowed, calls left, and when it ends in Unix ms, our clock."""

    limit: int | None
    remaining: int | None
    reset_at: int


def window(headers: Mapping[str, str], *, now_ms: int) -> Window:
    """The window that `headers` (lower-case keys) describe. An end that cannot be believed is one window away."""
    limit = _integer(headers.get("x-ratelimit-limit"))
    remaining = _integer(headers.get("x-ratelimit-remaining"))
    wait = _wait_until_reset(headers, now_ms)
    return Window(
        limit=min(limit, LARGEST_LIMIT) if limit is not None and limit > 0 else None,
        remaining=min(remaining, LARGEST_LIMIT) if remaining is not None and remaining >= 0 else None,
        reset_at=now_ms + (wait if wait is not None and 0 <= wait <= LONGEST_WAIT_MS else WINDOW_MS),
    )


def limit_in(headers: Mapping[str, str]) -> int | None:
    """The calls a window that `headers` (lower-case keys) state."""
    return window(headers, now_ms=0).limit


def says_most(answers: Sequence[Mapping[str, str]]) -> list[int]:
    """Of the headers of some answers, in order, the places of those that tell all that they tell together.

    Within one second answers differ in nothing but `Remaining`, of which the smallest holds.
    """
    least: dict[tuple[str | None, ...], tuple[int, int]] = {}
    for place, headers in enumerate(answers):
        remaining = _integer(headers.get("x-ratelimit-remaining"))
        key = (headers.get("date"), headers.get("x-ratelimit-limit"), headers.get("x-ratelimit-reset"))
        told = (LARGEST_LIMIT if remaining is None else remaining, place)
        if key not in least or told < least[key]:
            least[key] = told
    return sorted(place for _, place in least.values())


def refused_until(headers: Mapping[str, str], *, now_ms: int) -> int:
    """When a workspace that was answered 429 may be called again: Unix ms, 1 s … 15 min from now whatever was said."""
    wait = _wait_until_reset(headers, now_ms)
    if wait is None:
        wait = _retry_after(headers, now_ms)
    if wait is None:
        wait = WINDOW_MS
    return now_ms + max(SHORTEST_WAIT_MS, min(wait, LONGEST_WAIT_MS))


def _wait_until_reset(headers: Mapping[str, str], now_ms: int) -> int | None:
    reset = _integer(headers.get("x-ratelimit-reset"))
    return None if reset is None else reset * 1000 - _their_now(headers, now_ms)


def _retry_after(headers: Mapping[str, str], now_ms: int) -> int | None:
    """Seconds or an HTTP date: RFC 9110, section 10.2.3."""
    text = headers.get("retry-after")
    if (seconds := _integer(text)) is not None:
        return seconds * 1000
    at = None if text is None else _http_date_ms(text)
    return None if at is None else at - _their_now(headers, now_ms)


def _their_now(headers: Mapping[str, str], now_ms: int) -> int:
    stated = headers.get("date")
    at = None if stated is None else _http_date_ms(stated)
    return now_ms if at is None else at


def _integer(text: str | None) -> int | None:
    """ASCII digits only: `int` alone would take `1_0` and Arabic digits as well."""
    found = None if text is None else _INTEGER.fullmatch(text)
    return None if found is None else int(found[1])


@lru_cache(maxsize=64)  # all answers of one second carry the same Date
def _http_date_ms(text: str) -> int | None:
    try:
        return int(parsedate_to_datetime(text).timestamp() * 1000)
    except (ValueError, TypeError, IndexError, OverflowError):
        return None

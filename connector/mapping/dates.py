"""Moments as senders write them (seconds, milliseconds, ISO 8601 in any offset) and as Intercom wants them.

A number below 100,000,000,000 is seconds (up to the year 5138), a larger one milliseconds (from 1973 on).
A text without an offset is UTC, a date alone its midnight. Whether a moment is plausible is for the caller to say.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, datetime, tzinfo
from functools import lru_cache
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

EARLIEST_EVENT = 978_307_200
"""2001-01-01: an event older than that is a clock that was never set."""

MILLISECONDS = 100_000_000_000
"""From here on a number counts milliseconds."""

_LONGEST_TEXT = 40
_EPOCH = re.compile(r"[0-9]{9,14}(?:\.[0-9]{1,20})?")


def seconds_of(value: object) -> int | None:
    """`value` as Unix seconds, rounded down; None where it is no moment."""
    moment = exact_seconds(value)
    return None if moment is None else int(moment // 1)


def exact_seconds(value: object) -> float | None:
    """`value` as Unix seconds with their fraction; None where it is no moment."""
    if isinstance(value, str):
        return _from_text(value)
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return _from_number(value)


def _from_number(value: float) -> float | None:
    if not -MILLISECONDS * 1000 < value < MILLISECONDS * 1000:
        return None
    return value if -MILLISECONDS < value < MILLISECONDS else value / 1000


def _from_text(text: str) -> float | None:
    text = text.strip()
    if len(text) > _LONGEST_TEXT:
        return None
    if _EPOCH.fullmatch(text):
        return _from_number(float(text) if "." in text else int(text))
    try:
        moment = datetime.fromisoformat(text.upper())
        return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()
    except (ValueError, OverflowError):
        return None


def segment_moment(payload: Mapping[str, Any], received_at: int) -> float | None:
    """When a Segment message happened, by Segment's own rule for clocks that go wrong.

    timestamp = receivedAt − (sentAt − originalTimestamp), https://segment.com/docs/connections/spec/common/#timestamps.
    Segment's servers have reckoned that where the message carries `receivedAt`; a message straight from a client
    library carries its own clock's `timestamp`, and `received_at` (ours) is when it arrived.
    """
    timestamp = exact_seconds(payload.get("timestamp"))
    arrived = exact_seconds(payload.get("receivedAt"))
    if timestamp is not None and (arrived is not None or "originalTimestamp" in payload):
        return timestamp
    original = exact_seconds(payload.get("originalTimestamp"))
    happened = timestamp if original is None else original
    sent = exact_seconds(payload.get("sentAt"))
    if happened is None:
        return arrived
    if sent is None:
        return happened
    return (received_at if arrived is None else arrived) - (sent - happened)


@lru_cache(maxsize=64)
def zone(name: str) -> tzinfo:
    """The time zone called `name`, UTC where there is none of that name."""
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return UTC

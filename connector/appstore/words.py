"""Moments and sums as pages and the card show them to people.  Pure.

Absolute dates in the reader's time zone, as Intercom's guidelines want them: "Jan 8, 2019 at 1:05PM".
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any, Final
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

_MONTHS: Final = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"]


def zone(name: str | None) -> ZoneInfo:
    """The time zone of that name; UTC where there is none such."""
    try:
        return ZoneInfo(name or "UTC")
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return ZoneInfo("UTC")


def moment(seconds: int, where: str | None = None) -> str:
    """Unix seconds as "Jan 8, 2019 at 1:05PM"; without %b, which minds the machine's language."""
    try:
        when = datetime.fromtimestamp(seconds, UTC).astimezone(zone(where))
    except (ValueError, OverflowError, OSError):
        return "at an unknown time"
    hour = when.hour % 12 or 12
    half = "AM" if when.hour < 12 else "PM"
    return f"{_MONTHS[when.month - 1]} {when.day}, {when.year} at {hour}:{when.minute:02}{half}"


def day(seconds: int, where: str | None = None) -> str:
    """Unix seconds as "Jan 8, 2019"."""
    return moment(seconds, where).partition(" at ")[0]


def millis(milliseconds: int | None, where: str | None = None) -> str:
    """The same for milliseconds; "never" for None."""
    return "never" if milliseconds is None else moment(milliseconds // 1000, where)


def title(event_name: str) -> str:
    """`paid-invoice` as "Paid invoice"."""
    words = event_name.replace("-", " ").replace("_", " ").strip()
    return words[:1].upper() + words[1:] or "Event"


def plural(count: int, one: str, many: str | None = None) -> str:
    """`count` things: 1 event, 2 events."""
    return f"{count:,} {one if count == 1 else many or one + 's'}"


FILTERS: Mapping[str, Callable[..., Any]] = {
    "moment": moment,
    "day": day,
    "millis": millis,
    "title_of": title,
    "plural": plural,
}

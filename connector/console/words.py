"""Moments, spans and numbers as the console shows them.  Pure. Times are UTC, and say so."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any, Final

from markupsafe import Markup, escape

from connector.outbox.browse import COUNTED


def at(milliseconds: int | None) -> str:
    """`2026-11-26 07:30:00 UTC`."""
    if milliseconds is None:
        return "never"
    try:
        return f"{datetime.fromtimestamp(milliseconds / 1000, UTC):%Y-%m-%d %H:%M:%S} UTC"
    except (ValueError, OverflowError, OSError):
        return "at an unknown time"


def iso(milliseconds: int) -> str:
    """For a machine to read."""
    try:
        return datetime.fromtimestamp(milliseconds / 1000, UTC).isoformat(timespec="seconds")
    except (ValueError, OverflowError, OSError):
        return ""


def span(milliseconds: int) -> str:
    """How long something takes, in the one unit that says it best."""
    if milliseconds < 1_000:
        return f"{max(0, milliseconds)} ms"
    seconds = milliseconds // 1000
    for unit, size in (("days", 86_400), ("hours", 3_600), ("min", 60)):
        if seconds >= 2 * size:
            return f"{seconds // size} {unit}"
    return f"{seconds} s"


def number(count: int) -> str:
    """1,234; "10,000+" for what was not counted further."""
    return f"{COUNTED:,}+" if count == COUNTED + 1 else f"{count:,}"


def short(key: bytes) -> str:
    """The beginning of an id, as people copy it."""
    return key.hex()[:12]


def said(value: object) -> str:
    """A metadata value: text as it is, anything else as JSON."""
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def words(name: str) -> str:
    """`no_contact` as "no contact"."""
    return name.replace("_", " ")


def readable(value: object, key: str) -> str:
    """A metadata value as people say it, where what is sent says it otherwise: money and dates; else empty."""
    if isinstance(value, dict) and isinstance(value.get("amount"), int) and isinstance(value.get("currency"), str):
        return f"{value['amount'] / 100:,.2f} {value['currency'].upper()}"
    if key.endswith("_date") and isinstance(value, int):
        return at(value * 1000)
    return ""


def coded(text: str) -> Markup:
    """Escaped, and what stands between backticks as code."""
    return Markup(_TICKED.sub(r"<code>\1</code>", str(escape(text))))  # noqa: S704 - of escaped text


def on_this_page(remedy: str) -> str:
    """What to do, in the words of the buttons instead of the commands that do the same."""
    for command, button in _BUTTONS:
        remedy = remedy.replace(command, button)
    return remedy[:1].upper() + remedy[1:]


_TICKED = re.compile("`([^`]+)`")
_BUTTONS = (
    ("`connector deliveries release --reason too_old`", "release"),
    ("`connector deliveries replay`", "replay"),
    ("`connector deliveries release`", "release"),
    ("`connector events replay`", "map it again"),
)


FILTERS: Final[Mapping[str, Callable[..., Any]]] = {
    "at": at,
    "iso": iso,
    "span": span,
    "number": number,
    "short": short,
    "said": said,
    "words": words,
    "readable": readable,
    "coded": coded,
    "on_this_page": on_this_page,
}

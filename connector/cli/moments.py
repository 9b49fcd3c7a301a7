"""Moments as people type them: how long ago, or a date."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import Annotated

import typer

from connector.errors import UsageError

Since = Annotated[
    str | None,
    typer.Option(metavar="WHEN", help="Only what was received since: 7d, 24h, 30m, or a date.", show_default=False),
]

_AGO = re.compile(r"([1-9][0-9]{0,5})\s*([mhdw])")
_MS = {"m": 60_000, "h": 3_600_000, "d": 86_400_000, "w": 604_800_000}


def moment_of(text: str | None, now: int, *, name: str = "--since") -> int | None:
    """`text` as milliseconds since 1970, None for None; `now` in milliseconds. Raises UsageError."""
    if text is None:
        return None
    if ago := _AGO.fullmatch(text.strip().lower()):
        return max(0, now - int(ago[1]) * _MS[ago[2]])
    try:
        when = datetime.fromisoformat(text.strip())
        return max(0, int(when.replace(tzinfo=when.tzinfo or UTC).timestamp() * 1000))
    except (ValueError, OverflowError):
        raise UsageError(f"{name} takes 7d, 24h, 30m or a date such as 2026-07-30, not {text!r}") from None

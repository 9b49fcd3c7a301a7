"""Stripe's API versions as far as the shipped catalogue is tested with them; a newer one maps as well as it can.

A version is a date, and since 2024 a name behind it: `2018-05-21`, `2026-07-29.dahlia`. Their dates tell which is newer
(https://docs.stripe.com/api/versioning).
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Literal, TypeAlias

NEWEST_TESTED = "2026-07-29.dahlia"
"""The newest version whose reference events are compared with those of the older ones."""

Untested: TypeAlias = Literal["newer", "unreadable"]

_DATED = re.compile(r"(\d{4}-\d{2}-\d{2})(\.[a-z0-9_]+)?", re.ASCII)
_LENGTH_OF_A_DATE = 10


@lru_cache(maxsize=256)
def untested(version: str | None) -> Untested | None:
    """Why a version is none that the catalogue is tested with; None for one that is, and where an event has none."""
    if version is None:
        return None
    dated = _DATED.fullmatch(version)
    if dated is None:
        return "unreadable"
    return "newer" if dated[1] > NEWEST_TESTED[:_LENGTH_OF_A_DATE] else None

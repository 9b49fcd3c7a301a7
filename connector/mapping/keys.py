"""What a metadata key may be called (https://www.intercom.com/help/en/articles/175-set-up-event-tracking-in-intercom)."""

from __future__ import annotations

import re

from connector.mapping.problem import Mistake

MAX_KEY = 100

_FORBIDDEN = re.compile(r"[.$~`!@#%^&*'{}|\\\"\x00-\x1f\x7f\ud800-\udfff]")


def mistake_in_key(key: str) -> Mistake | None:
    """What Intercom would not take about `key`."""
    if not key.strip():
        return Mistake("an empty key", "write a name such as order_number")
    if found := _FORBIDDEN.search(key):
        return Mistake(f"a key cannot hold `{found[0]}`", f"write `{usable_key(key)}`", found.start())
    if len(key) > MAX_KEY:
        return Mistake(f"a key of {len(key)} characters", f"keep it below {MAX_KEY}")
    return None


def usable_key(key: str) -> str:
    """`key` with `_` for what Intercom does not take, and no longer than it may be."""
    return _FORBIDDEN.sub("_", key.strip())[:MAX_KEY]

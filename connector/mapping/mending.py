"""What is left of a wrong event, well-formed: so that one mistake does not hide the others."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from connector.mapping.context import Json
from connector.mapping.roots import RECEIVED_AT
from connector.mapping.syntax import Loc

_GROUPS = ("contact", "vars", "metadata")
"""Keys of an event whose values have mistakes of their own."""

_STAND_INS: dict[str, Any] = {"trigger": "some.event", "name": "did-something", "contact": {"email": RECEIVED_AT}}


@dataclass(frozen=True, slots=True)
class Mended:
    """`event` with something harmless in the place of its mistakes; `touched` are the ways to those."""

    event: dict[str, Any]
    touched: frozenset[Loc]

    def is_original(self, loc: Loc) -> bool:
        """Whether what stands at `loc` is what the author wrote."""
        return not any(tuple(loc[:length]) in self.touched for length in range(1, len(loc) + 1))


def mended(event: Json, mistakes: Iterable[Loc]) -> Mended | None:
    """The plain `event` with harmless values at the places of its `mistakes`; None where there is nothing to mend."""
    if not isinstance(event, Mapping):
        return None
    whole, touched = dict(event), set()
    for loc in mistakes:
        steps = tuple(step for step in loc if not str(step).startswith("<"))
        key, below = str(steps[0]) if steps else "", steps[1] if len(steps) > 1 else None
        if not key:
            return None
        touched.add(_put_stand_in(whole, key, below))
    return Mended(whole, frozenset(touched))


def _put_stand_in(whole: dict[str, Any], key: str, below: str | int | None) -> Loc:
    group = whole.get(key)
    if key in _GROUPS and isinstance(group, Mapping) and isinstance(below, str) and below in group:
        whole[key] = {**group, below: RECEIVED_AT}
        if key == "contact" or below in ("each", "only"):
            whole[key] = {name: value for name, value in whole[key].items() if name != below} or _STAND_INS.get(key, {})
        return (key, below)
    whole.pop(key, None)
    if key in _STAND_INS:
        whole[key] = _STAND_INS[key]
    return (key,)

"""What is left of a document that is wrong somewhere, well-formed: so that one mistake does not hide the others."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from pydantic import ValidationError

from connector.mapping.context import Json
from connector.mapping.document import Head
from connector.mapping.roots import RECEIVED_AT
from connector.mapping.syntax import Loc

_GROUPS = ("contact", "vars", "metadata")
"""Keys of an event whose values have mistakes of their own."""

_REQUIRED = frozenset({"trigger", "name"})
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
    """The plain `event` with harmless values at the places of its `mistakes`; None where it is no event at all."""
    if not isinstance(event, Mapping):
        return None
    whole, touched = dict(event), set()
    for loc in mistakes:
        steps = [step for step in loc if not str(step).startswith("<")]
        if steps:
            touched.add(_put_stand_in(whole, str(steps[0]), steps[1] if len(steps) > 1 else None))
    for key in _REQUIRED - whole.keys():
        whole[key] = _STAND_INS[key]
        touched.add((key,))
    return Mended(whole, frozenset(touched))


def mended_head(head: Mapping[str, Any], mistakes: Iterable[Loc]) -> Head | None:
    """What a document says before its events, without its `mistakes`; None without a source."""
    wrong = {loc[0] for loc in mistakes}
    known = {key: value for key, value in head.items() if key not in wrong}
    try:
        return Head.model_validate({"contact": _STAND_INS["contact"], **known, "version": 1})
    except ValidationError:
        return None


def _put_stand_in(whole: dict[str, Any], key: str, below: str | int | None) -> Loc:
    """Mends one mistake; the way to what was touched. A var keeps its name, which others may use."""
    group = whole.get(key)
    if key not in _GROUPS or not isinstance(group, Mapping) or below not in group:
        whole.pop(key, None)
        return (key,)
    whole[key] = {**group, below: RECEIVED_AT}
    if key == "contact" or below == "only":
        del whole[key][below]
    if not whole[key]:
        whole[key] = _STAND_INS.get(key, {})
    return (key, str(below))

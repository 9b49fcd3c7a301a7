"""What Intercom holds against what was delivered: two lists of one contact's events in, differences out.  Pure.

No difference is: another case or other punctuation in a name, keys beyond the first ten (Intercom drops them), a number
that comes back as text, the case of a currency. Events of others are none of our business.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

KEPT_KEYS = 10
"""Metadata keys that Intercom keeps for sure, in the order of sending."""
NEAR_S = 3600
"""A double is looked for so far around: `outbox.seconds` moves an event by no more."""


class What(StrEnum):
    """How what Intercom holds differs."""

    MISSING = "missing"
    DOUBLED = "doubled"
    ALTERED = "altered"


@dataclass(frozen=True, slots=True)
class Sent:
    """A delivery that Intercom accepted; `created_at` in Unix seconds."""

    delivery: str
    name: str
    created_at: int
    metadata: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Held:
    """An event as Intercom lists it."""

    id: str
    name: str
    created_at: int
    metadata: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Counted:
    """How often a contact did something, first and last (Unix seconds), as Intercom's summary says."""

    name: str
    count: int
    first: int
    last: int


@dataclass(frozen=True, slots=True)
class Difference:
    """One finding."""

    delivery: str
    what: What
    detail: str


def compare(asked: Sequence[Sent], ours: Sequence[Sent], held: Sequence[Held]) -> list[Difference]:
    """The differences of `asked`; `ours` is all that was delivered to this contact, so that nothing else of ours is
    taken for a double.
    """
    left: dict[tuple[str, int], list[Held]] = defaultdict(list)
    for each in held:
        left[_place(each)].append(each)
    known = {_place(each) for each in ours} | {_place(each) for each in asked}
    strangers = [each for place, events in left.items() if place not in known for each in events]
    return [found for each in asked for found in _differences(each, left[_place(each)], strangers)]


def _differences(sent: Sent, there: Sequence[Held], strangers: Sequence[Held]) -> list[Difference]:
    like_it = [each for each in strangers if _alike(sent, each)]
    if not there:
        if like_it:
            moved = f"it is there with the time {like_it[0].created_at}, and was sent with {sent.created_at}"
            return [Difference(sent.delivery, What.ALTERED, moved)]
        return [Difference(sent.delivery, What.MISSING, f"no {sent.name!r} at {sent.created_at}")]
    found = []
    if len(there) > 1:
        found.append(Difference(sent.delivery, What.DOUBLED, f"{len(there)} of it in the same second"))
    elif like_it:
        again = ", ".join(str(each.created_at) for each in like_it)
        found.append(Difference(sent.delivery, What.DOUBLED, f"another with the same metadata at {again}"))
    if (words := _altered(sent.metadata, there[0].metadata)) is not None:
        found.append(Difference(sent.delivery, What.ALTERED, words))
    return found


def _alike(sent: Sent, other: Held) -> bool:
    """Whether it may be the same event at another time: one without metadata looks like any other of its name."""
    return (
        bool(sent.metadata)
        and _name(sent.name) == _name(other.name)
        and abs(sent.created_at - other.created_at) <= NEAR_S
        and _altered(sent.metadata, other.metadata) is None
    )


def _altered(sent: Mapping[str, Any], held: Mapping[str, Any]) -> str | None:
    """What is different in the metadata: keys by name, never values, which are personal."""
    theirs = {key.casefold(): value for key, value in held.items()}
    own = {key.casefold(): value for key, value in sent.items()}
    kept = list(own)[:KEPT_KEYS]
    lost = [key for key in kept if key not in theirs]
    changed = [key for key in own if key in theirs and not same(own[key], theirs[key])]
    added = [key for key in theirs if key not in own]
    said = [(lost, "not there"), (changed, "changed"), (added, "not ours")]
    words = "; ".join(f"{what}: {', '.join(keys)}" for keys, what in said if keys)
    return words or None


def same(sent: Any, held: Any) -> bool:  # noqa: ANN401 - JSON is any value
    """Whether a value is what was sent, in whatever way it comes back."""
    if isinstance(sent, Mapping) and isinstance(held, Mapping):
        return sent.keys() == held.keys() and all(same(sent[key], held[key]) for key in sent)
    if isinstance(sent, bool) or isinstance(held, bool):
        return sent is held
    if isinstance(sent, int | float) or isinstance(held, int | float):
        return _number(sent) is not None and _number(sent) == _number(held)
    if isinstance(sent, str) and isinstance(held, str):
        return sent.strip() == held.strip() or (_is_currency(sent) and sent.lower() == held.lower())
    return bool(sent == held)


def _number(value: Any) -> float | None:  # noqa: ANN401 - JSON is any value
    try:
        return float(value)
    except (TypeError, ValueError):
        return None


def _is_currency(text: str) -> bool:
    return len(text) == 3 and text.isascii() and text.isalpha()


def compare_counts(asked: Sequence[Sent], ours: Sequence[Sent], counted: Sequence[Counted]) -> list[Difference]:
    """The differences of what is too old to be listed: there are only counts of it."""
    by_name = {_name(each.name): each for each in counted}
    own: dict[str, set[int]] = defaultdict(set)
    for each in (*ours, *asked):
        own[_name(each.name)].add(each.created_at)
    found = []
    for each in asked:
        there = by_name.get(_name(each.name))
        if there is None or not there.first <= each.created_at <= there.last:
            found.append(Difference(each.delivery, What.MISSING, f"no {each.name!r} around {each.created_at}"))
        elif there.count < (expected := len(own[_name(each.name)])):
            detail = f"{there.count} of {each.name!r}, and {expected} were delivered: this may be one that is not there"
            found.append(Difference(each.delivery, What.MISSING, detail))
    return found


def _place(event: Sent | Held) -> tuple[str, int]:
    return _name(event.name), event.created_at


def _name(name: str) -> str:
    """As Intercom compares it."""
    return name.casefold().replace(".", "-").replace("$", "-")

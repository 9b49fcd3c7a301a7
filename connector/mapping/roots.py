"""What a rule's expressions look at beside the payload: its `vars`, in the order they need each other, `before`, and
the moment of receipt. What nobody looks at is not reckoned.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from connector.mapping.document import Event
from connector.mapping.values import Lookup
from connector.mapping.walk import expressions, written

VARS = "vars"
BEFORE = "before"
RECEIVED_AT = "received_at"
EXTRA_ROOTS = (VARS, BEFORE, RECEIVED_AT)
"""What expressions see beside the payload's own keys."""


@dataclass(frozen=True, slots=True)
class Needs:
    """Which `vars` a rule uses, each after those it is made of, and which of the other roots."""

    vars: tuple[str, ...]
    before: bool
    any: bool


def needs(event: Event) -> Needs:
    """What the expressions of `event` look at, directly or by way of a var."""
    reads = {names for key, value in written(event) if key != VARS for names in _reads(value)}
    ordered = list(_ordered(event.vars, _named(reads, event.vars)))
    for name in ordered:
        reads |= _reads(event.vars[name])
    used = {names[0] for names in reads if names} & set(EXTRA_ROOTS) | (set(EXTRA_ROOTS) if () in reads else set())
    return Needs(tuple(ordered), BEFORE in used, bool(used))


def circular(event: Event) -> str | None:
    """A var that is made of itself, on whatever way."""
    return next((name for name in event.vars if name in _reachable(event.vars, name)), None)


def _ordered(variables: Mapping[str, Lookup], wanted: Iterable[str]) -> Iterator[str]:
    """`wanted` and all they are made of, depth first; a circle is cut where it closes."""
    seen: set[str] = set()

    def visit(name: str) -> Iterator[str]:
        if name not in seen:
            seen.add(name)
            for below in _named(_reads(variables[name]), variables):
                yield from visit(below)
            yield name

    for name in wanted:
        yield from visit(name)


def _reachable(variables: Mapping[str, Lookup], start: str) -> set[str]:
    found: set[str] = set()
    waiting = _named(_reads(variables[start]), variables)
    while waiting:
        name = waiting.pop()
        if name not in found:
            found.add(name)
            waiting += _named(_reads(variables[name]), variables)
    return found


def _reads(value: object) -> set[tuple[str, ...]]:
    return {names for _path, expression in expressions(value) for names in expression.reads}


def _named(reads: Iterable[tuple[str, ...]], variables: Mapping[str, Lookup]) -> list[str]:
    """The vars among `reads`, all where they or everything is taken whole; in the order they are written."""
    reads = set(reads)
    if () in reads or (VARS,) in reads:
        return list(variables)
    return [name for name in variables if any(names[:2] == (VARS, name) for names in reads)]

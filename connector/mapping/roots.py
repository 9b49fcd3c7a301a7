"""What a rule's expressions look at beside the payload: its `vars`, in the order they need each other, `before`, and
the moment of receipt. What nobody looks at is not reckoned.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import TypeAlias

from connector.mapping.document import Event
from connector.mapping.walk import Found, expressions

VARS = "vars"
BEFORE = "before"
RECEIVED_AT = "received_at"
EXTRA_ROOTS = (VARS, BEFORE, RECEIVED_AT)
"""What expressions see beside the payload's own keys."""

_EXTRA = frozenset(EXTRA_ROOTS)


Names: TypeAlias = tuple[str, ...]
"""What an expression follows from the top: ("vars", "amount"); () where it takes the whole."""


@dataclass(frozen=True, slots=True)
class Needs:
    """Which `vars` a rule uses, each after those it is made of, and which of the other roots."""

    vars: tuple[str, ...]
    before: bool
    any: bool


@dataclass(frozen=True, slots=True)
class Reads:
    """What the expressions of a rule look at: those of its `vars` by name, and all others."""

    own: frozenset[Names]
    vars: Mapping[str, frozenset[Names]]


def reads(event: Event, found: Iterable[Found] | None = None) -> Reads:
    """What `event` looks at; `found` are its expressions, where they are known already."""
    own: set[Names] = set()
    of_vars: dict[str, set[Names]] = {name: set() for name in event.vars}
    for path, expression in expressions(event) if found is None else found:
        (of_vars[str(path[1])] if path[0] == VARS else own).update(expression.reads)
    return Reads(frozenset(own), {name: frozenset(names) for name, names in of_vars.items()})


def needs(rule: Reads) -> Needs:
    """What the expressions of a rule look at, directly or by way of a var."""
    ordered = tuple(_ordered(rule.vars, _named(rule.own, rule.vars))) if rule.vars else ()
    every = rule.own.union(*(rule.vars[name] for name in ordered))
    used = {names[0] for names in every if names} & _EXTRA | (_EXTRA if () in every else set())
    return Needs(ordered, BEFORE in used, bool(used))


def circular(rule: Reads) -> str | None:
    """A var that is made of itself, on whatever way."""
    return next((name for name in rule.vars if name in _reachable(rule.vars, name)), None)


def _ordered(variables: Mapping[str, frozenset[Names]], wanted: Iterable[str]) -> Iterator[str]:
    """`wanted` and all they are made of, depth first; a circle is cut where it closes."""
    seen: set[str] = set()

    def visit(name: str) -> Iterator[str]:
        if name not in seen:
            seen.add(name)
            for below in _named(variables[name], variables):
                yield from visit(below)
            yield name

    for name in wanted:
        yield from visit(name)


def _reachable(variables: Mapping[str, frozenset[Names]], start: str) -> set[str]:
    found: set[str] = set()
    waiting = _named(variables[start], variables)
    while waiting:
        name = waiting.pop()
        if name not in found:
            found.add(name)
            waiting += _named(variables[name], variables)
    return found


def _named(looked_at: frozenset[Names], variables: Iterable[str]) -> list[str]:
    """The vars among what is looked at, all where they or everything is taken whole; in the order they are written."""
    if () in looked_at or (VARS,) in looked_at:
        return list(variables)
    wanted = {names[1] for names in looked_at if len(names) > 1 and names[0] == VARS}
    return [name for name in variables if name in wanted]

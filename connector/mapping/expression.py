"""An expression of a mapping: JMESPath with our functions, checked and compiled once.

https://jmespath.org/specification.html. A mistake in one is `traps`' to explain; running one is `closures`'.
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from itertools import takewhile
from typing import Any

import jmespath
from jmespath.functions import Functions

from connector.mapping import traps
from connector.mapping.closures import Evaluate, Tree, closure, path
from connector.mapping.functions import FUNCTIONS
from connector.mapping.problem import Mistake, did_you_mean

MAX_LENGTH = 1000
MAX_DEPTH = 40
MAX_FAN_OUT = 64
"""How many times `[a, b]` and `{a: b}` may multiply a payload: ten doublings would make a gigabyte of a megabyte."""

JMESPATH_FUNCTIONS: dict[str, Any] = Functions.FUNCTION_TABLE

_PLAIN_PATH = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,99}(?:\.[A-Za-z_][A-Za-z0-9_]{0,99}|\[-?[0-9]{1,9}\]){0,30}")
_STEP = re.compile(r"([A-Za-z_][A-Za-z0-9_]*)|\[(-?[0-9]+)\]")
_SEQUENCES = ("subexpression", "index_expression", "pipe")
_PROJECTIONS = ("projection", "value_projection", "filter_projection", "flatten")


class BadExpression(ValueError):
    """An expression that cannot be used; `mistake` says what to write instead."""

    def __init__(self, mistake: Mistake) -> None:
        super().__init__(mistake.what)
        self.mistake = mistake


@dataclass(frozen=True, slots=True, eq=False)
class Expression:
    """`text` as written, and the way to `evaluate` it.

    `reads` are the names it follows from the top, such as ("data", "object", "id"); () where it takes the whole.
    """

    text: str
    evaluate: Evaluate
    reads: frozenset[tuple[str, ...]]


@lru_cache(maxsize=16_384)
def compile_expression(text: str) -> Expression:
    """`text` as an Expression. Raises BadExpression."""
    if _PLAIN_PATH.fullmatch(text) and text not in traps.CONSTANTS:
        return _plain_path(text)
    if len(text) > MAX_LENGTH:
        what = f"an expression of {len(text)} characters"
        raise BadExpression(Mistake(what, f"keep it below {MAX_LENGTH}; give its parts names under `vars`"))
    if mistake := traps.in_words(text):
        raise BadExpression(mistake)
    tree = _parsed(text)
    if mistake := _too_much(tree) or traps.in_tree(text, tree) or _bad_call(text, tree):
        raise BadExpression(mistake)
    return Expression(text, closure(tree), frozenset(_reads(tree)))


def _plain_path(text: str) -> Expression:
    """What nearly all expressions are, without the parser: a hundred times as fast."""
    steps = tuple(name or int(index) for name, index in _STEP.findall(text))
    names = takewhile(lambda step: isinstance(step, str), steps)
    return Expression(text, path(steps), frozenset({tuple(str(name) for name in names)}))


def _parsed(text: str) -> Tree:
    try:
        return jmespath.compile(text).parsed
    except (ValueError, LookupError, RecursionError) as error:
        raise BadExpression(traps.explained(text, error)) from None


def nodes(tree: Tree) -> Iterator[tuple[Tree, int]]:
    """`tree` and all below it, each with its depth; without recursion, as it may be deep."""
    waiting = [(tree, 1)]
    while waiting:
        node, depth = waiting.pop()
        yield node, depth
        waiting += [(child, depth + 1) for child in reversed(children(node))]


def children(tree: Tree) -> list[Tree]:
    """The subtrees of `tree`; a slice has numbers where others have subtrees."""
    return [child for child in tree["children"] if isinstance(child, dict)]


def _too_much(tree: Tree) -> Mistake | None:
    fan_out = 1
    for node, depth in nodes(tree):
        if depth > MAX_DEPTH:
            return Mistake(f"nested more than {MAX_DEPTH} deep", "give its parts names under `vars`")
        if node["type"].startswith("multi_select"):
            fan_out *= len(node["children"])
    if fan_out > MAX_FAN_OUT:
        return Mistake("`[…, …]` and `{…}` here multiply too much", "give its parts names under `vars`")
    return None


def _bad_call(text: str, tree: Tree) -> Mistake | None:
    calls = (node for node, _depth in nodes(tree) if node["type"] == "function_expression")
    return next((mistake for call in calls if (mistake := _checked_call(text, call))), None)


def _checked_call(text: str, node: Tree) -> Mistake | None:
    name, given = node["value"], len(node["children"])
    found = re.search(rf"(?<![A-Za-z0-9_.]){name}\s*\(", text)
    offset = found.start() if found else None
    if name in FUNCTIONS:
        ours = FUNCTIONS[name]
        wrong, signature = given != len(ours.parameters), ours.signature
    elif name in JMESPATH_FUNCTIONS:
        rules = JMESPATH_FUNCTIONS[name]["signature"]
        variadic = bool(rules) and bool(rules[-1].get("variadic"))
        wrong, signature = (given < len(rules) if variadic else given != len(rules)), jmespath_signature(name)
    else:
        meant = did_you_mean(name, [*FUNCTIONS, *JMESPATH_FUNCTIONS])
        remedy = f"did you mean `{meant}`?" if meant else f"there are {', '.join(sorted(FUNCTIONS))} and JMESPath's own"
        return Mistake(f"there is no function `{name}`", remedy, offset)
    return Mistake(f"`{name}` does not take {given} values", f"write {signature}", offset) if wrong else None


def jmespath_signature(name: str) -> str:
    """One of JMESPath's own functions as it is called: starts_with(search, suffix)."""
    parameters = list(inspect.signature(JMESPATH_FUNCTIONS[name]["function"]).parameters.values())[1:]
    shown = (f"{p.name}…" if p.kind is p.VAR_POSITIONAL else p.name for p in parameters)
    return f"{name}({', '.join(shown)})"


def _reads(tree: Tree) -> Iterator[tuple[str, ...]]:
    kind = tree["type"]
    if kind in _SEQUENCES or kind in ("field", "current", "identity", "index", "slice"):
        yield from _path_reads(tree)
    elif kind in _PROJECTIONS:
        yield from _reads(tree["children"][0])
    elif kind != "expref":  # what `&x` reads is relative to the items of a list
        for child in children(tree):
            yield from _reads(child)


def _path_reads(tree: Tree) -> Iterator[tuple[str, ...]]:
    """The leading names of a path; what follows the first that is no name is relative to it."""
    names: list[str] = []
    for part in _parts(tree):
        if part["type"] == "field":
            names.append(part["value"])
        elif part["type"] not in ("current", "identity") and not names:
            yield from _reads(part) if part["type"] not in ("index", "slice") else [()]
            return
        elif part["type"] not in ("current", "identity"):
            break
    yield tuple(names)


def _parts(tree: Tree) -> Iterator[Tree]:
    if tree["type"] in _SEQUENCES:
        for child in children(tree):
            yield from _parts(child)
    else:
        yield tree

"""JMESPath trees as Python closures: what mappings mostly say runs at the speed of a dictionary look-up.

Paths, indexes, `||`, `&&`, `!`, comparisons, literals, our own functions and `max_by`, `min_by` of a path become
closures; projections, filters, multi-selects and JMESPath's other functions stay with its interpreter. Both give the
same value for every JSON document, and raise where the other raises (a property test says so).
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterable
from typing import Any, TypeAlias

from jmespath.visitor import TreeInterpreter

from connector.mapping.context import Context, Json
from connector.mapping.functions import FUNCTIONS
from connector.mapping.interpreter import Interpreter

Tree: TypeAlias = Any
"""A node of jmespath's syntax tree, whose type has no public name: a dictionary of type, value and children."""

Evaluate: TypeAlias = Callable[[Any, Context], Any]
"""A JSON value in, a JSON value out; None where there is none. May raise one of EVALUATION_ERRORS."""

EVALUATION_ERRORS = (ValueError, TypeError, ArithmeticError, LookupError, AttributeError, RecursionError)
"""What a well-formed expression can raise on an odd payload; jmespath's own errors are ValueErrors."""

_MISSING = (KeyError, TypeError, AttributeError)
_NOT_THERE = (LookupError, TypeError)
_SEQUENCES = ("subexpression", "index_expression", "pipe")
_ORDERED = (int, float, str)
_NUMBERS, _TEXT = {int, float}, {str}
_EXTREMES: dict[str, Callable[[list[Any]], Any]] = {"max_by": max, "min_by": min}
_ORDERINGS = {"lt": operator.lt, "lte": operator.le, "gt": operator.gt, "gte": operator.ge}


def closure(tree: Tree) -> Evaluate:
    """`tree` as one callable."""
    steps = path_steps(tree)
    if steps is not None:
        return path(steps)
    make = _MAKERS.get(tree["type"], _interpreted)
    return make(tree)


def path_steps(tree: Tree) -> tuple[str | int, ...] | None:
    """The keys and indexes of a plain path such as `lines.data[0].id`; None for anything else."""
    kind = tree["type"]
    if kind in ("field", "index"):
        return (tree["value"],)
    if kind in ("current", "identity"):
        return ()
    if kind not in _SEQUENCES:
        return None
    steps: tuple[str | int, ...] = ()
    for child in tree["children"]:
        if (more := path_steps(child)) is None:
            return None
        steps += more
    return steps


def is_false(value: object) -> bool:
    """JMESPath's idea of false: null, false, and empty text, list and object; 0 is true."""
    return not value and type(value) is not int and type(value) is not float


def path(steps: tuple[str | int, ...]) -> Evaluate:
    """The value that keys and indexes lead to."""
    if not all(isinstance(step, str) for step in steps):
        return _indexed_path(steps)
    match steps:
        case ():
            return lambda value, _context: value
        case (only,):
            return lambda value, _context: value.get(only) if isinstance(value, dict) else None
        case (first, second, last):  # data.object.x, the most common by far
            return _three_names(first, second, last)
        case _:
            return _named_path(steps[:-1], steps[-1])


def _named_path(first: tuple[str | int, ...], last: str | int) -> Evaluate:
    def evaluate(value: Json, _context: Context) -> Json:
        try:
            for name in first:
                value = value[name]
            return value.get(last)
        except _MISSING:
            return None

    return evaluate


def _three_names(first: str | int, second: str | int, last: str | int) -> Evaluate:
    def evaluate(value: Json, _context: Context) -> Json:
        try:
            return value[first][second].get(last)
        except _MISSING:
            return None

    return evaluate


def _indexed_path(steps: tuple[str | int, ...]) -> Evaluate:
    """An index is one into a list: JMESPath does not take letters out of text."""
    walk = [(step, isinstance(step, int)) for step in steps]

    def evaluate(value: Json, _context: Context) -> Json:
        try:
            for step, is_index in walk:
                if is_index and not isinstance(value, list):
                    return None
                value = value[step]
        except _NOT_THERE:
            return None
        return value

    return evaluate


def _sequence(tree: Tree) -> Evaluate:
    parts = _closures(tree["children"])

    def evaluate(value: Json, context: Context) -> Json:
        for part in parts:
            value = part(value, context)
        return value

    return evaluate


def _literal(tree: Tree) -> Evaluate:
    constant = tree["value"]
    return lambda _value, _context: constant


def _or(tree: Tree) -> Evaluate:
    *parts, last = _closures(_chain(tree))

    def evaluate(value: Json, context: Context) -> Json:
        for part in parts:
            found = part(value, context)
            if found or not is_false(found):
                return found
        return last(value, context)

    return evaluate


def _and(tree: Tree) -> Evaluate:
    *parts, last = _closures(_chain(tree))

    def evaluate(value: Json, context: Context) -> Json:
        for part in parts:
            if is_false(found := part(value, context)):
                return found
        return last(value, context)

    return evaluate


def _chain(tree: Tree) -> Iterable[Tree]:
    """The operands of `a || b || c`, which the parser nests to the left."""
    left, right = tree["children"]
    if left["type"] == tree["type"]:
        yield from _chain(left)
    else:
        yield left
    yield right


def _not(tree: Tree) -> Evaluate:
    (operand,) = _closures(tree["children"])
    return lambda value, context: is_false(operand(value, context))


def _comparator(tree: Tree) -> Evaluate:
    left, right = _closures(tree["children"])
    match tree["value"]:
        case "eq":
            return lambda value, context: _equal(left(value, context), right(value, context))
        case "ne":
            return lambda value, context: not _equal(left(value, context), right(value, context))
        case kind:
            return _ordering(left, right, _ORDERINGS[kind])


def _equal(left: object, right: object) -> bool:
    """Python takes True for 1; JSON does not."""
    return isinstance(left, bool) is isinstance(right, bool) and left == right


def _ordering(left: Evaluate, right: Evaluate, holds: Callable[[Any, Any], Any]) -> Evaluate:
    def evaluate(value: Json, context: Context) -> Json:
        one, other = left(value, context), right(value, context)
        if type(one) in _ORDERED and type(other) in _ORDERED:
            return holds(one, other)
        return None

    return evaluate


def _function(tree: Tree) -> Evaluate:
    if tree["value"] in _EXTREMES:
        return _extreme(tree, _EXTREMES[tree["value"]])
    if tree["value"] not in FUNCTIONS:
        return _interpreted(tree)
    call = FUNCTIONS[tree["value"]].call
    arguments = _closures(tree["children"])
    return lambda value, context: call(context, *[argument(value, context) for argument in arguments])


def _extreme(tree: Tree, pick: Callable[[list[Any]], Any]) -> Evaluate:
    """`max_by(list, &path)`: of a list whose items all have a number there, or all a text. The rest is interpreted."""
    array, by = tree["children"]
    steps = path_steps(by["children"][0]) if by["type"] == "expref" else None
    carefully = _interpreted(tree)
    if steps is None:
        return carefully
    find, key = closure(array), path(steps)

    def evaluate(value: Json, context: Context) -> Json:
        items = find(value, context)
        if isinstance(items, list):
            keys = [key(item, context) for item in items]
            kinds = set(map(type, keys))
            if keys and (kinds <= _NUMBERS or kinds == _TEXT):
                return items[keys.index(pick(keys))]
        return carefully(value, context)

    return evaluate


def _interpreted(tree: Tree) -> Evaluate:
    return lambda value, context: _interpreter(context).visit(tree, value)


def _interpreter(context: Context) -> TreeInterpreter:
    if context.interpreter is None:
        context.interpreter = Interpreter(context)
    return context.interpreter


def _closures(trees: Iterable[Tree]) -> list[Evaluate]:
    return [closure(tree) for tree in trees]


_MAKERS: dict[str, Callable[[Tree], Evaluate]] = {
    **dict.fromkeys(_SEQUENCES, _sequence),
    "literal": _literal,
    "or_expression": _or,
    "and_expression": _and,
    "not_expression": _not,
    "comparator": _comparator,
    "function_expression": _function,
}

"""Expressions run as closures give what jmespath gives, for every JSON value, and fail where it fails."""

from __future__ import annotations

import json
from typing import Any

import jmespath
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from connector.mapping.closures import EVALUATION_ERRORS
from connector.mapping.context import Context, Options
from connector.mapping.expression import BadExpression, compile_expression

NAMES = st.sampled_from(["a", "b", "c", "data", "object"])
SCALARS = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-2, 2),
    st.sampled_from([0.0, 1.0, -0.0, 2.5]),
    st.sampled_from(["", "a", "b", "0", "1"]),
)
JSON = st.recursive(
    SCALARS,
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(NAMES, inner, max_size=4)),
    max_leaves=25,
)
OBJECTS = st.dictionaries(NAMES, JSON, max_size=5)
STEPS = st.one_of(NAMES.map(".{}".format), st.integers(-3, 3).map("[{}]".format), st.just("[]"), st.just("[*]"))
PATHS = st.builds(lambda first, steps: first + "".join(steps), NAMES, st.lists(STEPS, max_size=4))
LITERALS = st.one_of(
    SCALARS.map(lambda value: f"`{json.dumps(value)}`"),
    st.sampled_from(["'a'", "''", "'0'", "`[]`", "`{}`", "`[1]`", "@"]),
)
OPERATORS = st.sampled_from(["||", "&&", "==", "!=", "<", "<=", ">", ">=", "|"])


def larger(inner: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    return st.one_of(
        st.builds(lambda left, operator, right: f"({left}) {operator} ({right})", inner, OPERATORS, inner),
        inner.map("!({})".format),
        st.builds("({}).{}".format, inner, NAMES),
        st.builds("({})[{}]".format, inner, st.integers(-2, 2)),
        st.builds("a[?{}]".format, inner),
        st.builds("[{}, {}]".format, inner, inner),
        st.builds("{{x: {}, y: {}}}".format, inner, inner),
        inner.map("length({})".format),
        inner.map("to_string({})".format),
        st.builds("not_null({}, {})".format, inner, inner),
        st.builds("contains({}, {})".format, inner, inner),
        st.builds("join(', ', {})".format, inner),
        st.builds("{}({}, &{})".format, st.sampled_from(["max_by", "min_by"]), inner, st.one_of(PATHS, inner)),
    )


EXPRESSIONS = st.recursive(st.one_of(PATHS, PATHS, LITERALS), larger, max_leaves=6)


@settings(max_examples=500, deadline=None)
@given(EXPRESSIONS, OBJECTS)
def test_a_closure_gives_what_jmespath_gives(text: str, value: dict[str, Any]):
    try:
        expression = compile_expression(text)
    except BadExpression:
        assume(False)
    context = Context(value, 0, lambda _identity: None, Options(), "minor")
    assert outcome(lambda: expression.evaluate(value, context)) == outcome(lambda: jmespath.search(text, value))


@given(
    st.sampled_from(["max_by(data, &a)", "min_by(data, &a.b)", "max_by(data, &@)", "min_by(data, &a[0])"]),
    st.lists(st.one_of(SCALARS, st.dictionaries(NAMES, SCALARS), JSON), max_size=6),
)
def test_the_largest_by_a_path_is_the_one_that_jmespath_picks(text: str, items: list[Any]):
    context = Context({"data": items}, 0, lambda _identity: None, Options(), "minor")
    expression, value = compile_expression(text), {"data": items}
    assert outcome(lambda: expression.evaluate(value, context)) == outcome(lambda: jmespath.search(text, value))


@given(st.one_of(PATHS, st.text(alphabet="ab.[]0-1 _", max_size=12)), OBJECTS)
def test_a_plain_path_read_without_the_parser_means_the_same(text: str, value: dict[str, Any]):
    try:
        expression = compile_expression(text)
    except BadExpression:
        assume(False)
    context = Context(value, 0, lambda _identity: None, Options(), "minor")
    assert outcome(lambda: expression.evaluate(value, context)) == outcome(lambda: jmespath.search(text, value))


def outcome(evaluate: Any) -> str:
    """A value as text, in which true is not 1 and 1 is not 1.0; an error is only that."""
    try:
        return repr(evaluate())
    except EVALUATION_ERRORS:
        return "an error"


@pytest.mark.parametrize(
    ("text", "reads"),
    [
        ("data.object.id", {("data", "object", "id")}),
        ("data.object.lines[0].id", {("data", "object", "lines")}),
        ("a || b.c", {("a",), ("b", "c")}),
        ("items[?x == y].z", {("items",)}),
        ("max_by(data.lines, &amount).plan", {("data", "lines")}),
        ("vars.a > `0` && changed('x')", {("vars", "a")}),
        ("[a, b.c]", {("a",), ("b", "c")}),
        ("{x: a, y: b}", {("a",), ("b",)}),
        ("@", {()}),
        ("@.a.b", {("a", "b")}),
        ("keys(@)", {()}),
        ("*.a", {()}),
        ("a | b.c", {("a", "b", "c")}),
        ("(a || b).c", {("a",), ("b",)}),
        ("`1`", set()),
    ],
)
def test_an_expression_knows_what_it_reads_from_the_top(text: str, reads: set[tuple[str, ...]]):
    assert compile_expression(text).reads == reads

"""Expressions and payloads that are made to do harm: bounded in work, never an error that gets out."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from connector.events import IntercomEvent, SourceEvent
from connector.mapping import interpreter
from connector.mapping.closures import EVALUATION_ERRORS
from connector.mapping.context import Context, Options
from connector.mapping.expression import BadExpression, compile_expression
from connector.mapping.functions import FUNCTIONS
from connector.mapping.interpreter import TooMuchWork
from connector.mapping.translate import Skipped, translate
from connector.mapping_files import load, shipped_folder

CATALOG = load([shipped_folder()]).catalog
EXPLOSIONS = [
    "a[*].[@,@,@,@][][].[@,@,@,@][].[@,@,@,@][]",
    "a[?b > `5`][?b > `6`][?b > `7`]",
    "map(&map(&map(&to_string(@), `[1,2,3,4,5,6,7,8]`), `[1,2,3,4,5,6,7,8]`), a)",
    "a[?contains(to_string(@), 'x')]",
    "a[*].[join('x', keys(@))]",
    "length(a[].[b, c, d, e][])",
]


@pytest.mark.parametrize("text", EXPLOSIONS)
def test_an_expression_that_explodes_on_a_large_payload_is_given_up(text: str):
    payload = {"a": [{"b": number, "c": str(number)} for number in range(60_000)]}
    context = Context(payload, 0, {}.get, Options(), "minor")
    with pytest.raises(TooMuchWork):
        compile_expression(text).evaluate(payload, context)


def test_what_is_given_up_counts_as_missing_and_is_noted(tmp_path):
    (tmp_path / "a.yaml").write_text(
        "version: 1\nsource: segment\ncontact: {user_id: userId}\nevents:\n  - trigger: track Order Completed\n"
        "    name: completed-order\n    metadata:\n"
        '      bad: "length(properties.p[].[a, b, c, d][])"\n      good: properties.plan\n'
    )
    [entry] = load([tmp_path]).catalog.entries
    properties = {"plan": "Pro", "p": [{"a": number, "b": 1, "c": 1, "d": 1} for number in range(60_000)]}
    payload = {"type": "track", "event": "Order Completed", "properties": properties}
    event = SourceEvent("segment", "m1", "track Order Completed", b"")
    made = translate(event, payload, entry, received_at=1785369600, names={}.get, options=Options())
    assert isinstance(made, IntercomEvent)
    assert (made.metadata, made.notes[-1]) == (
        {"good": "Pro"},
        "bad: could not be evaluated: too much work for one event",
    )


def test_an_order_of_a_thousand_products_is_far_from_the_bound():
    payload = {"a": [{"name": f"product {number}", "price": 19.5} for number in range(1000)]}
    context = Context(payload, 0, {}.get, Options(), "major")
    compile_expression("a[].name").evaluate(payload, context)
    compile_expression("max_by(a, &price).name").evaluate(payload, context)
    assert isinstance(context.interpreter, interpreter.Interpreter)
    assert context.interpreter._left > interpreter.MOST_STEPS * 0.9


WORDS = st.sampled_from(
    [
        "a", "data.object.id", "vars.x", "`1`", "'text'", '"name"', "==", "!=", "<", ">=", "&&", "||", "!", "(", ")",
        "[", "]", "[*]", "[]", "[?", "{", "}", ":", ",", ".", "|", "@", "&", "*", "`", "'", '"', "-", "1", "true",
        "null", "\\", "\x00", "\ud800", "é", "[::-1]", "[0:99999999999999999999:0]", "`{", " ", "\n",
        *FUNCTIONS, "sort_by(", "join(",
    ]
)  # fmt: skip


@pytest.mark.filterwarnings("ignore:deprecated string literal syntax")
@settings(max_examples=500, deadline=None)
@given(st.one_of(st.lists(WORDS, max_size=14).map("".join), st.text(max_size=40)))
def test_any_text_is_an_expression_or_a_mistake_with_a_remedy(text: str):
    mistake, expression = None, None
    try:
        expression = compile_expression(text)
    except BadExpression as error:
        mistake = error.mistake
    if expression is None:
        assert mistake is not None
        assert mistake.what
        assert mistake.remedy
        return
    context = Context({}, 0, {}.get, Options(), "minor")
    with suppress(*EVALUATION_ERRORS):
        expression.evaluate({"a": [1, {"b": 2}], "data": {"object": {"id": "x"}}}, context)


KEYS = st.sampled_from(
    [
        "amount", "currency", "id", "customer", "items", "data", "price", "plan", "lines", "metadata", "created",
        "products", "revenue", "email", "previous_attributes", "status", "name", "properties", "traits", "total",
        "status_transitions",
    ]
)  # fmt: skip
SCALARS = st.one_of(
    st.none(), st.booleans(), st.integers(), st.floats(allow_nan=False, allow_infinity=False), st.text(max_size=10),
    st.sampled_from([10**400, -1, 0, "19.99", "usd", "2026-07-30", "1e999999", "https://a.example", "\ud800", "in_1"]),
)  # fmt: skip
JSON = st.recursive(
    SCALARS,
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(KEYS, inner, max_size=6)),
    max_leaves=30,
)


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(JSON, JSON, JSON)
def test_every_shipped_entry_makes_an_event_of_any_payload_or_says_why_not(one: Any, two: Any, three: Any):
    payloads = {
        "stripe": {"created": three, "livemode": True, "data": {"object": one, "previous_attributes": two}},
        "segment": {"properties": one, "traits": two, "context": two, "userId": three, "timestamp": three},
    }
    for entry in CATALOG.entries:
        for payload in (payloads[entry.source], {"data": one, "properties": two}):
            made = _translated(entry, payload)
            assert isinstance(made, IntercomEvent | Skipped)


def _translated(entry: Any, payload: dict[str, Any]) -> Any:
    event = SourceEvent(entry.source, "e", entry.definition.trigger[0], b"")
    on = replace(entry, enabled=True)
    return translate(event, payload, on, received_at=1785369600, names={}.get, options=Options())


def test_a_payload_nested_beyond_recursion_is_survived():
    deep: Any = {}
    for _ in range(900):
        deep = {"object": deep, "data": [deep]}
    for entry in CATALOG.entries:
        payload = {"data": {"object": deep, "previous_attributes": deep}, "properties": deep, "traits": deep}
        assert isinstance(_translated(entry, payload), IntercomEvent | Skipped)

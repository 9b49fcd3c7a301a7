"""What an expression may not be: too long, too deep, multiplying; and the functions that it may call."""

from __future__ import annotations

import time

import pytest

from connector.mapping.context import Context, Options
from connector.mapping.expression import JMESPATH_FUNCTIONS, BadExpression, compile_expression
from connector.mapping.functions import FUNCTIONS


def value(text: str, payload: dict[str, object], unit: str = "minor", **options: str) -> object:
    names = {"price_1": "Pro"}.get
    context = Context(payload, 0, names, Options(**options), unit)
    return compile_expression(text).evaluate(payload, context)


@pytest.mark.parametrize(
    "text",
    [
        "a" * 1001,
        "||".join(["data"] * 1000),
        "||".join("a" * 330),
        "!" * 900 + "a",
        "(" * 900,
        "[" * 900,
        "{a:" * 300,
        "`" + "[" * 990 + "`",
        "a" + "[0]" * 400,
        " | ".join(["[@, @]"] * 100),
        "[@, @][] | " * 80 + "@",
        "a\u0000b",
        "&a",
        "''" * 400,
        "-" * 900,
        "a[99999999999999999999999999999999]" + "b" * 900,
    ],
)
def test_an_expression_that_could_hang_is_refused_at_once(text: str):
    begin = time.process_time()
    with pytest.raises(BadExpression):
        compile_expression(text)
    assert time.process_time() - begin < 1


@pytest.mark.parametrize(
    ("text", "what", "offset"),
    [
        ("data.object.id == id(a, b)", "`id` does not take 2 values", 18),
        ("a != `1` && !b.c", "`!a.b` means (!a).b, which is never there", 12),
        ("status == 'up and away' rest", "the expression cannot be read at `rest`", 24),
        ("a == '(' and b", "`and` is no operator", 9),
        ('contains(properties.tags, "vip")', '"vip" in double quotes is the name of a field', 26),
        ("sort_by(a, b) || nop(a)", "there is no function `nop`", 17),
        ("api_version > '2026'", "'2026' is text, and text is never more or less than a number", 14),
    ],
)
def test_a_mistake_is_told_where_it_is(text: str, what: str, offset: int):
    with pytest.raises(BadExpression) as caught:
        compile_expression(text)
    assert (caught.value.mistake.what, caught.value.mistake.offset) == (what, offset)


@pytest.mark.parametrize(
    "text",
    [
        "items[?\"Order Id\" == 'x']",
        'properties."Order Id"',
        "a.true.null",
        '{"a b": c}',
        '["a b", c]',
        "a.and.or.not",
        "not_null(a, b)",
        "a[-1]",
        "a[0:2:1]",
        "a > '2026-01-01'",
        "!a && !(b.c)",
        "!contains(a, 'b')",
        "a[?!b]",
    ],
)
def test_what_only_looks_like_a_trap_is_none(text: str):
    assert compile_expression(text).text == text


def test_a_join_that_would_fill_the_memory_is_an_error():
    payload = {"glue": "x" * 100_000, "items": ["a"] * 100_000}
    with pytest.raises(ValueError, match="megabyte"):
        value("join(glue, items)", payload)


@pytest.mark.parametrize(
    ("text", "payload", "expected"),
    [
        ("id(a)", {"a": "cus_1"}, "cus_1"),
        ("id(a)", {"a": {"id": "cus_1"}}, "cus_1"),
        ("id(a)", {"a": {"id": 7}}, None),
        ("id(a)", {"a": [1]}, None),
        ("minus(a, b)", {"a": 1500, "b": 500}, 1000),
        ("minus(a, b)", {"a": "39.95", "b": 0.3}, 39.65),
        ("minus(a, b)", {"a": 0.3, "b": 0.1}, 0.2),
        ("minus(a, b)", {"a": 1}, None),
        ("minus(a, b)", {"a": True, "b": 1}, None),
        ("changed('a')", {"data": {"previous_attributes": {"a": None}}}, True),
        ("changed('a.b')", {"data": {"previous_attributes": {"a": {"b": 1}}}}, True),
        ("changed('a.c')", {"data": {"previous_attributes": {"a": {"b": 1}}}}, False),
        ("changed('a')", {"data": {}}, False),
        ("changed('a')", {"data": 7}, False),
        ("changed(a)", {"a": 7}, None),
        ("stripe_name(a)", {"a": "price_1"}, "Pro"),
        ("stripe_name(a)", {"a": {"id": "price_1", "name": "Own"}}, "Pro"),
        ("stripe_name(a)", {"a": {"id": "price_2", "name": "Own"}}, "Own"),
        ("stripe_name(a)", {"a": {"nickname": "Yearly"}}, "Yearly"),
        ("stripe_name(a)", {"a": {"name": 7}}, None),
        ("stripe_name(a)", {}, None),
        ("map(&id(@), a)", {"a": ["x", {"id": "y"}]}, ["x", "y"]),
        ("date_text(a)", {"a": 1785369600}, "July 30, 2026"),
        ("date_text(a)", {"a": "no date"}, None),
        ("date_text(a)", {"a": 99999999999}, "November 16, 5138"),
        ("money_text(a, 'usd')", {"a": 129900}, "$1,299.00"),
        ("money_text(a, b)", {"a": 129900, "b": " "}, None),
    ],
)
def test_our_functions_give_an_answer_or_nothing(text: str, payload: dict[str, object], expected: object):
    assert value(text, payload) == expected


def test_amounts_and_days_follow_the_workspace():
    payload = {"amount": 129900, "at": 1785452400}
    german = {"language": "de", "time_zone": "Europe/Berlin"}
    assert value("money_text(amount, 'eur')", payload, **german) == "1.299,00\u00a0€"
    assert value("date_text(at)", payload, **german) == "31. Juli 2026"
    assert value("date_text(at)", payload) == "July 30, 2026"
    assert value("money_text(amount, 'eur')", {"amount": 12.5}, unit="major") == "€12.50"


def test_no_function_of_ours_hides_one_of_jmespath():
    assert not FUNCTIONS.keys() & JMESPATH_FUNCTIONS.keys()

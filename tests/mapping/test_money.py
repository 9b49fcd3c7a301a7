"""Money against an oracle that reckons in fractions, over every currency."""

from __future__ import annotations

from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connector.mapping import money
from connector.mapping.money import Said, Unsaid

CURRENCY = st.sampled_from(sorted(money.CURRENCIES))
STRIPE_ZERO_DECIMAL = money.ZERO_DECIMAL - {"isk", "ugx"}
THREE_DECIMAL = {"bhd", "iqd", "jod", "kwd", "lyd", "omr", "tnd"}


def oracle(amount: Fraction, currency: str) -> int | None:
    """Hundredths of an amount in major units; None where there is no whole positive number of them."""
    hundredths = amount * 100
    if currency in THREE_DECIMAL and (amount * 1000).denominator == 1:
        hundredths = Fraction(round(hundredths))
    return int(hundredths) if hundredths.denominator == 1 and 0 < hundredths <= 2**53 else None


def test_the_currencies_without_decimals_are_stripes():
    """https://docs.stripe.com/currencies#zero-decimal"""
    listed = "bif clp djf gnf jpy kmf krw mga pyg rwf vnd vuv xaf xof xpf"
    assert sorted(STRIPE_ZERO_DECIMAL) == listed.split()


def places(currency: str) -> int:
    """Stripe's decimals: ISK and UGX have two on the wire."""
    return 0 if currency in STRIPE_ZERO_DECIMAL else 3 if currency in THREE_DECIMAL else 2


@given(st.integers(-(10**14), 10**14), CURRENCY)
def test_minor_units_are_exact(amount: int, currency: str):
    check(money.say(amount, currency, "minor", zero_decimal_as_hundredths=True), amount, currency, places(currency))


@given(st.decimals(-(10**10), 10**10, places=4), CURRENCY)
def test_major_units_are_exact_as_text_and_as_numbers(amount: Decimal, currency: str):
    for given_as in (str(amount) if "E" not in str(amount) else f"{amount:f}", float(amount)):
        exact = money.exact(given_as)
        assert exact == amount
        said = money.say(exact, currency, "major", zero_decimal_as_hundredths=True)
        check(said, Fraction(amount), currency, 0)


def check(said: Said | Unsaid | None, amount: int | Fraction, currency: str, decimals: int) -> None:
    whole = Fraction(amount) / 10**decimals
    expected = oracle(whole, currency)
    if expected is None:
        assert isinstance(said, Unsaid)
        assert Fraction(str(said.amount)) == whole
        assert said.currency == currency
    else:
        assert isinstance(said, Said)
        assert (said.amount, said.currency) == (expected, currency)
        assert said.rounded == (Fraction(expected) != whole * 100)


@pytest.mark.parametrize(
    "value",
    [
        None, True, "", " ", "1,299.00", "€39.95", "1e3", "0x10", "nan", "inf", float("nan"), float("inf"), 10**15,
        "1" * 17, 1e15, "1.12345678901", [], {}, "--1", "٣",
    ],
)  # fmt: skip
def test_what_is_no_plain_number_is_no_amount(value: object):
    assert money.exact(value) is None


@pytest.mark.parametrize(("currency", "why"), [("usx", "unknown currency"), ("$", "not a currency")])
def test_an_unknown_currency_is_not_guessed_at(currency: str, why: str):
    assert money.say(1999, currency, "minor", zero_decimal_as_hundredths=True) == Unsaid(19.99, currency, why)


def test_what_is_beyond_the_digits_of_a_double_is_not_said_in_hundredths():
    """JSON readers would round it: the plain number has as many digits fewer."""
    largest = 2**53
    assert money.say(largest, "usd", "minor", zero_decimal_as_hundredths=True) == Said(largest, "usd")
    assert money.say(largest + 1, "usd", "minor", zero_decimal_as_hundredths=True) == Unsaid(
        90071992547409.93, "usd", "too large"
    )
    assert money.say(10**14, "jpy", "minor", zero_decimal_as_hundredths=True) == Unsaid(10**14, "jpy", "too large")


def test_yen_go_as_a_plain_number_where_the_workspace_says_so():
    said = money.say(500, "jpy", "minor", zero_decimal_as_hundredths=False)
    assert said == Unsaid(500, "jpy", "zero-decimal currency")
    assert money.say(500, "isk", "minor", zero_decimal_as_hundredths=False) == Unsaid(5, "isk", "zero-decimal currency")
    assert money.say(500, "usd", "minor", zero_decimal_as_hundredths=False) == Said(500, "usd")


def test_without_a_currency_cents_say_nothing_and_whole_units_a_number():
    assert money.say(1999, None, "minor", zero_decimal_as_hundredths=True) is None
    assert money.say(Decimal("19.99"), " ", "major", zero_decimal_as_hundredths=True) == Unsaid(
        19.99, None, "no currency"
    )

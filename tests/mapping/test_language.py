"""Amounts and days as the readers of each language write them."""

from __future__ import annotations

from decimal import Decimal

import pytest

from connector.mapping.language import LANGUAGES, date_text, money_text, more_text

NBSP, NARROW = "\u00a0", "\u202f"
JULY_30 = 1_785_369_600


@pytest.mark.parametrize(
    ("amount", "currency", "tag", "text"),
    [
        ("1299", "usd", "en", "$1,299.00"),
        ("1299", "USD", "en-US", "$1,299.00"),
        ("-19.99", "gbp", "en_GB", "-£19.99"),
        ("199", "sek", "en", f"SEK{NBSP}199.00"),
        ("1299", "eur", "de", f"1.299,00{NBSP}€"),
        ("1299", "eur", "de-AT", f"1.299,00{NBSP}€"),
        ("1299", "eur", "fr", f"1{NARROW}299,00{NBSP}€"),
        ("1299", "eur", "nl", f"€{NBSP}1.299,00"),
        ("5", "chf", "it", f"5,00{NBSP}CHF"),
        ("500", "jpy", "en", "¥500"),
        ("5.125", "kwd", "en", f"KWD{NBSP}5.125"),
        ("0.005", "usd", "en", "$0.005"),
        ("0", "usd", "en", "$0.00"),
        ("19.99", "usd", "xx", "19.99 USD"),
        ("19.99", "btc", "de", "19.99 BTC"),
    ],
)
def test_an_amount_is_written_as_its_readers_do(amount: str, currency: str, tag: str, text: str):
    assert money_text(Decimal(amount), currency, tag) == text


@pytest.mark.parametrize(
    ("tag", "text"),
    [
        ("en", "July 30, 2026"),
        ("en-GB", "30 July 2026"),
        ("de", "30. Juli 2026"),
        ("es", "30 de julio de 2026"),
        ("fr", "30 juillet 2026"),
        ("it", "30 luglio 2026"),
        ("nl", "30 juli 2026"),
        ("pt-BR", "30 de julho de 2026"),
        ("xx", "2026-07-30"),
        ("", "2026-07-30"),
    ],
)
def test_a_day_is_written_as_its_readers_do(tag: str, text: str):
    assert date_text(JULY_30, "UTC", tag) == text


def test_a_day_is_that_of_the_workspace():
    assert date_text(JULY_30, "America/Los_Angeles", "en") == "July 29, 2026"
    assert date_text(10**18, "UTC", "en") is None


@pytest.mark.parametrize("tag", LANGUAGES)
def test_every_language_has_twelve_months_and_a_word_for_more(tag: str):
    assert len(LANGUAGES[tag].months.split()) == 12
    assert "2" in more_text(2, tag)

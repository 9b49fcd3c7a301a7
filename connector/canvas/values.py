"""Metadata as people read it: money with its currency, dates in words, links by their text.  Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from connector.appstore.words import day, title
from connector.events import MetadataValue
from connector.mapping.language import money_text

STRIPE = {"stripe_customer": "customers", "stripe_invoice": "invoices", "stripe_charge": "payments"}
"""Intercom's Stripe keys, and where Stripe's dashboard shows what they name."""
DASHBOARD = "https://dashboard.stripe.com"
LONGEST = 200


@dataclass(frozen=True, slots=True)
class Locale:
    """How the workspace reads: IANA time zone and language."""

    time_zone: str = "UTC"
    language: str = "en"


@dataclass(frozen=True, slots=True)
class Shown:
    """One line of details; `url` where it leads somewhere."""

    field: str
    value: str
    url: str | None = None


def price(metadata: Mapping[str, MetadataValue], locale: Locale) -> str | None:
    """The event's first sum."""
    for value in metadata.values():
        if (text := money(value, locale)) is not None:
            return text
    amount, currency = metadata.get("price_amount"), metadata.get("price_currency")
    if isinstance(amount, int | float) and isinstance(currency, str) and not isinstance(amount, bool):
        return money_text(Decimal(str(amount)), currency, locale.language)
    return None


def money(value: object, locale: Locale) -> str | None:
    """Intercom's money (hundredths) in words; None where `value` is none."""
    if not isinstance(value, Mapping):
        return None
    amount, currency = value.get("amount"), value.get("currency")
    if not isinstance(amount, int) or isinstance(amount, bool) or not isinstance(currency, str):
        return None
    return money_text(Decimal(amount).scaleb(-2), currency, locale.language)


def lines(metadata: Mapping[str, MetadataValue], locale: Locale) -> list[Shown]:
    """Every key as a line."""
    return [_line(key, value, locale, _in_test_mode(metadata)) for key, value in metadata.items()]


def _in_test_mode(metadata: Mapping[str, MetadataValue]) -> bool:
    """Whether one of its links leads to the test side of Stripe's dashboard."""
    links = (value.get("url") if isinstance(value, Mapping) else value for value in metadata.values())
    return any(isinstance(link, str) and link.startswith(f"{DASHBOARD}/test/") for link in links)


def _line(key: str, value: Any, locale: Locale, in_test_mode: bool) -> Shown:  # noqa: ANN401 - any metadata
    field = title(key.removeprefix("stripe_") if key in STRIPE else key.removesuffix("_date"))
    if (text := money(value, locale)) is not None:
        return Shown(field, text)
    if isinstance(value, Mapping):
        return Shown(field, str(value.get("value", ""))[:LONGEST], _web(value.get("url")))
    if key in STRIPE and isinstance(value, str):
        side = "/test" if in_test_mode else ""
        return Shown(
            field,
            value[:LONGEST],
            f"{DASHBOARD}{side}/{STRIPE[key]}/{value}" if value.isalnum() or "_" in value else None,
        )
    if key.endswith("_date") and isinstance(value, int | float):
        return Shown(field, day(int(value), locale.time_zone))
    return Shown(field, str(value)[:LONGEST], _web(value))


def _web(value: object) -> str | None:
    return (
        value if isinstance(value, str) and value.startswith(("https://", "http://")) and len(value) < 2_000 else None
    )

"""Amounts and dates as a reader of a message sees them: Intercom puts metadata into messages as it is.

A language that is not here gets what all readers understand: `19.99 USD` and `2026-07-30`.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from connector.mapping.dates import zone
from connector.mapping.money import CURRENCIES, decimals

_SYMBOLS = {
    "usd": "$", "eur": "€", "gbp": "£", "jpy": "¥", "inr": "₹", "krw": "₩", "ils": "₪", "vnd": "₫", "uah": "₴",
    "aud": "A$", "cad": "CA$", "nzd": "NZ$", "hkd": "HK$", "mxn": "MX$", "brl": "R$", "cny": "CN¥", "pln": "zł",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Language:
    """How one language writes. In `date` and `money` the parts are named; `months` is twelve words."""

    months: str
    date: str
    money: str
    decimal: str
    group: str
    more: str


_ENGLISH = "January February March April May June July August September October November December"
_BEFORE, _AFTER = "{symbol}{number}", "{number}\u00a0{symbol}"
_NEUTRAL = Language("", "{year}-{month:02}-{day:02}", "{number} {code}", ".", "", "+{count}")

LANGUAGES = {
    "en": Language(_ENGLISH, "{name} {day}, {year}", _BEFORE, ".", ",", "+{count} more"),
    "en-gb": Language(_ENGLISH, "{day} {name} {year}", _BEFORE, ".", ",", "+{count} more"),
    "de": Language(
        "Januar Februar März April Mai Juni Juli August September Oktober November Dezember",
        "{day}. {name} {year}", _AFTER, ",", ".", "+{count} weitere",
    ),
    "es": Language(
        "enero febrero marzo abril mayo junio julio agosto septiembre octubre noviembre diciembre",
        "{day} de {name} de {year}", _AFTER, ",", ".", "+{count} más",
    ),
    "fr": Language(
        "janvier février mars avril mai juin juillet août septembre octobre novembre décembre",
        "{day} {name} {year}", _AFTER, ",", "\u202f", "+{count} autres",
    ),
    "it": Language(
        "gennaio febbraio marzo aprile maggio giugno luglio agosto settembre ottobre novembre dicembre",
        "{day} {name} {year}", _AFTER, ",", ".", "+{count} altri",
    ),
    "nl": Language(
        "januari februari maart april mei juni juli augustus september oktober november december",
        "{day} {name} {year}", "{symbol}\u00a0{number}", ",", ".", "+{count} meer",
    ),
    "pt": Language(
        "janeiro fevereiro março abril maio junho julho agosto setembro outubro novembro dezembro",
        "{day} de {name} de {year}", _AFTER, ",", ".", "+{count} mais",
    ),
}  # fmt: skip


def language(tag: str) -> Language:
    """The language of a tag such as `de`, `de-AT` or `en_GB`."""
    name = tag.lower().replace("_", "-")
    return LANGUAGES.get(name) or LANGUAGES.get(name.split("-")[0]) or _NEUTRAL


def money_text(amount: Decimal, currency: str, tag: str) -> str:
    """`amount`, in major units, with its currency: $1,299.00, 1.299,00 €, ¥500."""
    code = currency.strip().lower()
    style = language(tag) if code in CURRENCIES else _NEUTRAL
    symbol = _SYMBOLS.get(code, code.upper())
    number = _number(abs(amount), decimals(code), style)
    if style.money == _BEFORE and symbol.isalpha():
        symbol += "\u00a0"
    shown = style.money.format(symbol=symbol, number=number, code=code.upper())
    return f"-{shown}" if amount < 0 else shown


def _number(amount: Decimal, places: int, style: Language) -> str:
    """Digits in groups of three, with at least `places` decimals and none lost."""
    own = amount.normalize().as_tuple().exponent
    places = max(places, -own if isinstance(own, int) else 0)
    digits = f"{amount:,.{places}f}"
    return digits.replace(",", "\0").replace(".", style.decimal).replace("\0", style.group)


def date_text(moment: int, time_zone: str, tag: str) -> str | None:
    """The day of `moment` (Unix seconds) in `time_zone`, in words; None beyond the calendar."""
    try:
        day = datetime.fromtimestamp(moment, tz=zone(time_zone))
    except (ValueError, OverflowError, OSError):
        return None
    style = language(tag)
    name = style.months.split()[day.month - 1] if style.months else ""
    return style.date.format(name=name, day=day.day, month=day.month, year=day.year)


def more_text(count: int, tag: str) -> str:
    """What stands for the `count` items of a list that did not fit."""
    return language(tag).more.format(count=count)

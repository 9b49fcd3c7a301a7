"""Money, exactly: minor units (Stripe) and major units (Segment) in, Intercom's hundredths out.

Integers and Decimal only. Intercom's `amount` is a positive integer in hundredths; what cannot be said so (negative,
zero, an unknown currency, a fraction of a cent) is never guessed at but handed back as a plain number, in major
units. Exponents: https://docs.stripe.com/currencies#zero-decimal and, for ISK and UGX, #special-cases.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from decimal import ROUND_HALF_EVEN, Decimal
from typing import TypeAlias

from connector.mapping.context import Unit

_WITHOUT_DECIMALS = "bif clp djf gnf isk jpy kmf krw mga pyg rwf ugx vnd vuv xaf xof xpf"
_WITH_THREE = "bhd iqd jod kwd lyd omr tnd"
_WITH_TWO = """
aed afn all amd ang aoa ars aud awg azn bam bbd bdt bgn bmd bnd bob brl bsd btn bwp byn bzd cad cdf chf cny cop crc
cup cve czk dkk dop dzd egp ern etb eur fjd fkp gbp gel ghs gip gmd gtq gyd hkd hnl hrk htg huf idr ils inr irr jmd
kes kgs khr kpw kyd kzt lak lbp lkr lrd lsl ltl lvl mad mdl mkd mmk mnt mop mro mru mur mvr mwk mxn myr mzn nad ngn
nio nok npr nzd pab pen pgk php pkr pln qar ron rsd rub sar sbd scr sdg sek sgd shp sle sll sos srd ssp std stn svc
syp szl thb tjs tmt top try ttd twd tzs uah usd uyu uzs ves wst xcd xcg yer zar zmw zwg zwl
"""

ZERO_DECIMAL = frozenset(_WITHOUT_DECIMALS.split())
"""Currencies written without decimals."""

THREE_DECIMAL = frozenset(_WITH_THREE.split())

CURRENCIES = ZERO_DECIMAL | THREE_DECIMAL | frozenset(_WITH_TWO.split())

HUNDREDTHS = CURRENCIES - ZERO_DECIMAL - THREE_DECIMAL
"""Currencies whose smallest unit is a hundredth, as Intercom's is."""

_SENT_AS_HUNDREDTHS = frozenset({"isk", "ugx"})
"""Without decimals for a reader, yet Stripe sends them as if they had two."""

_CODE = re.compile(r"[a-z]{3}")
_PLAIN_DECIMAL = re.compile(r"\s*[-+]?[0-9]{1,16}(?:\.[0-9]{1,10})?\s*")
_LARGEST = 10**15
_HUNDREDTHS = 2
LARGEST_SAID = 2**53
"""Hundredths. Beyond it JSON readers begin to lose digits."""

Exact: TypeAlias = int | Decimal


@dataclass(frozen=True, slots=True)
class Said:
    """An amount as Intercom takes it: hundredths, more than zero. `rounded` where a thousandth was lost."""

    amount: int
    currency: str
    rounded: bool = False


@dataclass(frozen=True, slots=True)
class Unsaid:
    """An amount that Intercom's type has no way to say: a plain number in major units, and why."""

    amount: int | float
    currency: str | None
    why: str


def exact(value: object) -> Exact | None:
    """`value` as an exact number; None where it is none, or is beyond 10¹⁵.

    A JSON number with a fraction counts with the 15 digits that a double holds, so 0.1 + 0.2 is 0.3.
    """
    if isinstance(value, bool):
        return None
    if isinstance(value, int):
        return value if -_LARGEST < value < _LARGEST else None
    if isinstance(value, float):
        return Decimal(f"{value:.15g}") if math.isfinite(value) and abs(value) < _LARGEST else None
    if isinstance(value, str) and _PLAIN_DECIMAL.fullmatch(value):
        return number if abs(number := Decimal(value.strip())) < _LARGEST else None
    return None


def number_of(value: Exact) -> int | float:
    """An exact number as JSON has it: whole ones as integers."""
    if isinstance(value, Decimal):
        return int(value) if value == value.to_integral_value() else float(value)
    return value


def exponent(currency: str, unit: Unit) -> int:
    """How many decimals an amount in `unit` has to be moved by to be in major units."""
    if unit == "major":
        return 0
    if currency in THREE_DECIMAL:
        return 3
    return 0 if currency in ZERO_DECIMAL and currency not in _SENT_AS_HUNDREDTHS else 2


def decimals(currency: str) -> int:
    """How many decimals a reader expects."""
    return 0 if currency in ZERO_DECIMAL else 3 if currency in THREE_DECIMAL else 2


def major(amount: Exact, currency: str, unit: Unit) -> Decimal:
    """`amount` in major units."""
    return Decimal(amount).scaleb(-exponent(currency, unit))


def say(amount: Exact, currency: str | None, unit: Unit, *, zero_decimal_as_hundredths: bool) -> Said | Unsaid | None:
    """`amount` in Intercom's hundredths, or in a plain number; None where without a currency not even that is known."""
    code = (currency or "").strip().lower()
    if not code:
        return None if unit == "minor" else Unsaid(number_of(amount), None, "no currency")
    whole = major(amount, code, unit)
    if why := _unsayable(whole, code, zero_decimal_as_hundredths=zero_decimal_as_hundredths):
        return Unsaid(number_of(whole), code, why)
    hundredths = whole.scaleb(_HUNDREDTHS)
    cents = hundredths.to_integral_value(rounding=ROUND_HALF_EVEN)
    rounded = cents != hundredths
    if cents > LARGEST_SAID:
        return Unsaid(number_of(whole), code, "too large")
    if cents == 0 or (rounded and not _thousandths(hundredths, code)):
        return Unsaid(number_of(whole), code, "not a whole number of hundredths")
    return Said(int(cents), code, rounded)


def _unsayable(whole: Decimal, code: str, *, zero_decimal_as_hundredths: bool) -> str | None:
    if code not in CURRENCIES:
        return "unknown currency" if _CODE.fullmatch(code) else "not a currency"
    if whole <= 0:
        return "zero" if whole == 0 else "negative"
    if code in ZERO_DECIMAL and not zero_decimal_as_hundredths:
        return "zero-decimal currency"
    return None


def _thousandths(hundredths: Decimal, code: str) -> bool:
    """Whether all that a rounding loses is the third decimal of a currency that has three."""
    thousandths = hundredths.scaleb(1)
    return code in THREE_DECIMAL and thousandths == thousandths.to_integral_value()

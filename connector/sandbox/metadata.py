"""Intercom's rules for event metadata: which keys count, which values are refused, what type a value has.

Knows nothing of events, contacts or HTTP.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

LONGEST_TEXT = 255
STRIPE_KEYS = frozenset({"stripe_customer", "stripe_invoice", "stripe_charge"})
FORBIDDEN_IN_KEYS = frozenset(".$~`!@#%^&*'{}|\\\"\0")
IMAGE_SUFFIXES = (".png", ".jpg", ".jpeg", ".gif", ".webp", ".svg")


def split_keys(metadata: Mapping[str, Any], limit: int) -> tuple[dict[str, Any], tuple[str, ...]]:
    """The first `limit` keys in the order of sending, and the names of those Intercom ignores.

    Key names are case-insensitive: a second spelling of a key already seen is ignored too.
    """
    kept: dict[str, Any] = {}
    seen: set[str] = set()
    dropped: list[str] = []
    for key, value in metadata.items():
        if len(kept) == limit or key.lower() in seen:
            dropped.append(key)
            continue
        seen.add(key.lower())
        kept[key] = value
    return kept, tuple(dropped)


def problem(key: str, value: object) -> str | None:
    """Why Intercom would not take `value` under `key`, or None when it would."""
    if not FORBIDDEN_IN_KEYS.isdisjoint(key) or not key:
        return f"Invalid metadata: the key {key!r} has a character that is not allowed"
    match value:
        case str():
            return _text_problem(key, value)
        case bool() | int() | float():
            return None
        case dict() if value.keys() == {"amount", "currency"}:
            return _money_problem(key, value)
        case dict() if value.keys() == {"url", "value"}:
            return _rich_link_problem(key, value)
        case _:
            return f"Invalid metadata: {key} is neither text, a number, a rich link nor a monetary amount"


def type_name(key: str, value: object) -> str:
    """The name of the metadata type Intercom shows `value` as; "boolean" is no type of Intercom's but is accepted."""
    match value:
        case bool():
            return "boolean"
        case int() | float():
            return "date" if key.lower().endswith("_date") else "number"
        case dict():
            return "monetary amount" if "amount" in value else "rich link"
        case str() if key.lower() in STRIPE_KEYS:
            return "Stripe data"
        case str() if is_link(value):
            return "image" if urlsplit(value).path.lower().endswith(IMAGE_SUFFIXES) else "link"
        case _:
            return "text"


def is_link(value: object) -> bool:
    """Whether `value` is an http or https address."""
    return isinstance(value, str) and value.lower().startswith(("http://", "https://"))


def _text_problem(key: str, value: str) -> str | None:
    if len(value) <= LONGEST_TEXT:
        return None
    return f"Invalid metadata: {key} has {len(value)} characters, {LONGEST_TEXT} are allowed"


def _money_problem(key: str, value: Mapping[str, Any]) -> str | None:
    amount, currency = value["amount"], value["currency"]
    if isinstance(amount, bool) or not isinstance(amount, int) or amount <= 0:
        return f"Invalid metadata: the amount of {key} is not a positive integer"
    if not (isinstance(currency, str) and len(currency) == 3 and currency.isascii() and currency.isalpha()):
        return f"Invalid metadata: the currency of {key} is not a three-letter code"
    return None


def _rich_link_problem(key: str, value: Mapping[str, Any]) -> str | None:
    if not is_link(value["url"]):
        return f"Invalid metadata: the url of {key} is not an http or https address"
    if not isinstance(value["value"], str) or len(value["value"]) > LONGEST_TEXT:
        return f"Invalid metadata: the value of {key} is not text of at most {LONGEST_TEXT} characters"
    return None

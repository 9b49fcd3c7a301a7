"""Intercom's eight metadata types: how the value of each is found in a payload, and what a key says about its type.

https://developers.intercom.com/docs/references/rest-api/api.intercom.io/data-events/createdataevent#metadata-object;
what Intercom cannot show (booleans, null, lists, objects) is never sent.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from connector.mapping import money
from connector.mapping.context import Context, Json, Unit
from connector.mapping.conversions import amount, date, link, long_link, number, stripe_id, text
from connector.mapping.forms import Date, Image, Join, Link, Money, Number, Text, Value
from connector.mapping.keys import usable_key
from connector.mapping.lookup import Convert, Find, finder
from connector.mapping.text import cut
from connector.mapping.values import Constant, Lookup
from connector.mapping.wording import joining, translation

STRIPE_KEYS = ("stripe_customer", "stripe_invoice", "stripe_charge")
DATE_ENDING = "_date"
_MOST_TAKEN = 50
"""Keys that are taken over of an object at most: more than any event keeps, so that it can be said what is left out."""


class MetadataType(StrEnum):
    """Intercom's types."""

    TEXT = "text"
    NUMBER = "number"
    DATE = "date"
    LINK = "link"
    RICH_LINK = "rich link"
    IMAGE = "image"
    STRIPE = "Stripe data"
    MONEY = "money"


@dataclass(frozen=True, slots=True, eq=False)
class Field:
    """One key of an event's metadata; `find` may put stand-ins under other keys into the context's metadata."""

    key: str
    type: MetadataType
    find: Find


def key_type(key: str) -> MetadataType | None:
    """The type that Intercom reads out of a key, whatever stands under it."""
    if key.lower() in STRIPE_KEYS:
        return MetadataType.STRIPE
    return MetadataType.DATE if key.lower().endswith(DATE_ENDING) else None


def field(key: str, value: Value, unit: Unit) -> Field:
    """The way to find `value` for `key`; `unit` is what the source counts money in."""
    match value:
        case Money():
            return Field(key, MetadataType.MONEY, _money_finder(key, value, value.unit or unit))
        case Link(title=None):
            return Field(key, MetadataType.LINK, finder(value.link, key, link, in_link=True))
        case Link():
            return Field(key, MetadataType.RICH_LINK, _rich_link_finder(key, value))
        case Image():
            return Field(key, MetadataType.IMAGE, finder(value.image, key, link, in_link=True))
        case Number():
            return Field(key, MetadataType.NUMBER, finder(value.number, key, number))
        case Date():
            return Field(key, MetadataType.DATE, finder(value.date, key, date))
        case Text():
            return Field(key, MetadataType.TEXT, finder(value.text, key, translation(value)))
        case Join():
            return Field(key, MetadataType.TEXT, finder(value.join, key, joining(value)))
        case Constant(constant=int() | float()) if key_type(key) is None:
            return Field(key, MetadataType.NUMBER, finder(value, key, number))
        case source:
            kind = key_type(key) or MetadataType.TEXT
            return Field(key, kind, finder(source, key, _CONVERSIONS[kind]))


def each_finder(source: Lookup, only: tuple[str, ...] | None) -> Find:
    """Takes an object's fields over: texts, numbers, and dates by their key; in the order of `only`, if given."""

    def take_over(found: Json, context: Context, about: str) -> None:
        if not isinstance(found, Mapping):
            context.note(about, "no object")
            return
        taken = {key.casefold() for key in context.metadata}
        for name in found if only is None else only:
            if len(context.metadata) >= _MOST_TAKEN:
                break
            _take_over(str(name), found.get(name), taken, context)

    return finder(source, "each", take_over)


def _take_over(name: str, value: Json, taken: set[str], context: Context) -> None:
    """One field of an object. Two names that differ by case, or by letters that no key may have, are one key."""
    key = usable_key(name)
    if value is None or value == "" or not key:
        return
    if key.casefold() in taken:
        context.note(key, "left out: the event has this key already")
        return
    kind = key_type(key) or (MetadataType.TEXT if isinstance(value, str) else MetadataType.NUMBER)
    if (found := _CONVERSIONS[kind](value, context, key)) is not None:
        context.metadata[key] = found
        taken.add(key.casefold())


def _rich_link_finder(key: str, value: Link) -> Find:
    """Without a title the address stands for it: a key's type must not change from one event to the next."""
    find_link = finder(value.link, key, long_link, in_link=True)
    find_title = finder(value.title or (), key, text)

    def find(root: Json, context: Context) -> dict[str, str] | None:
        address = find_link(root, context)
        if address is None:
            return None
        return {"url": address, "value": find_title(root, context) or cut(address)}

    return find


def _money_finder(key: str, value: Money, unit: Unit) -> Find:
    find_amount = finder(value.money, key, amount)
    find_currency = finder(value.currency, key, text)
    in_cents = unit == "minor"

    def find(root: Json, context: Context) -> dict[str, str | int] | None:
        found = find_amount(root, context)
        if found is None:
            return None
        currency = find_currency(root, context)
        if in_cents and type(found) is int and found > 0 and currency in money.HUNDREDTHS:
            return {"amount": found, "currency": currency}
        as_hundredths = context.options.zero_decimal_money == "hundredths"
        said = money.say(found, currency, unit, zero_decimal_as_hundredths=as_hundredths)
        return _worded(key, said, context)

    return find


def _worded(key: str, said: money.Said | money.Unsaid | None, context: Context) -> dict[str, str | int] | None:
    """Intercom's money; or its stand-ins, put where it would have been."""
    match said:
        case money.Said(hundredths, currency, rounded):
            if rounded:
                context.note(key, "rounded to hundredths")
            return {"amount": hundredths, "currency": currency}
        case money.Unsaid(units, currency, reason):
            context.note(key, f"{reason}: sent as {key}_amount and {key}_currency")
            context.metadata[f"{key}_amount"] = units
            if currency is not None:
                context.metadata[f"{key}_currency"] = cut(currency)
        case None:
            context.note(key, "left out: an amount without a currency")
    return None


_CONVERSIONS: dict[MetadataType, Convert] = {
    MetadataType.TEXT: text,
    MetadataType.NUMBER: number,
    MetadataType.DATE: date,
    MetadataType.STRIPE: stripe_id,
}

"""Intercom's eight metadata types: how each is found in a payload, fitted, and written under its key.

https://developers.intercom.com/docs/references/rest-api/api.intercom.io/data-events/createdataevent#metadata-object;
what Intercom cannot show (booleans, null, lists, objects) is never sent.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, TypeAlias

from connector.events import MetadataValue
from connector.mapping import money
from connector.mapping.context import Context, Json, Unit
from connector.mapping.conversions import amount, date, leave_out, link, long_link, number, stripe_id, text
from connector.mapping.keys import usable_key
from connector.mapping.language import more_text
from connector.mapping.sources import Convert, as_it_is, finder
from connector.mapping.text import MAX_TEXT, cut, text_of
from connector.mapping.values import (
    Constant,
    Date,
    Image,
    Item,
    Join,
    Link,
    Money,
    Number,
    Source,
    Text,
    Value,
)

Out: TypeAlias = dict[str, MetadataValue]
Write: TypeAlias = Callable[[Any, Context, Out], None]
"""Finds a value from the root of evaluation and puts it into the metadata, or leaves it out. Never raises."""

STRIPE_KEYS = ("stripe_customer", "stripe_invoice", "stripe_charge")
DATE_ENDING = "_date"


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
    """One key of an event's metadata."""

    key: str
    type: MetadataType
    write: Write


def key_type(key: str) -> MetadataType | None:
    """The type that Intercom reads out of a key, whatever stands under it."""
    if key.lower() in STRIPE_KEYS:
        return MetadataType.STRIPE
    return MetadataType.DATE if key.lower().endswith(DATE_ENDING) else None


def field(key: str, value: Value, unit: Unit) -> Field:
    """The way to write `value` under `key`; `unit` is what the source counts money in."""
    match value:
        case Money():
            return Field(key, MetadataType.MONEY, _write_money(key, value, value.unit or unit))
        case Link(title=None):
            return Field(key, MetadataType.LINK, _write(key, value.link, link, in_link=True))
        case Link():
            return Field(key, MetadataType.RICH_LINK, _write_rich_link(key, value))
        case Image():
            return Field(key, MetadataType.IMAGE, _write(key, value.image, link, in_link=True))
        case Number():
            return Field(key, MetadataType.NUMBER, _write(key, value.number, number))
        case Date():
            return Field(key, MetadataType.DATE, _write(key, value.date, date))
        case Text():
            return Field(key, MetadataType.TEXT, _write(key, value.text, _translation(value)))
        case Join():
            return Field(key, MetadataType.TEXT, _write(key, value.join, _joining(value)))
        case Constant(constant=int() | float()) if key_type(key) is None:
            return Field(key, MetadataType.NUMBER, _write(key, value, number))
        case source:
            kind = key_type(key) or MetadataType.TEXT
            return Field(key, kind, _write(key, source, _CONVERSIONS[kind]))


def each_writer(source: Source, only: tuple[str, ...] | None) -> Write:
    """Takes an object's fields over: texts, numbers, and dates by their key; in the order of `only`, if given."""
    find = finder(source, "each", as_it_is)

    def write(root: Json, context: Context, out: Out) -> None:
        found = find(root, context)
        if not isinstance(found, Mapping):
            return
        for name in found if only is None else only:
            if len(out) >= context.options.metadata_keys:
                context.note("each", f"only the first {context.options.metadata_keys} keys are sent")
                return
            _take_over(str(name), found.get(name), context, out)

    return write


def _take_over(name: str, value: Json, context: Context, out: Out) -> None:
    key = usable_key(name)
    if value is None or value == "" or not key or key in out:
        return
    convert = _CONVERSIONS[key_type(key) or (MetadataType.TEXT if isinstance(value, str) else MetadataType.NUMBER)]
    if (taken := convert(value, context, key)) is not None:
        out[key] = taken


def _write(key: str, source: Source | Item, convert: Convert, *, in_link: bool = False) -> Write:
    find = finder(source, key, convert, in_link=in_link)

    def write(root: Json, context: Context, out: Out) -> None:
        if (found := find(root, context)) is not None:
            out[key] = found

    return write


def _write_rich_link(key: str, value: Link) -> Write:
    """Without a title the address stands for it: a key's type must not change from one event to the next."""
    find_link = finder(value.link, key, long_link, in_link=True)
    find_title = finder(value.title or (), key, text)

    def write(root: Json, context: Context, out: Out) -> None:
        if (address := find_link(root, context)) is not None:
            out[key] = {"url": address, "value": find_title(root, context) or cut(address)}

    return write


def _write_money(key: str, value: Money, unit: Unit) -> Write:
    find_amount = finder(value.money, key, amount)
    find_currency = finder(value.currency, key, text)
    in_cents = unit == "minor"

    def write(root: Json, context: Context, out: Out) -> None:
        amount = find_amount(root, context)
        if amount is None:
            return
        currency = find_currency(root, context)
        if in_cents and type(amount) is int and amount > 0 and currency in money.HUNDREDTHS:
            out[key] = {"amount": amount, "currency": currency}
            return
        as_hundredths = context.options.zero_decimal_money == "hundredths"
        said = money.say(amount, currency, unit, zero_decimal_as_hundredths=as_hundredths)
        _put_money(key, said, context, out)

    return write


def _put_money(key: str, said: money.Said | money.Unsaid | None, context: Context, out: Out) -> None:
    match said:
        case None:
            context.note(key, "left out: an amount without a currency")
        case money.Said(amount, currency, rounded):
            out[key] = {"amount": amount, "currency": currency}
            if rounded:
                context.note(key, "rounded to hundredths")
        case money.Unsaid(amount, currency, reason):
            context.note(key, f"{reason}: sent as {key}_amount and {key}_currency")
            out[f"{key}_amount"] = amount
            if currency is not None:
                out[f"{key}_currency"] = currency


def _translation(value: Text) -> Convert:
    words, otherwise = value.translate, value.otherwise
    if words is None:
        return text

    def convert(found: Json, context: Context, key: str) -> str | None:
        said = str(found).lower() if isinstance(found, bool) else text_of(found)
        if said is not None and said in words:
            return words[said]
        if isinstance(otherwise, Constant):
            return text(otherwise.constant, context, key)
        if otherwise == "drop":
            leave_out(context, key, "`translate` has no word for it")
            return None
        return text(said if isinstance(found, bool) else found, context, key)

    return convert


def _joining(value: Join) -> Convert:
    def convert(found: Json, context: Context, key: str) -> str | None:
        said = [text_of(item) for item in found] if isinstance(found, list) else [text_of(found)]
        named = [item for item in said if item]
        return text(_joined(named, value, context), context, key) if named else None

    return convert


def _joined(named: list[str], value: Join, context: Context) -> str:
    """As many items as there may be and as fit, and how many more there are: `A, B, C +2 more`."""
    count = min(len(named), value.max or len(named), MAX_TEXT)
    while True:
        rest = len(named) - count
        joined = value.glue.join(named[:count]) + (f" {more_text(rest, context.options.language)}" if rest else "")
        if len(joined) <= MAX_TEXT or count == 1:
            return joined
        count -= 1


_CONVERSIONS: dict[MetadataType, Convert] = {
    MetadataType.TEXT: text,
    MetadataType.NUMBER: number,
    MetadataType.DATE: date,
    MetadataType.STRIPE: stripe_id,
}

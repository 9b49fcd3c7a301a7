"""The functions that mappings have beside JMESPath's own. Each gives null where it cannot give an answer."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from connector.mapping import language, money
from connector.mapping.context import Context
from connector.mapping.dates import seconds_of


@dataclass(frozen=True, slots=True)
class Function:
    """`call` takes the context and as many values as there are `parameters`; any of them may be null."""

    name: str
    parameters: tuple[str, ...]
    about: str
    call: Callable[..., Any]

    @property
    def signature(self) -> str:
        return f"{self.name}({', '.join(self.parameters)})"


def id_of(value: object) -> str | None:
    """The id of an id or of an expanded object."""
    if isinstance(value, str):
        return value
    if isinstance(value, Mapping) and isinstance(found := value.get("id"), str):
        return found
    return None


def _id(_context: Context, value: object) -> str | None:
    return id_of(value)


def _minus(_context: Context, left: object, right: object) -> int | float | None:
    whole, part = money.exact(left), money.exact(right)
    if whole is None or part is None:
        return None
    return money.number_of(whole - part)


def previous_attributes(payload: Mapping[str, Any]) -> object:
    """Stripe's `data.previous_attributes`: what an update changed, as it was before."""
    data = payload.get("data")
    return data.get("previous_attributes") if isinstance(data, Mapping) else None


def _changed(context: Context, path: object) -> bool | None:
    if not isinstance(path, str):
        return None
    value = previous_attributes(context.payload)
    for name in path.split("."):
        if not isinstance(value, Mapping) or name not in value:
            return False
        value = value[name]
    return True


def _money_text(context: Context, amount: object, currency: object) -> str | None:
    number = money.exact(amount)
    if number is None or not isinstance(currency, str) or not currency.strip():
        return None
    whole = money.major(number, currency.strip().lower(), context.unit)
    return language.money_text(whole, currency, context.options.language)


def _date_text(context: Context, value: object) -> str | None:
    moment = seconds_of(value)
    if moment is None:
        return None
    return language.date_text(moment, context.options.time_zone, context.options.language)


def _stripe_name(context: Context, value: object) -> str | None:
    found = context.names(identity) if (identity := id_of(value)) else None
    if found is None and isinstance(value, Mapping):
        own = value.get("name") or value.get("nickname")
        return own if isinstance(own, str) else None
    return found


FUNCTIONS = {
    function.name: function
    for function in (
        Function("id", ("value",), "The id of a Stripe id or of an expanded object.", _id),
        Function("minus", ("a", "b"), "a − b, exactly; numbers or numeric text.", _minus),
        Function("changed", ("path",), "Whether the Stripe update changed this dotted path of its object.", _changed),
        Function(
            "money_text",
            ("amount", "currency"),
            "The amount for a reader, in the workspace's language: `$19.99`, `19,99 €`, `¥500`.",
            _money_text,
        ),
        Function(
            "date_text",
            ("moment",),
            "The day for a reader, in the workspace's language and time zone: `July 30, 2026`.",
            _date_text,
        ),
        Function(
            "stripe_name",
            ("value",),
            "The name of a Stripe product, price or coupon (an id or an expanded object), as far as it is known.",
            _stripe_name,
        ),
    )
}

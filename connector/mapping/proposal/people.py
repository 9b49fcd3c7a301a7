"""Who an event happened to: the identifiers that a payload has, as a mapping's `contact` says them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from connector.mapping.context import Json
from connector.mapping.functions import id_of

Contact = dict[str, list[str]]
"""Kinds of identifiers, most trusted first, and the expressions that find each."""

_USER_IDS = ("user_id", "userId", "userid", "uid", "external_id", "externalId")
_EMAILS = ("customer_email", "customer_details.email", "receipt_email", "email", "customer.email")
_GUESTS = "billing_details.email"
_THINGS = {
    "stripe_customer": ("customer", "customer_account"),
    "stripe_charge": ("charge", "latest_charge"),
    "stripe_invoice": ("invoice",),
    "stripe_subscription": ("subscription",),
    "stripe_payment_intent": ("payment_intent",),
}
_SEGMENT_USUAL: Contact = {"user_id": ["userId"], "email": ["properties.email", "context.traits.email"]}


def contact_of(source: str, payload: Mapping[str, Any]) -> Contact:
    """How to name the person in events such as `payload`."""
    return _stripe(_object(payload)) if source == "stripe" else _segment(payload)


def _object(payload: Mapping[str, Any]) -> Mapping[str, Any]:
    data = payload.get("data")
    found = data.get("object") if isinstance(data, Mapping) else None
    return found if isinstance(found, Mapping) else {}


def _stripe(thing: Mapping[str, Any]) -> Contact:
    contact: Contact = {}
    ids = [f"metadata.{name}" for name in _USER_IDS]
    if user_ids := [path for path in [*ids, *(f"customer.{each}" for each in ids)] if _present(thing, path)]:
        contact["user_id"] = _within(user_ids)
    if emails := [path for path in _EMAILS if "@" in str(_value(thing, path) or "")]:
        contact["email"] = _within(emails)
    if thing.get("object") == "customer":
        contact["stripe_customer"] = ["data.object.id"]
    for kind, names in _THINGS.items():
        if kind not in contact and (found := [name for name in names if id_of(thing.get(name))]):
            contact[kind] = _within(found)
    if not contact and "@" in str(_value(thing, _GUESTS) or ""):  # anybody's who pays, so only where nobody is named
        contact["email"] = _within([_GUESTS])
    return contact or {"email": ["data.object.customer_email"], "stripe_customer": ["data.object.customer"]}


def _segment(payload: Mapping[str, Any]) -> Contact:
    contact = {kind: list(paths) for kind, paths in _SEGMENT_USUAL.items()}
    if payload.get("type") in ("identify", "group"):
        contact["email"] = ["traits.email", "context.traits.email"]
    contact["anonymous_id"] = ["anonymousId"]
    return contact


def _within(paths: list[str]) -> list[str]:
    return [f"data.object.{path}" for path in paths]


def _present(thing: Mapping[str, Any], path: str) -> bool:
    value = _value(thing, path)
    return isinstance(value, str | int) and not isinstance(value, bool) and value != ""


def _value(thing: Mapping[str, Any], path: str) -> Json:
    value: Json = thing
    for name in path.split("."):
        value = value.get(name) if isinstance(value, Mapping) else None
    return value

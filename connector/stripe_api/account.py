"""What a key is good for: its kind and mode, whose account it opens, and which permissions it lacks, by name.

The kind and the mode stand in the key itself; the rest is asked for. Whether a restricted key may write can only be
seen by trying: an endpoint without an address is refused for that (400), or for the missing permission (403).
"""

from __future__ import annotations

import asyncio
import re
from dataclasses import dataclass
from typing import TypeAlias

from connector.stripe_api.answers import KEY_REFUSED, PERMISSION_MISSING, Found, Missing, Refused, TryLater, mapping
from connector.stripe_api.client import StripeApi, is_live

_SHAPE = re.compile(r"(rk|sk|pk)_(live|test)_\w{3,250}", re.ASCII)
KINDS = {"rk": "restricted", "sk": "secret", "pk": "publishable"}


@dataclass(frozen=True, slots=True)
class Permission:
    """One line of Stripe's form for a restricted key, what it is for, and its name in Stripe's refusals."""

    resource: str
    access: str
    why: str
    name: str
    path: str


PERMISSIONS = (
    Permission("Webhook Endpoints", "write", "To make the one webhook endpoint that sends events here, and keep it.",
               "rak_webhook_write", "webhook_endpoints"),
    Permission("Events", "read", "To find the events that did not arrive.", "rak_event_read", "events"),
    Permission("Customers", "read", "To find whom a payment is about.", "rak_customer_read", "customers"),
    Permission("Charges", "read", "To find the customer of a refund or a dispute.", "rak_charge_read", "charges"),
    Permission("PaymentIntents", "read", "The same, where only the payment is named.",
               "rak_payment_intent_read", "payment_intents"),
    Permission("Invoices", "read", "The same, and for history of more than 30 days.",
               "rak_invoice_read", "invoices"),
    Permission("Subscriptions", "read", "For history of more than 30 days.",
               "rak_subscription_read", "subscriptions"),
    Permission("Products", "read", "To call a product by its name.", "rak_product_read", "products"),
    Permission("Prices", "read", "To call a price by its name.", "rak_plan_read", "prices"),
    Permission("Coupons", "read", "To call a coupon by its name.", "rak_coupon_read", "coupons"),
)  # fmt: skip
"""All that the connector makes use of; without the first one the endpoint has to be made by hand."""


@dataclass(frozen=True, slots=True)
class Account:
    """What a good key opens. `missing` are the permissions that it was not given."""

    id: str | None
    name: str | None
    kind: str
    live: bool
    missing: tuple[Permission, ...] = ()


@dataclass(frozen=True, slots=True)
class NoKey:
    """Not a key that we take: `reason` is not_a_key, publishable, or key_refused; `words` say what to do."""

    reason: str
    words: str


CheckedKey: TypeAlias = Account | NoKey | TryLater


async def check_key(api: StripeApi, key: str, *, patience_s: float = 10.0) -> CheckedKey:
    """Look at a key that somebody has just given; a dozen calls, none of which changes anything."""
    shape = _SHAPE.fullmatch(key)
    if shape is None:
        return NoKey("not_a_key", "this is no Stripe key: a restricted key begins with rk_live_ or rk_test_")
    if shape[1] == "pk":
        return NoKey("publishable", "a publishable key may read nothing: make a restricted key (rk_…) instead")
    answer = await api.get(key, "account", patience_s=patience_s)
    match answer:
        case TryLater():
            return answer
        case Refused(reason) if reason == KEY_REFUSED:
            return NoKey(KEY_REFUSED, answer.words)
    probes = await asyncio.gather(*(_probe(api, key, each, patience_s) for each in PERMISSIONS))
    for probe in probes:
        if isinstance(probe, TryLater):
            return probe
        if isinstance(probe, Refused) and probe.reason == KEY_REFUSED:
            return NoKey(KEY_REFUSED, probe.words)
    lacking = [probe for probe in probes if isinstance(probe, Refused)]
    missing = tuple(each for each, probe in zip(PERMISSIONS, probes, strict=True) if probe is not None)
    return Account(*_whose(answer, lacking), KINDS[shape[1]], is_live(key), missing)


async def _probe(api: StripeApi, key: str, permission: Permission, patience_s: float) -> Refused | TryLater | None:
    """None where the key has `permission`."""
    if permission.access == "write":
        answer = await api.post(key, permission.path, {}, patience_s=patience_s)
    else:
        answer = await api.get(key, permission.path, {"limit": 1}, patience_s=patience_s)
    match answer:
        case TryLater():
            return answer
        case Refused(reason) if reason in (PERMISSION_MISSING, KEY_REFUSED):
            return answer
    return None


def _whose(answer: Found | Missing | Refused, refusals: list[Refused]) -> tuple[str | None, str | None]:  # type: ignore[type-arg]
    """The account's id and name; a key that may not read the account is told its id in the refusals."""
    if isinstance(answer, Found):
        values = answer.value.values
        shown = mapping(mapping(values.get("settings")).get("dashboard")).get("display_name")
        name = shown or mapping(values.get("business_profile")).get("name")
        return str(values.get("id")), str(name) if name else None
    known = (each.account for each in (answer, *refusals) if isinstance(each, Refused) and each.account)
    return next(known, None), None

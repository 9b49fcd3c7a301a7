"""Stripe's objects turned into the events that once told of them, for a time that no list of events reaches.

Only what the object itself proves becomes an event: that an invoice was paid and when, not how often its payment
failed before. Whether that is safe is for the mapping to say: an entry with `once` makes one Intercom event of it and
of the real event, should that have come too. Pure; times are Unix seconds.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from connector.stripe_api.client import VERSION
from connector.stripe_api.objects import Thing

TRIAL_BEGINS_WITHIN_S = 60


@dataclass(frozen=True, slots=True)
class Kind:
    """Objects to list: how far before its first event one may have been made, and what to ask for with it."""

    name: str
    made_before_s: int
    params: Mapping[str, Any]
    types: tuple[str, ...]


DAY = 24 * 3600
KINDS = (
    Kind("customer", 0, {}, ("customer.created",)),
    Kind("charge", 0, {"expand": ["data.customer"]}, ("charge.succeeded",)),
    Kind("invoice", 180 * DAY, {}, ("invoice.paid",)),
    Kind(
        "subscription",
        10 * 365 * DAY,
        {"status": "all", "expand": ["data.customer"]},
        ("customer.subscription.created", "customer.subscription.deleted"),
    ),
    Kind("refund", 0, {"expand": ["data.charge"]}, ("charge.refunded",)),
)
"""Customers first, because they say who the others are."""
TYPES = tuple(dict.fromkeys(each for kind in KINDS for each in kind.types))


@dataclass(frozen=True, slots=True)
class Made:
    """One event: its type, when it happened, and its bytes as Stripe would have sent them."""

    type: str
    created: int
    body: bytes


def events_of(thing: Thing, *, live: bool, refunds: Sequence[Mapping[str, Any]] = ()) -> Iterator[Made]:
    """What happened to it. `refunds` are all refunds of a refund's charge."""
    values = thing.values
    match thing.kind:
        case "customer":
            yield _made("customer.created", thing.created, values, live=live)
        case "charge" if values.get("status") == "succeeded" and values.get("captured"):
            yield _made("charge.succeeded", thing.created, _as_paid(values), live=live)
        case "invoice" if values.get("status") == "paid" and (paid_at := _paid_at(values)) is not None:
            yield _made("invoice.paid", paid_at, values, live=live)
        case "subscription":
            yield from _subscription(thing, live=live)
        case "refund":
            yield from _refund(thing, refunds, live=live)


def _paid_at(invoice: Mapping[str, Any]) -> int | None:
    moved = invoice.get("status_transitions")
    paid_at = moved.get("paid_at") if isinstance(moved, Mapping) else None
    return paid_at if isinstance(paid_at, int) else None


def _as_paid(charge: Mapping[str, Any]) -> dict[str, Any]:
    """As it was then: nothing was given back yet."""
    return {**charge, "amount_refunded": 0, "refunded": False}


def _subscription(thing: Thing, *, live: bool) -> Iterator[Made]:
    """It began as a trial or active; one that was never paid for at all never began."""
    values = thing.values
    if values.get("status") in ("incomplete", "incomplete_expired"):
        return
    started = values.get("trial_start")
    in_trial = isinstance(started, int) and started - thing.created <= TRIAL_BEGINS_WITHIN_S
    then = {"status": "trialing" if in_trial else "active", "canceled_at": None, "ended_at": None}
    yield _made("customer.subscription.created", thing.created, {**values, **then}, live=live)
    if values.get("status") == "canceled" and isinstance(ended := values.get("ended_at"), int):
        yield _made("customer.subscription.deleted", ended, values, live=live)


def _refund(thing: Thing, refunds: Sequence[Mapping[str, Any]], *, live: bool) -> Iterator[Made]:
    """`charge.refunded` says how much had been given back by then, and how much before."""
    charge = thing.values.get("charge")
    if thing.values.get("status") in ("failed", "canceled") or not isinstance(charge, Mapping):
        return
    good = [each for each in refunds or (thing.values,) if each.get("status") not in ("failed", "canceled")]
    before = sum(int(each.get("amount") or 0) for each in good if _comes_before(each, thing.values))
    total = before + int(thing.values.get("amount") or 0)
    then = {**charge, "amount_refunded": total, "refunded": total >= int(charge.get("amount") or 0)}
    changed = {"amount_refunded": before}
    yield _made("charge.refunded", thing.created, then, live=live, changed=changed, key=thing.id)


def _comes_before(one: Mapping[str, Any], other: Mapping[str, Any]) -> bool:
    return (int(one.get("created") or 0), str(one.get("id"))) < (int(other.get("created") or 0), str(other.get("id")))


def _made(
    kind: str,
    created: int,
    thing: Mapping[str, Any],
    *,
    live: bool,
    changed: Mapping[str, Any] | None = None,
    key: str | None = None,
) -> Made:
    event = {
        "id": f"history_{kind}_{key or thing.get('id')}",
        "object": "event",
        "api_version": VERSION,
        "created": created,
        "data": {"object": thing} | ({"previous_attributes": changed} if changed else {}),
        "livemode": live,
        "pending_webhooks": 0,
        "request": None,
        "type": kind,
    }
    return Made(kind, created, json.dumps(event).encode())

"""What one event says about who is who. Pure: a payload comes in, directed statements go out.

A statement leads from something an event may carry (a charge, a Stripe customer, an anonymous id) to the person, or
one step nearer. It is firm where the thing itself says so (a customer its e-mail address) and passing where another
one mentions it (an invoice the address it was sent to). Only trusted events are asked.

Where the ids stand in each API version: https://docs.stripe.com/api and, for older ones, Stripe's changelog.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import msgspec

from connector.events import DISPLAY_LENGTH, Identifier, IdentifierKind, SourceEvent, Trust

STRIPE_OBJECTS = {
    "charge": IdentifierKind.STRIPE_CHARGE,
    "customer": IdentifierKind.STRIPE_CUSTOMER,
    "invoice": IdentifierKind.STRIPE_INVOICE,
    "payment_intent": IdentifierKind.STRIPE_PAYMENT_INTENT,
    "subscription": IdentifierKind.STRIPE_SUBSCRIPTION,
}
"""The objects that later events refer to, by their own name, which is also the field that refers to them."""

PAYMENTS = 10
"""Of one invoice that are looked at."""

_REFERENCES = {**STRIPE_OBJECTS, "latest_charge": IdentifierKind.STRIPE_CHARGE}
_TO_OTHERS = tuple((name, kind) for name, kind in _REFERENCES.items() if name != "customer")


class Evidence(msgspec.Struct, frozen=True):
    """`source` leads to `target`; `firm` statements replace older ones of their kind, passing ones never do."""

    source: Identifier
    target: Identifier
    firm: bool


def evidence(event: SourceEvent, payload: Mapping[str, Any]) -> tuple[Evidence, ...]:
    """All that `event` says, without repeats. Never raises, whatever the payload."""
    if event.trust is not Trust.SIGNED:
        return ()
    said = _stripe(payload) if event.source == "stripe" else _segment(payload)
    return tuple(dict.fromkeys(said))


def _stripe(payload: Mapping[str, Any]) -> Iterator[Evidence]:
    thing = _mapping(_mapping(payload.get("data")).get("object"))
    if thing.get("object") == "customer":
        yield from _customer(thing)
        return
    customer = _mapping(thing.get("customer"))
    if customer.get("object") == "customer":
        yield from _customer(customer)
    yield from _stripe_links(thing)


def _customer(customer: Mapping[str, Any]) -> Iterator[Evidence]:
    if source := _identifier(IdentifierKind.STRIPE_CUSTOMER, customer.get("id")):
        for kind, value in (
            (IdentifierKind.USER_ID, _user_id(customer)),
            (IdentifierKind.EMAIL, customer.get("email")),
        ):
            if target := _identifier(kind, value):
                yield Evidence(source, target, firm=True)


def _stripe_links(thing: Mapping[str, Any]) -> Iterator[Evidence]:
    """From the object and what it refers to, to its customer; where it has none, to the buyer's address."""
    mentioned = tuple(_mentioned(thing))
    email = _identifier(IdentifierKind.EMAIL, _email(thing))
    user = _identifier(IdentifierKind.USER_ID, _user_id(thing))
    if customer := _identifier(IdentifierKind.STRIPE_CUSTOMER, _id_of(thing.get("customer"))):
        for source in mentioned:
            yield Evidence(source, customer, firm=True)
        if user:
            yield Evidence(customer, user, firm=False)
        if email and thing.get("object") != "charge":  # a card's billing address may be anybody's
            yield Evidence(customer, email, firm=False)
        return
    for source in mentioned:
        for person in (user, email):
            if person:
                yield Evidence(source, person, firm=False)
    yield from _between(mentioned)


def _between(mentioned: tuple[Identifier, ...]) -> Iterator[Evidence]:
    """An object without a customer that names two others: what is known of one holds for the other.

    A refund names its charge and its payment intent, an `invoice_payment` its invoice and its payment intent.
    """
    for source in mentioned:
        for target in mentioned:
            if source.kind is not target.kind:
                yield Evidence(source, target, firm=True)


def _mentioned(thing: Mapping[str, Any]) -> Iterator[Identifier]:
    own = STRIPE_OBJECTS.get(str(thing.get("object")))
    if own and (identifier := _identifier(own, thing.get("id"))):
        yield identifier
    places = (
        thing,
        _mapping(thing.get("payment")),
        _mapping(_mapping(thing.get("parent")).get("subscription_details")),
        *_payments(thing),
    )
    for place in filter(None, places):
        for name, kind in _TO_OTHERS:
            value = place.get(name)
            if value is not None and (identifier := _identifier(kind, _id_of(value))):
                yield identifier


def _payments(invoice: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    """The payments that an invoice lists where that is expanded: since 2025-03-31 it names none itself."""
    listed = _mapping(invoice.get("payments")).get("data")
    for each in listed[:PAYMENTS] if isinstance(listed, list) else ():
        yield _mapping(_mapping(each).get("payment"))


def _user_id(thing: Mapping[str, Any]) -> object:
    """What a workspace's own code writes into an object's metadata."""
    own = _mapping(thing.get("metadata"))
    return own.get("user_id") or own.get("userId")


def _email(thing: Mapping[str, Any]) -> object:
    return (
        thing.get("customer_email")
        or _mapping(thing.get("customer_details")).get("email")
        or thing.get("receipt_email")
        or _mapping(thing.get("billing_details")).get("email")
    )


def _segment(message: Mapping[str, Any]) -> Iterator[Evidence]:
    """An anonymous id its user, a user their address; in a group's message the traits are the group's."""
    user = _identifier(IdentifierKind.USER_ID, message.get("userId"))
    if message.get("type") == "alias":
        yield from _alias(_identifier(IdentifierKind.ANONYMOUS_ID, message.get("previousId")), user)
        return
    anonymous = _identifier(IdentifierKind.ANONYMOUS_ID, message.get("anonymousId"))
    identify = message.get("type") == "identify"
    traits = message.get("traits") if identify else _mapping(message.get("context")).get("traits")
    email = _identifier(IdentifierKind.EMAIL, _mapping(traits).get("email"))
    if anonymous and user:
        yield Evidence(anonymous, user, firm=True)
    elif anonymous and email and identify:
        yield Evidence(anonymous, email, firm=True)
    if user and email:
        yield Evidence(user, email, firm=identify)


def _alias(previous: Identifier | None, user: Identifier | None) -> Iterator[Evidence]:
    """What was known by one id goes on by another: an anonymous one, or a user's former one."""
    if previous and user:
        yield Evidence(previous, user, firm=True)
        if previous.value != user.value:
            yield Evidence(Identifier(IdentifierKind.USER_ID, previous.value), user, firm=True)


def identified(event: SourceEvent, payload: Mapping[str, Any]) -> tuple[Identifier, ...]:
    """Who a trusted `identify` says is there: whoever forwards it to us forwards it to Intercom at about that time."""
    if event.source != "segment" or event.trust is not Trust.SIGNED or payload.get("type") != "identify":
        return ()
    traits = _mapping(payload.get("traits"))
    found = (
        _identifier(IdentifierKind.USER_ID, payload.get("userId")),
        _identifier(IdentifierKind.EMAIL, traits.get("email")),
    )
    return tuple(each for each in found if each)


def to_forget(event: SourceEvent, payload: Mapping[str, Any]) -> Identifier | None:
    """Whom a trusted `delete` wants forgotten; Segment names them by their user id only.

    https://segment.com/docs/privacy/user-deletion-and-suppression/
    """
    if event.source != "segment" or event.trust is not Trust.SIGNED or payload.get("type") != "delete":
        return None
    return _identifier(IdentifierKind.USER_ID, payload.get("userId"))


def _identifier(kind: IdentifierKind, value: object) -> Identifier | None:
    if isinstance(value, int) and not isinstance(value, bool):
        value = str(value)
    if not isinstance(value, str) or not 0 < len(value) <= DISPLAY_LENGTH or "\x00" in value:
        return None
    return Identifier(kind, value if value.isascii() else value.encode("utf-8", "replace").decode())


def _id_of(value: object) -> object:
    """An id, or the id of the expanded object that stands in its place."""
    return value.get("id") if isinstance(value, dict) else value


def _mapping(value: object) -> Mapping[str, Any]:
    """`value` if it is an object: as JSON is read, a `dict`, which is cheaper to ask for than a Mapping."""
    return value if isinstance(value, dict) else {}

"""Stripe's reference events of nine API versions, as they are, through a whole connector.

They all tell one story: the invoice, the dispute, the subscription and the checkout of one customer, in the words of
each version. What can happen once is one Intercom event however many of them tell it; a refund or a failed payment
can happen again, and is one each time.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Iterable, Mapping

from connector.inbox import store
from connector.inbox.store import ReceivedEvent
from tests.conftest import shared
from tests.journeys.conftest import STRIPE_SECRET, Journey, eventually
from tests.signing import stripe_headers

FACTS = {
    "abandoned-checkout": 1,
    "canceled-subscription": 1,
    "changed-subscription": 1,
    "closed-dispute": 1,
    "failed-invoice-payment": 9,
    "made-payment": 1,
    "missed-invoice-due-date": 1,
    "neared-trial-end": 1,
    "opened-dispute": 1,
    "paid-invoice": 1,
    "paused-subscription": 1,
    "received-refund": 1,
    "required-invoice-payment-action": 1,
    "resumed-subscription": 1,
    "scheduled-cancellation": 1,
    "started-free-trial": 1,
    "started-subscription": 1,
}
EXPLAINED = {
    ("mapped", None),
    ("unmapped", None),
    ("ignored", "thin"),
    ("ignored", "told_already"),
    ("ignored", "when"),
}


async def test_every_reference_event_is_stored_and_each_fact_reaches_intercom_once(journey: Journey) -> None:
    bodies = fixtures()
    journey.sandbox.configure(create_contacts=True)
    for _ in range(2):  # Stripe repeats itself
        await send(journey, bodies.values())
        await eventually(lambda: settled(journey))
    events = await received(journey)
    assert len(events) == len(bodies)
    assert {(event.state.value, event.reason) for event in events} <= EXPLAINED
    deliveries = await journey.deliveries()
    assert Counter(delivery.name for delivery in deliveries) == FACTS
    assert {(delivery.state.value, delivery.reason) for delivery in deliveries} == {("delivered", None)}
    assert Counter(event.name for event in journey.sandbox.events()) == FACTS
    assert not any(event.duplicate for event in journey.sandbox.events())


def fixtures() -> Mapping[str, bytes]:
    """The reference events by file name."""
    found = {path.stem: path.read_bytes() for path in sorted(shared("stripe-fixtures").glob("*.json"))}
    assert found, "stripe-fixtures is empty"
    return found


async def send(journey: Journey, bodies: Iterable[bytes]) -> None:
    """All of them at once."""
    answers = await asyncio.gather(
        *(journey.post("stripe", body, stripe_headers(body, STRIPE_SECRET)) for body in bodies)
    )
    assert {status for status, _ in answers} == {200}


async def received(journey: Journey) -> list[ReceivedEvent]:
    return await journey.service.database.read(store.page, store.Filter(), limit=1000)


async def settled(journey: Journey) -> bool:
    """Whether nothing is to be mapped or delivered any more."""
    events, deliveries = await received(journey), await journey.deliveries()
    return all(event.state != "received" for event in events) and all(each.state != "due" for each in deliveries)

"""A refund or a dispute of each Stripe version finds its customer, whichever way round the events came."""

from __future__ import annotations

import itertools
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from connector.contacts import directory
from connector.contacts.directory import Resolved, Statement
from connector.contacts.evidence import Evidence, evidence
from connector.database.engine import Database
from connector.events import Identifier, IdentifierKind, SourceEvent, digest
from tests.conftest import SHARED, shared
from tests.outbox.world import World, event

FIXTURES = SHARED / "stripe-fixtures"
CUSTOMER = Identifier(IdentifierKind.STRIPE_CUSTOMER, "cus_SfixCUSTOMER01")
JENNY = Identifier(IdentifierKind.USER_ID, "user_42")
NEWEST = "newest"
ASKING = ("charge.dispute.created", "charge.refunded", "charge.refund.updated", "refund.created")
LEADING = (
    "charge.succeeded",
    "payment_intent.succeeded",
    "invoice.paid",
    "checkout.session.completed",
    "customer.subscription.created",
    "invoice_payment.paid",
)


def _version(path: Path) -> str:
    return path.stem.partition("@")[2] or NEWEST


VERSIONS = sorted({_version(path) for path in FIXTURES.glob("charge.*.json") if "~" not in path.name}) or [NEWEST]


def payload(kind: str, version: str) -> dict[str, Any] | None:
    """The example event of a type in a version of Stripe's API, where there is one."""
    shared("stripe-fixtures")
    path = FIXTURES / (f"{kind}.json" if version == NEWEST else f"{kind}@{version}.json")
    found: dict[str, Any] | None = json.loads(path.read_bytes()) if path.exists() else None
    return found


def said(told: dict[str, Any]) -> tuple[Evidence, ...]:
    return evidence(SourceEvent("stripe", told["id"], told["type"], b""), told)


def ways(told: dict[str, Any]) -> list[Identifier]:
    """What a refund or dispute names, without a customer of its own."""
    thing = told["data"]["object"]
    fields = {"charge": IdentifierKind.STRIPE_CHARGE, "payment_intent": IdentifierKind.STRIPE_PAYMENT_INTENT}
    if thing["object"] == "charge":
        return [Identifier(IdentifierKind.STRIPE_CHARGE, thing["id"])]
    return [Identifier(kind, thing[name]) for name, kind in fields.items() if thing.get(name)]


async def learn(database: Database, told: Sequence[tuple[Evidence, ...]]) -> None:
    for number, each in enumerate(told, 1):
        statements = [Statement(1, one, digest(number), number) for one in each]
        await database.transact(directory.record, statements, now=number)


@pytest.mark.parametrize("version", VERSIONS)
def test_each_versions_charges_invoices_and_intents_say_whose_they_are(version: str):
    """Pure, without following: the statements themselves."""
    for kind in LEADING:
        told = payload(kind, version)
        if told is None or not told["data"]["object"].get("customer"):
            continue
        thing = told["data"]["object"]
        own = {each.target for each in said(told) if each.source.value == thing["id"]}
        assert CUSTOMER in own or thing["object"] == "checkout.session", kind


CASES = [
    (kind, version)
    for kind in ASKING
    for version in VERSIONS
    if (FIXTURES / (f"{kind}.json" if version == NEWEST else f"{kind}@{version}.json")).exists()
] or [(ASKING[0], NEWEST)]


@pytest.mark.parametrize(("kind", "version"), CASES)
async def test_it_finds_its_customer_by_the_charge_or_the_payment_intent(database: Database, kind: str, version: str):
    asking = payload(kind, version)
    assert asking is not None
    customer = payload("customer.created", version)
    charges = [payload("charge.succeeded", version), payload("payment_intent.succeeded", version)]
    assert customer is not None
    found = [each for each in charges if each is not None]
    assert found
    for number, charge in enumerate(found):
        for order in itertools.permutations([said(charge), said(customer), said(asking)]):
            await learn(database, order)
            resolved = await database.read(directory.resolve, 1, ways(asking))
            assert isinstance(resolved, Resolved), (number, order)
            assert resolved.identifier.key == JENNY.key
            await database.transact(lambda connection: connection.exec_driver_sql("DELETE FROM identities"))


@pytest.mark.parametrize("version", VERSIONS)
async def test_an_invoice_and_its_payment_lead_a_dispute_to_its_customer(database: Database, version: str):
    """The dispute names a payment intent, the invoice payment joins that to the invoice, which has the customer."""
    shared("stripe-fixtures")
    asking, invoice = payload("charge.dispute.created", version), payload("invoice.paid", version)
    customer = payload("customer.created", version)
    joins = payload("invoice_payment.paid", NEWEST)
    assert asking is not None
    assert invoice is not None
    assert customer is not None
    assert joins is not None
    names_both = invoice["data"]["object"].get("charge") or invoice["data"]["object"].get("payment_intent")
    told = [said(asking), said(invoice), said(customer), *([] if names_both else [said(joins)])]
    for order in (told, told[::-1]):
        await learn(database, order)
        resolved = await database.read(directory.resolve, 1, ways(asking))
        assert isinstance(resolved, Resolved)
        assert resolved.identifier.key == JENNY.key
        await database.transact(lambda connection: connection.exec_driver_sql("DELETE FROM identities"))


@pytest.mark.parametrize("version", VERSIONS)
async def test_a_dispute_that_waits_is_addressed_by_whichever_event_comes_last(database: Database, version: str):
    told = [payload(kind, version) for kind in ("charge.succeeded", "customer.created")]
    asking = payload("charge.dispute.created", version)
    assert asking is not None
    for number, order in enumerate(itertools.permutations([asking, *told]), 1):
        world = World(database, workspace_id=number)
        await world.add_workspace()
        made: list[bytes] = []
        for each in order:
            assert each is not None
            events = [event(*ways(each), name="opened-dispute")] if each is asking else []
            made += await world.map(*events, evidence=said(each))
        (delivery,) = made
        assert await world.state(delivery) == ("due", None)
        addressed = (await world.delivery(delivery)).identifier
        assert addressed == JENNY


def test_an_invoice_that_lists_its_payments_names_them_itself():
    """`payments` is there where an endpoint or a look-up expands it (2025-03-31.basil and later)."""
    payments = {"data": [{"payment": {"type": "payment_intent", "payment_intent": "pi_9"}}]}
    thing = {"object": "invoice", "id": "in_9", "customer": CUSTOMER.value, "payments": payments}
    told = said({"id": "evt_9", "type": "invoice.paid", "data": {"object": thing}})
    assert Evidence(Identifier(IdentifierKind.STRIPE_PAYMENT_INTENT, "pi_9"), CUSTOMER, firm=True) in told

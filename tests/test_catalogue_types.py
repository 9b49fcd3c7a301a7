"""The shipped Stripe entries against Stripe's list of event types: each that is about a customer has an entry, or a
reason to have none, and the entry finds the customer and the address wherever they may stand."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import yaml

from connector.events import IdentifierKind
from connector.mapping.context import Context, Options
from connector.mapping.entry import Entry
from connector.mapping_files import load, shipped_folder
from tests.conftest import shared

NOT_MAPPED = yaml.safe_load((Path(__file__).parent / "payloads/catalogue/not_mapped.yaml").read_text())
CUSTOMER, EMAIL = "cus_1", "somebody@example.com"
TIERS = ("core", "customer")
NOT_READ = {
    "source.name": "an address only by chance, and only in charges of 2015",
    "customer_account": "beside the id of a customer, which is there every time",
}
"""Paths that need not be read, and why; the second in the types of a customer alone."""
OF_A_CUSTOMER = ("customer.created", "customer.updated", "customer.deleted")
CHARGED = ("charge.dispute.", "charge.refund.", "radar.", "refund.", "review.")
"""Types whose object says whose it is by its charge or its payment intent."""


@cache
def types() -> list[dict[str, Any]]:
    """Stripe's event types that are about customers, with the paths to the customer and the address."""
    listed = yaml.safe_load(shared("stripe-event-types.yaml").read_text())
    found: list[dict[str, Any]] = [one for one in listed["types"] if one["tier"] in TIERS] + listed["legacy_types"]
    assert len(found) > 100
    return found


@cache
def entries() -> dict[str, list[Entry]]:
    """The shipped entries, on or off, by event type."""
    found: dict[str, list[Entry]] = {}
    for entry in load([shipped_folder()]).catalog.entries:
        for trigger in entry.triggers if entry.source == "stripe" else ():
            found.setdefault(trigger, []).append(entry)
    return found


def test_every_type_about_a_customer_has_an_entry_or_a_reason() -> None:
    reasoned = {each for group in NOT_MAPPED.values() for each in group}
    every = {one["type"] for one in types()}
    assert every - set(entries()) == reasoned
    assert reasoned <= every, "no such type"


def test_no_entry_asks_for_a_type_about_the_business_itself() -> None:
    assert set(entries()) <= {one["type"] for one in types()}


def test_the_customer_is_found_wherever_it_may_stand() -> None:
    missed = [
        f"{kind}: {path}"
        for kind, path in paths("has_customer")
        if not (kind in OF_A_CUSTOMER and path in NOT_READ)
        and CUSTOMER not in identifiers(kind, payload(path, CUSTOMER), IdentifierKind.STRIPE_CUSTOMER)
    ]
    assert missed == []


def test_the_customer_of_a_way_to_pay_that_was_taken_off_file_is_who_had_it() -> None:
    for before in (CUSTOMER, {"id": CUSTOMER, "object": "customer"}):
        event = {"data": {"object": {"customer": None}, "previous_attributes": {"customer": before}}}
        assert CUSTOMER in identifiers("payment_method.detached", event, IdentifierKind.STRIPE_CUSTOMER)


def test_an_address_is_found_wherever_it_may_stand() -> None:
    missed = [
        f"{kind}: {path}"
        for kind, path in paths("has_email")
        if path not in NOT_READ and EMAIL not in identifiers(kind, payload(path, EMAIL), IdentifierKind.EMAIL)
    ]
    assert missed == []


@pytest.mark.parametrize("expanded", [False, True])
def test_what_names_no_customer_is_led_to_one_by_its_charge_or_payment(*, expanded: bool) -> None:
    for kind in (kind for kind in entries() if kind.startswith(CHARGED)):
        charge, intent = ({"id": "ch_1"}, {"id": "pi_1"}) if expanded else ("ch_1", "pi_1")
        event = {"data": {"object": {"charge": charge, "payment_intent": intent}}}
        assert "ch_1" in identifiers(kind, event, IdentifierKind.STRIPE_CHARGE), kind
        assert "pi_1" in identifiers(kind, event, IdentifierKind.STRIPE_PAYMENT_INTENT), kind


def test_a_cards_billing_address_is_not_taken_for_a_customers() -> None:
    """It may be anybody's who pays for them."""
    for kind, path in paths("has_email"):
        if "billing_details" in path:
            event = payload(path, EMAIL)
            event["data"]["object"]["customer"] = CUSTOMER
            assert EMAIL not in identifiers(kind, event, IdentifierKind.EMAIL), kind


def paths(field: str) -> Iterator[tuple[str, str]]:
    """Each type with each of the paths listed for it; what is in brackets there is a remark."""
    for one in types():
        for said in one.get(field, ()):
            path = re.sub(r"\s*\(.*", "", said)
            if one["type"] in entries() and not path.startswith("previous_attributes"):
                yield one["type"], path


def payload(path: str, value: object) -> dict[str, Any]:
    """An event whose object has nothing but `value`, at a path such as charges.data[0].id."""
    holder: Any = value
    for step in reversed(path.replace("[0]", ".0").split(".")):
        holder = [holder] if step == "0" else {step: holder}
    return {"livemode": True, "data": {"object": holder}}


def identifiers(kind: str, event: dict[str, Any], wanted: IdentifierKind) -> set[str]:
    """What the entries for an event type find of one kind, whatever their conditions say."""
    event = {"type": kind, **event}
    root = {**event, "before": {**event["data"]["object"], **event["data"].get("previous_attributes", {})}}
    context = Context(event, 0, lambda _id: None, Options(), "minor")
    finds = [find for entry in entries().get(kind, ()) for which, find in entry.contact if which is wanted]
    return {found for find in finds if (found := find(root, context))}

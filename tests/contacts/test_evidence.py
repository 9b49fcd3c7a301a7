"""What events say about who is who, one statement at a time; and what they must not be believed."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connector.contacts.evidence import Evidence, evidence, identified, to_forget
from connector.events import Identifier, IdentifierKind, SourceEvent, Trust

ADA, EMAIL = Identifier(IdentifierKind.USER_ID, "ada"), Identifier(IdentifierKind.EMAIL, "ada@example.com")
DEVICE = Identifier(IdentifierKind.ANONYMOUS_ID, "device-1")
CUSTOMER = Identifier(IdentifierKind.STRIPE_CUSTOMER, "cus_1")


def segment(trust: Trust = Trust.SIGNED, **message: Any) -> tuple[SourceEvent, dict[str, Any]]:
    return SourceEvent("segment", "m-1", str(message.get("type")), b"", trust=trust), message


def stripe(**thing: Any) -> tuple[SourceEvent, dict[str, Any]]:
    return SourceEvent("stripe", "evt_1", "charge.succeeded", b""), {"data": {"object": thing}}


def test_an_identify_ties_the_device_to_the_user_and_the_user_to_the_address():
    told = evidence(*segment(type="identify", userId="ada", anonymousId="device-1", traits={"email": EMAIL.value}))
    assert set(told) == {Evidence(DEVICE, ADA, firm=True), Evidence(ADA, EMAIL, firm=True)}


def test_an_identify_without_a_user_ties_the_device_to_the_address():
    told = evidence(*segment(type="identify", anonymousId="device-1", traits={"email": EMAIL.value}))
    assert told == (Evidence(DEVICE, EMAIL, firm=True),)


def test_another_call_mentions_the_address_in_passing():
    context = {"traits": {"email": EMAIL.value}}
    told = evidence(*segment(type="track", event="Order Completed", userId="ada", context=context))
    assert told == (Evidence(ADA, EMAIL, firm=False),)


def test_the_traits_of_a_group_are_the_groups():
    told = evidence(*segment(type="group", userId="ada", groupId="acme", traits={"email": "office@acme.example"}))
    assert told == ()


def test_an_alias_leads_from_the_former_id_to_the_user():
    told = evidence(*segment(type="alias", previousId="device-1", userId="ada"))
    former = Identifier(IdentifierKind.USER_ID, "device-1")
    assert set(told) == {Evidence(DEVICE, ADA, firm=True), Evidence(former, ADA, firm=True)}


@pytest.mark.parametrize("kind", ["identify", "alias", "track", "delete", "group"])
def test_what_only_rides_along_in_a_signed_batch_teaches_and_deletes_nothing(kind: str):
    message = segment(
        Trust.UNSIGNED,
        type=kind,
        userId="ada",
        previousId="x",
        anonymousId="device-1",
        traits={"email": EMAIL.value},
    )
    assert evidence(*message) == ()
    assert identified(*message) == ()
    assert to_forget(*message) is None


def test_a_delete_names_its_user():
    assert to_forget(*segment(type="delete", userId="ada")) == ADA
    assert to_forget(*segment(type="delete")) is None
    assert to_forget(*segment(type="track", userId="ada")) is None


def test_a_customer_says_its_own_address_and_user_firmly():
    told = evidence(*stripe(object="customer", id="cus_1", email=EMAIL.value, metadata={"user_id": "ada"}))
    assert set(told) == {Evidence(CUSTOMER, EMAIL, firm=True), Evidence(CUSTOMER, ADA, firm=True)}


def test_what_a_workspace_writes_into_an_objects_metadata_is_said_of_the_customer_in_passing():
    told = evidence(*stripe(object="subscription", id="sub_1", customer="cus_1", metadata={"userId": "ada"}))
    subscription = Identifier(IdentifierKind.STRIPE_SUBSCRIPTION, "sub_1")
    assert set(told) == {Evidence(subscription, CUSTOMER, firm=True), Evidence(CUSTOMER, ADA, firm=False)}


def test_the_billing_address_of_a_card_is_not_the_customers():
    told = evidence(
        *stripe(object="charge", id="ch_1", customer="cus_1", billing_details={"email": "boss@example.com"})
    )
    assert all(each.target != Identifier(IdentifierKind.EMAIL, "boss@example.com") for each in told)


def test_a_guests_charge_and_intent_lead_to_the_buyer_and_to_each_other():
    told = evidence(*stripe(object="charge", id="ch_1", payment_intent="pi_1", receipt_email=EMAIL.value))
    charge = Identifier(IdentifierKind.STRIPE_CHARGE, "ch_1")
    intent = Identifier(IdentifierKind.STRIPE_PAYMENT_INTENT, "pi_1")
    assert {Evidence(charge, EMAIL, firm=False), Evidence(intent, EMAIL, firm=False)} < set(told)
    assert Evidence(intent, charge, firm=True) in told


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["data", "object", "customer", "id", "email", "traits", "payments", "payment", "metadata"]),
            inner,
            max_size=4,
        )
    ),
    max_leaves=10,
)


@given(json_values, st.sampled_from(["stripe", "segment"]))
def test_no_payload_makes_it_fail(value: Any, source: str):
    payload = value if isinstance(value, dict) else {"data": {"object": value}, "userId": value, "traits": value}
    event = SourceEvent(source, "1", "any", b"")
    for each in evidence(event, payload):
        assert each.source.key != each.target.key or each.source.kind is not each.target.kind
    identified(event, payload)
    to_forget(event, payload)

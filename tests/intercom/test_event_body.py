"""An event as Intercom takes it: the same bytes each time, one identifier, Intercom's own schema."""

from __future__ import annotations

import json
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st
from jsonschema import Draft4Validator

from connector.events import Identifier, IdentifierKind
from connector.intercom.client import event_body, search_body
from tests.conftest import shared

ADA = Identifier(IdentifierKind.EMAIL, "ada@example.com")
METADATA = {
    "price": {"amount": 1999, "currency": "usd"},
    "paid_date": 1785369600,
    "invoice": {"url": "https://invoice.stripe.com/i/1", "value": "F3B7-0001"},
    "plan": "Größe M",
    "share": 0.5,
}

values = st.text(max_size=255) | st.integers() | st.floats(allow_nan=False, allow_infinity=False)
metadata = st.dictionaries(
    st.text(min_size=1, max_size=20), values | st.just({"amount": 1, "currency": "eur"}), max_size=20
)
kinds = st.sampled_from([kind for kind in IdentifierKind if kind.addresses])


def test_an_event_is_compact_json_in_the_order_of_the_mapping():
    assert event_body("paid-invoice", 1785369600, ADA, METADATA).decode() == (
        '{"event_name":"paid-invoice","created_at":1785369600,"email":"ada@example.com",'
        '"metadata":{"price":{"amount":1999,"currency":"usd"},"paid_date":1785369600,'
        '"invoice":{"url":"https://invoice.stripe.com/i/1","value":"F3B7-0001"},"plan":"Größe M","share":0.5}}'
    )


def test_an_event_without_metadata_says_nothing_about_it():
    assert event_body("logged-in", 1, ADA, {}) == b'{"event_name":"logged-in","created_at":1,"email":"ada@example.com"}'


@given(name=st.text(max_size=100), kind=kinds, value=st.text(min_size=1, max_size=255), metadata=metadata)
def test_an_event_carries_one_identifier_and_comes_out_as_it_went_in(name, kind, value, metadata):
    body = event_body(name, 1785369600, Identifier(kind, value), metadata)
    event = json.loads(body)
    assert event.keys() & {"id", "user_id", "email"} == {kind.value}
    assert event[kind.value] == value
    assert list(event.get("metadata", {}).items()) == list(metadata.items())
    assert body == event_body(name, 1785369600, Identifier(kind, value), dict(metadata))


def test_half_a_character_does_not_keep_an_event_from_going_out():
    assert b'"plan":"a?b"' in event_body("paid-invoice", 1, ADA, {"plan": "a\ud800b"})


@pytest.mark.parametrize("kind", [kind for kind in IdentifierKind if not kind.addresses])
def test_a_kind_of_identifier_that_intercom_does_not_take_is_our_own_mistake(kind: IdentifierKind):
    with pytest.raises(ValueError, match=f"Intercom takes no {kind}"):
        event_body("paid-invoice", 1, Identifier(kind, "x"), {})


def test_a_number_that_is_none_is_our_own_mistake():
    with pytest.raises(ValueError, match="not JSON compliant"):
        event_body("paid-invoice", 1, ADA, {"share": float("nan")})


@pytest.fixture(scope="module")
def schemas() -> dict[str, Any]:
    document = yaml.load(shared("intercom-openapi.yaml").read_text("utf-8"), Loader=yaml.CSafeLoader)
    # The stable description types every value of the metadata as text; its preview, and the API, take any.
    document["components"]["schemas"]["create_data_event_request"]["properties"]["metadata"].pop("additionalProperties")
    return document


def errors(schemas: dict[str, Any], name: str, body: bytes) -> list[str]:
    validator = Draft4Validator({"$ref": f"#/components/schemas/{name}", "components": schemas["components"]})
    return [error.message for error in validator.iter_errors(json.loads(body))]


@pytest.mark.parametrize("kind", [kind for kind in IdentifierKind if kind.addresses])
def test_an_event_fits_intercoms_own_description(schemas, kind):
    assert errors(schemas, "create_data_event_request", event_body("x", 1, Identifier(kind, "y"), METADATA)) == []


@pytest.mark.parametrize("email", ["ada@example.com", "Ada@Example.com"])
def test_a_search_fits_intercoms_own_description(schemas, email):
    assert errors(schemas, "contact_search_request", search_body(email)) == []

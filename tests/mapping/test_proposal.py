"""An entry proposed from a payload: whatever the payload, check accepts it and its example passes."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from connector.events import IntercomEvent
from connector.mapping.context import Options
from connector.mapping.dialect import DIALECTS
from connector.mapping.english import is_past_tense
from connector.mapping.event_name import mistake_in_name
from connector.mapping.example import became_of
from connector.mapping.metadata import MetadataType
from connector.mapping.proposal import Proposal, propose, proposed_name
from connector.mapping.proposal.document import example_of
from connector.mapping.proposal.naming import type_as_written
from connector.mapping.proposal.private import is_private_name, is_private_value
from connector.mapping.proposal.tracing import looked_at, traced
from connector.mapping.proposal.yaml_text import block, sayable
from connector.mapping.review import Checks
from connector.mapping.stripe_types import stripe_types
from connector.mapping.syntax import plain
from connector.mapping_files import load, run_examples, shipped_folder
from connector.mapping_files.yaml_nodes import read_nodes
from tests.conftest import SHARED, shared

PAYLOADS = sorted(shipped_folder().glob("*/payloads/*.json"))
FIXTURES = sorted((SHARED / "stripe-fixtures").glob("*.json"))


def passes(source: str, payload: dict[str, Any]) -> Proposal:
    """Proposes an entry and reads it back as an operator's file would be."""
    event_type = DIALECTS[source].type_of(payload)
    proposal = propose(source, event_type, payload, limit=10)
    loaded = load([], Checks(thorough=True), over=("new.yaml", proposal.text()))
    assert [str(problem) for problem in loaded.problems if not problem.warning] == []
    [entry] = loaded.catalog.entries
    seen = traced(payload)
    became = became_of(entry, seen, Options())
    assert isinstance(became, IntercomEvent)
    example = example_of(source, seen, became)
    text = proposal.text(example)
    loaded = load([], Checks(thorough=True), over=("new.yaml", text))
    assert [str(problem) for problem in loaded.problems if not problem.warning] == []
    for ran in run_examples(loaded):
        assert ran.differences == ()
        assert isinstance(ran.became, IntercomEvent)
        assert ran.became.metadata == became.metadata
    assert example is not None or not sayable(payload)
    return proposal


@pytest.mark.parametrize("path", PAYLOADS, ids=lambda path: path.stem)
def test_every_shipped_payload_gets_an_entry_that_passes(path: Path):
    proposal = passes(path.parts[-3], json.loads(path.read_bytes()))
    assert len(proposal.metadata) <= 10


def test_every_reference_event_of_stripes_gets_an_entry_that_passes():
    shared("stripe-fixtures")
    for path in FIXTURES:
        passes("stripe", json.loads(path.read_bytes()))


def test_a_payment_is_proposed_with_what_matters_first():
    payload = json.loads((shipped_folder() / "stripe/payloads/130-invoice.paid.json").read_bytes())
    proposal = propose("stripe", "invoice.paid", payload, limit=10)
    assert (proposal.name, next(iter(proposal.metadata))) == ("paid-invoice", "price")
    assert proposal.metadata["price"] == {"money": "data.object.amount_paid", "currency": "data.object.currency"}
    assert proposal.metadata["invoice"] == {"link": "data.object.hosted_invoice_url", "title": "data.object.number"}
    assert proposal.metadata["stripe_invoice"] == "data.object.id"
    assert proposal.contact["stripe_customer"] == ["data.object.customer"]


def test_keys_keep_the_type_they_have_under_this_name_already():
    payload = {"type": "track", "event": "Class Booked", "properties": {"price": 19.5, "plan": "Pro"}}
    taken = {"price": MetadataType.TEXT}
    assert list(propose("segment", "track Class Booked", payload, limit=10, taken=taken).metadata) == ["plan"]


def test_nothing_private_is_proposed():
    properties = {
        "plan": "Pro", "email": "a@example.com", "contact": "b@example.com", "phone": "+49 30 1234567",
        "ssn": "078-05-1120",         "api_key": "abc", "session_token": "x", "password": "x",
        "note": "sk_live_abcdefgh", "ip": "10.0.0.1",
        "firstName": "Ada", "shipping_address": {"city": "Bonn"}, "teacher": {"name": "Kofi"}, "author_name": "Ada",
        "reset": "https://example.com/reset?token=abc", "street": "Main St 1", "birthday": "1990-01-01",
        "last4": "4242",
    }  # fmt: skip
    payload = {"type": "track", "event": "Plan Chosen", "properties": properties}
    assert list(propose("segment", "track Plan Chosen", payload, limit=10).metadata) == ["plan"]


@pytest.mark.parametrize("name", ["product_name", "class", "status", "quantity", "description", "zipline_count"])
def test_ordinary_fields_are_not_taken_for_private(name: str):
    assert not is_private_name(name)


@pytest.mark.parametrize(
    "value", ["Morning flow", "SM-20418", "2026-07-30", "19.99", "in_progress", "https://a.example/b"]
)
def test_ordinary_values_are_not_taken_for_private(value: str):
    assert not is_private_value(value)


def test_an_example_holds_what_the_entry_reads_and_nothing_else():
    payload = {
        "type": "track", "event": "Plan Chosen", "userId": "u1", "messageId": "m1", "context": {"ip": "10.0.0.1"},
        "properties": {"plan": "Pro", "password": "x"}, "timestamp": "2026-07-30T09:30:00Z",
    }  # fmt: skip
    text = passes("segment", payload).text()
    assert "password" not in text
    [entry] = load([], over=("new.yaml", text)).catalog.entries
    seen = traced(payload)
    became = became_of(entry, seen, Options())
    assert isinstance(became, IntercomEvent)
    example = example_of("segment", seen, became)
    assert example is not None
    assert example["payload"] == {
        "type": "track", "event": "Plan Chosen", "timestamp": "2026-07-30T09:30:00Z", "userId": "u1",
        "properties": {"plan": "Pro"},
    }  # fmt: skip


def test_every_type_of_stripes_has_a_name_that_check_accepts():
    for event_type in stripe_types():
        name = proposed_name("stripe", event_type)
        assert mistake_in_name(name) is None, event_type
        assert is_past_tense(name.split("-")[0]), event_type
        assert name != "did-something", event_type


def test_every_event_of_segments_spec_has_a_name_that_check_accepts():
    spec = yaml.safe_load(shared("segment-spec-events.yaml").read_text("utf-8"))
    names = [text for text in _texts(spec) if text.istitle() and 1 < len(text.split()) < 6]
    assert len(names) > 50
    for event in names:
        name = proposed_name("segment", f"track {event}")
        assert mistake_in_name(name) is None, event
        assert is_past_tense(name.split("-")[0]), event


def _texts(value: Any) -> list[str]:
    match value:
        case dict():
            return [text for pair in value.items() for part in pair for text in _texts(part)]
        case list():
            return [text for item in value for text in _texts(item)]
        case str():
            return [value]
        case _:
            return []


@pytest.mark.parametrize(
    ("event_type", "name"),
    [
        ("track Class Booked", "booked-class"),
        ("track booked_class", "booked-class"),
        ("track Foo Bar Baz", "did-foo-bar-baz"),
        ("track Export Report", "exported-report"),
        ("track 注文完了", "did-something"),
        ("track Plan", "planned"),
        ("page Pricing", "viewed-pricing-page"),
        ("screen", "viewed-screen"),
        ("identify", "identified-contact"),
    ],
)
def test_segments_names_are_turned_round(event_type: str, name: str):
    assert proposed_name("segment", event_type) == name


@pytest.mark.parametrize(
    ("source", "typed", "written"),
    [
        ("segment", "Class Booked", "track Class Booked"),
        ("segment", "track Class Booked", "track Class Booked"),
        ("segment", " page Pricing", "page Pricing"),
        ("stripe", "invoice.paid", "invoice.paid"),
    ],
)
def test_a_track_call_may_be_typed_without_the_word(source: str, typed: str, written: str):
    assert type_as_written(source, typed) == written


TEXTS = st.one_of(
    st.text(max_size=20), st.sampled_from(["", "on", "12", "1e5", "null", "a: b", "- x", "#", "{", "\ud800"])
)
KEYS = st.one_of(st.sampled_from(["amount", "currency", "created_at", "url", "name", "id", "data", "object"]), TEXTS)
SCALARS = st.one_of(
    st.none(), st.booleans(), st.integers(-(10**17), 10**17), st.floats(allow_nan=False, allow_infinity=False), TEXTS,
    st.sampled_from([
        1785369600, "19.99", "https://a.example/x.png", "2026-07-30", "usd", "in_1AbcDefGh", "a@b.example",
    ]),
)  # fmt: skip
JSON = st.recursive(
    SCALARS,
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(KEYS, inner, max_size=5)),
    max_leaves=20,
)
OBJECTS = st.dictionaries(KEYS, JSON, max_size=6)


@settings(max_examples=200, deadline=None)
@given(OBJECTS)
def test_any_payload_of_segments_gets_an_entry_that_passes(properties: dict[str, Any]):
    passes("segment", {"type": "track", "event": "Class Booked", "userId": "u1", "properties": properties})


@settings(max_examples=200, deadline=None)
@given(OBJECTS)
def test_any_payload_of_stripes_gets_an_entry_that_passes(thing: dict[str, Any]):
    passes("stripe", {"object": "event", "type": "invoice.paid", "created": 1785369600, "data": {"object": thing}})


@settings(max_examples=100, deadline=None)
@given(st.text(min_size=1, max_size=60))
def test_any_name_of_segments_gets_one_that_check_accepts(event: str):
    name = proposed_name("segment", f"track {event}")
    assert mistake_in_name(name) is None
    assert is_past_tense(name.split("-")[0])


@settings(max_examples=300, deadline=None)
@given(OBJECTS)
def test_values_written_as_yaml_are_read_back_the_same(value: dict[str, Any]):
    assume(sayable(value))
    text = "\n".join(block(value))
    [root], problems = read_nodes("a.yaml", text.encode("utf-8", "surrogatepass"))
    assert problems == []
    assert repr(plain(root)) == repr(value)


@given(OBJECTS)
def test_a_traced_payload_is_equal_and_notes_what_is_read(value: dict[str, Any]):
    seen = traced(value)
    assert seen == value
    assert looked_at(seen) == {}
    for key in value:
        assert seen.get(key) == value[key]

"""Translating never raises, whatever the payload, and what it gives is what Intercom takes."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from connector.events import IdentifierKind, IntercomEvent, SourceEvent
from connector.mapping.entry import Entry
from connector.mapping.example import became_of
from connector.mapping.translate import Options, Skipped, translate
from connector.mapping_files import load, shipped_folder
from connector.mapping_files.folders import read_file

from .yaml_files import VALID

RECEIVED = 1_785_369_605
ENTRIES = [
    *(entry for path in VALID for read in read_file(path) for entry in read.entries),
    *load([shipped_folder()]).catalog.entries,
]
COMMON_WORDS = """
id object data created type name amount currency customer email metadata items lines price plan previous_attributes
properties userId event timestamp sentAt receivedAt traits context products
"""
WORDS = sorted(
    {word for entry in ENTRIES for trigger in entry.definition.trigger for word in trigger.split()}
    | set(COMMON_WORDS.split())
)
ODD_TEXTS = ["", "usd", "JPY", "kwd", "2026-07-30T00:00:00Z", "39.95", "a@b.c", "https://a.b/c", "x" * 300, "\ud800"]
TEXTS = st.one_of(st.text(max_size=8), st.sampled_from(ODD_TEXTS))
SCALARS = st.one_of(
    st.none(), st.booleans(), st.integers(), st.integers(0, 10**10), st.floats(allow_nan=False), TEXTS, st.just(10**400)
)
JSON = st.recursive(
    SCALARS,
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(st.sampled_from(WORDS), inner, max_size=6)),
    max_leaves=30,
)
PAYLOADS = st.fixed_dictionaries(
    {},
    optional={
        "data": st.one_of(JSON, st.fixed_dictionaries({}, optional={"object": JSON, "previous_attributes": JSON})),
        "properties": JSON, "context": JSON, "traits": JSON, "event": SCALARS, "userId": SCALARS, "created": SCALARS,
        "timestamp": SCALARS, "originalTimestamp": SCALARS, "sentAt": SCALARS, "receivedAt": SCALARS, "livemode": JSON,
        "name": SCALARS,
    },
)  # fmt: skip
OPTIONS = st.builds(
    Options,
    metadata_keys=st.sampled_from([1, 10, 20]),
    time_zone=st.sampled_from(["UTC", "Europe/Berlin", "nowhere"]),
    language=st.sampled_from(["en", "de", "xx"]),
    zero_decimal_money=st.sampled_from(["hundredths", "fallback"]),
)


@settings(max_examples=500, deadline=None)
@given(st.sampled_from(ENTRIES), PAYLOADS, OPTIONS)
def test_any_payload_gives_an_event_that_intercom_takes_or_a_reason(
    entry: Entry, payload: dict[str, Any], options: Options
):
    event = SourceEvent(entry.source, "k", "any", b"")
    before = repr(payload)
    became = translate(event, payload, entry, received_at=RECEIVED, names={"x": "X"}.get, options=options)
    assert repr(payload) == before
    match became:
        case Skipped(reason=reason):
            assert reason in ("disabled", "when", "name")
        case IntercomEvent():
            assert_intercom_takes(became, options)


def assert_intercom_takes(event: IntercomEvent, options: Options) -> None:
    assert 978_307_200 <= event.created_at <= RECEIVED
    assert event.name
    assert len(event.metadata) <= options.metadata_keys
    assert all(0 < len(identifier.value) <= 255 for identifier in event.contact)
    for key, value in event.metadata.items():
        assert_value(key, value)
    body = json.dumps({"metadata": event.metadata, "name": event.name}, allow_nan=False, ensure_ascii=False)
    assert "\\u0000" not in body
    assert body.encode()


def assert_value(key: str, value: object) -> None:
    match value:
        case {"amount": int() as amount, "currency": str() as currency, **rest}:
            assert amount > 0
            assert len(currency) == 3
            assert not rest
        case {"url": str() as url, "value": str() as title, **rest}:
            assert url.lower().startswith(("http://", "https://"))
            assert 0 < len(title) <= 255
            assert not rest
        case str():
            assert 0 < len(value) <= 255
        case _:
            assert isinstance(value, int | float)
            assert not isinstance(value, bool)
    if key.endswith("_date"):
        assert isinstance(value, int)


def entry_of(rule: str, folder: Path, source: str = "stripe") -> Entry:
    contact = "{email: data.object.email}" if source == "stripe" else "{user_id: userId}"
    (folder / "one.yaml").write_text(f"version: 1\nsource: {source}\ncontact: {contact}\nevents:\n  - {rule}\n")
    loaded = load([folder])
    assert loaded.ok, loaded.problems
    return loaded.catalog.entries[0]


def translated(entry: Entry, payload: dict[str, Any], **options: Any) -> IntercomEvent | Skipped:
    event = SourceEvent(entry.source, "k", "any", b"", occurred_at=1_785_369_600)
    return translate(event, payload, entry, received_at=RECEIVED, names={}.get, options=Options(**options))


def test_an_event_without_a_contact_is_an_event_all_the_same(tmp_path: Path):
    entry = entry_of("{trigger: invoice.paid, name: paid-invoice}", tmp_path)
    became = translated(entry, {"type": "invoice.paid"})
    assert became == IntercomEvent("stripe:paid-invoice", "paid-invoice", 1_785_369_600, (), {})


def test_an_entry_that_is_off_makes_nothing(tmp_path: Path):
    entry = entry_of("{trigger: invoice.paid, name: paid-invoice, enabled: false}", tmp_path)
    assert translated(entry, {}) == Skipped("disabled")


COMPARED = "when: could not be evaluated: text and numbers do not compare"
LENGTH = "when: could not be evaluated: length() takes no number"


@pytest.mark.parametrize(
    ("rule", "payload", "notes"),
    [
        (
            "when: data.object.a > `1`",
            {"a": "x"},
            ("when: could not be evaluated: text and numbers do not compare",),
        ),
        ("when: length(data.object.a) > `1`", {"a": 1}, (LENGTH,)),
        ("when: data.object.a", {"a": False}, ()),
    ],
)
def test_a_condition_that_cannot_be_evaluated_is_false_and_says_why(
    rule: str, payload: dict[str, Any], notes: tuple[str, ...], tmp_path: Path
):
    entry = entry_of(f"{{trigger: invoice.paid, name: paid-invoice, {rule}}}", tmp_path)
    assert translated(entry, {"data": {"object": payload}}) == Skipped("when", notes)


MONEY = "{money: data.object.a, currency: data.object.b}"
DROP = "{text: data.object.a, translate: {x: X}, otherwise: drop}"


@pytest.mark.parametrize(
    ("value", "payload", "note"),
    [
        ("data.object.a", {"a": True}, "k: left out: true and false want `translate`"),
        ("data.object.a", {"a": [1]}, "k: left out: lists are never sent"),
        ("data.object.a", {"a": {"b": 1}}, "k: left out: objects are never sent"),
        ("data.object.a", {"a": "x" * 300}, "k: cut: 300 characters, 255 are allowed"),
        ("data.object.a", {"a": "a\x00"}, "k: broken characters replaced"),
        ("{number: data.object.a}", {"a": "x"}, "k: left out: no number"),
        ("{number: data.object.a}", {"a": 10**20}, "k: left out: too large a number"),
        ("{link: data.object.a}", {"a": "x"}, "k: left out: not an http(s) address"),
        ("{link: data.object.a}", {"a": "https://a.b/" + "c" * 255}, "k: left out: longer than 255 characters"),
        (MONEY, {"a": 5}, "k: left out: an amount without a currency"),
        (MONEY, {"a": -5, "b": "usd"}, "k: negative: sent as k_amount and k_currency"),
        (MONEY, {"a": 5125, "b": "kwd"}, "k: rounded to hundredths"),
        (DROP, {"a": "y"}, "k: left out: `translate` has no word for it"),
        ("sum(data.object.a)", {"a": ["x"]}, "k: could not be evaluated: sum() takes no text"),
        ("data.object.a", {}, None),
        ("data.object.a", {"a": ""}, None),
    ],
)  # fmt: skip
def test_what_is_left_out_or_corrected_is_noted(value: str, payload: dict[str, Any], note: str | None, tmp_path: Path):
    entry = entry_of(f"{{trigger: invoice.paid, name: paid-invoice, metadata: {{k: {value}}}}}", tmp_path)
    became = translated(entry, {"data": {"object": payload}})
    assert isinstance(became, IntercomEvent)
    assert became.notes == ((note,) if note else ())


def test_no_more_than_fifty_notes_are_kept(tmp_path: Path):
    entry = entry_of("{trigger: track *, name: {derive: event}, metadata: {each: properties}}", tmp_path, "segment")
    became = translated(entry, {"event": "Noted", "properties": {f"k{n}": True for n in range(99)}})
    assert isinstance(became, IntercomEvent)
    assert len(became.notes) == 50


def test_an_objects_fields_that_are_one_key_to_intercom_are_taken_over_once(tmp_path: Path):
    entry = entry_of(
        "{trigger: track *, name: {derive: event}, metadata: {plan: properties.tier, each: properties}}",
        tmp_path,
        "segment",
    )
    fields = {
        "tier": "Pro",
        "Plan": "Free",
        "a.b": 1,
        "a$b": 2,
        "A_B": 3,
        " ": 4,
        "k" * 150: 5,
        "k" * 101: 6,
        "c\\d": 7,
    }
    became = translated(entry, {"event": "Noted", "properties": fields})
    assert isinstance(became, IntercomEvent)
    assert became.metadata == {"plan": "Pro", "tier": "Pro", "a_b": 1, "k" * 100: 5, "c_d": 7}
    said = [note.partition(":")[0] for note in became.notes if note.endswith("the event has this key already")]
    assert said == ["Plan", "a_b", "A_B", "k" * 100]


def test_the_fields_of_an_object_that_do_not_fit_are_named(tmp_path: Path):
    entry = entry_of("{trigger: track *, name: {derive: event}, metadata: {each: properties}}", tmp_path, "segment")
    became = translated(entry, {"event": "Noted", "properties": {f"k{n}": n for n in range(13)}})
    assert isinstance(became, IntercomEvent)
    assert list(became.metadata) == [f"k{n}" for n in range(10)]
    assert became.notes == ("metadata: only the first 10 keys are sent, not k10, k11, k12",)
    fewer = translated(entry, {"event": "Noted", "properties": {f"k{n}": n if n < 10 else None for n in range(13)}})
    assert isinstance(fewer, IntercomEvent)
    assert fewer.notes == ()


def test_a_message_of_a_hundred_thousand_properties_becomes_ten_keys_and_a_short_note(tmp_path: Path):
    entry = entry_of("{trigger: track *, name: {derive: event}, metadata: {each: properties}}", tmp_path, "segment")
    became = translated(entry, {"event": "Noted", "properties": {f"k{n}": n for n in range(100_000)}})
    assert isinstance(became, IntercomEvent)
    assert len(became.metadata) == 10
    assert sum(map(len, became.notes)) <= 200


def test_a_workspace_may_keep_twenty_keys(tmp_path: Path):
    keys = ", ".join(f"k{n}: {{constant: {n + 1}}}" for n in range(15))
    entry = entry_of(f"{{trigger: invoice.paid, name: paid-invoice, metadata: {{{keys}}}}}", tmp_path)
    ten, twenty = translated(entry, {}), translated(entry, {}, metadata_keys=20)
    assert isinstance(ten, IntercomEvent)
    assert isinstance(twenty, IntercomEvent)
    assert list(ten.metadata) == [f"k{n}" for n in range(10)]
    assert ten.notes == ("metadata: only the first 10 keys are sent, not k10, k11, k12, k13, k14",)
    assert len(twenty.metadata) == 15


def test_identifiers_stand_in_the_order_of_the_mapping(tmp_path: Path):
    contact = "{stripe_customer: data.object.customer, email: data.object.email, user_id: data.object.user}"
    entry = entry_of(f"{{trigger: invoice.paid, name: paid-invoice, contact: {contact}}}", tmp_path)
    became = translated(entry, {"data": {"object": {"user": 1, "email": "x" * 256, "customer": "cus_1"}}})
    assert isinstance(became, IntercomEvent)
    kinds = [(identifier.kind, identifier.value) for identifier in became.contact]
    assert kinds == [(IdentifierKind.STRIPE_CUSTOMER, "cus_1"), (IdentifierKind.USER_ID, "1")]
    assert became.notes == ("contact.email: not used: longer than 255 characters",)


def test_an_object_nested_without_end_is_no_reason_to_fail(tmp_path: Path):
    deep: Any = 1
    for _ in range(5000):
        deep = {"a": deep}
    rule = "{trigger: invoice.paid, name: paid-invoice, metadata: {a: before.a.b, b: before.b}}"
    became = translated(entry_of(rule, tmp_path), {"data": {"object": deep, "previous_attributes": deep}})
    assert isinstance(became, IntercomEvent)
    assert became.metadata == {}
    assert "before: nested too deeply" in became.notes


def test_an_example_is_received_the_day_after_it_happened(tmp_path: Path):
    entry = entry_of("{trigger: invoice.paid, name: paid-invoice, created_at: data.object.at}", tmp_path)
    payload = {"type": "invoice.paid", "created": 1_785_369_600, "data": {"object": {"at": 1_785_369_600 + 86_401}}}
    became = became_of(entry, payload, Options())
    assert isinstance(became, IntercomEvent)
    assert became.created_at == 1_785_369_600 + 86_400

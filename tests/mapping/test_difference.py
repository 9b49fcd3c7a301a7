"""Two catalogues side by side: what one does differently, in itself and about one event."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from connector.events import SourceEvent
from connector.mapping.catalog import Catalog
from connector.mapping.context import Options
from connector.mapping.difference import Comparison, Difference, Effect
from connector.mapping.metadata import MetadataType
from connector.mapping_files import load

HEAD = "version: 1\nsource: stripe\ncontact: {email: data.object.email}\nevents:\n"
PAID = "  - {trigger: invoice.paid, name: paid-invoice, metadata: {plan: data.object.plan, seats: data.object.seats}}\n"
PAYLOAD: dict[str, Any] = {
    "type": "invoice.paid",
    "created": 1785369600,
    "data": {"object": {"email": "a@example.com", "plan": "Pro", "seats": 3, "paid": 0}},
}
Read = Callable[[str], Catalog]


@pytest.fixture
def read(tmp_path: Path) -> Read:
    def read(rules: str) -> Catalog:
        (tmp_path / "a.yaml").write_text(HEAD + rules, encoding="utf-8")
        loaded = load([tmp_path])
        assert loaded.ok, loaded.problems
        return loaded.catalog

    return read


def differences(old: Catalog, new: Catalog, payload: dict[str, Any] = PAYLOAD) -> list[Difference]:
    event = SourceEvent("stripe", "evt_1", payload["type"], b"")
    return Comparison(old, new).differences(event, payload, received_at=1785369700, names={}.get, options=Options())


def test_equal_catalogues_differ_in_nothing(read: Read):
    comparison = Comparison(read(PAID), read("  # a remark\n" + PAID))
    assert comparison.same
    assert not comparison.concerns("stripe", "invoice.paid")
    assert differences(comparison.old, comparison.new) == []


def test_a_changed_value_is_told_with_old_and_new(read: Read):
    [found] = differences(read(PAID), read(PAID.replace("data.object.plan", "data.object.seats")))
    [change] = found.changes
    assert (found.effect, change.about, change.old, change.new) == (Effect.CHANGED, "metadata.plan", "Pro", "3")
    assert not change.drifts


def test_keys_that_come_and_go_are_told(read: Read):
    [found] = differences(read(PAID), read(PAID.replace("plan:", "tariff:")))
    assert [(change.about, change.old, change.new) for change in found.changes] == [
        ("metadata.tariff", None, "Pro"),
        ("metadata.plan", "Pro", None),
    ]


def test_another_type_of_a_key_is_told_in_the_event_and_in_the_catalogue(read: Read):
    old, new = read(PAID), read(PAID.replace("seats: data.object.seats", "seats: {number: data.object.seats}"))
    [found] = differences(old, new)
    assert [change.drifts for change in found.changes] == [True]
    [drift] = Comparison(old, new).drifts
    assert (drift.name, drift.key, drift.old, drift.new) == (
        "paid-invoice",
        "seats",
        MetadataType.TEXT,
        MetadataType.NUMBER,
    )


def test_the_stand_ins_of_money_drift_too(read: Read):
    old = read(PAID.replace("seats:", "price_amount:"))
    new = read(PAID.replace("seats: data.object.seats", "price: {money: data.object.seats, currency: \"'usd'\"}"))
    assert [(drift.key, drift.old.value, drift.new.value) for drift in Comparison(old, new).drifts] == [
        ("price_amount", "text", "number")
    ]


def test_an_entry_that_comes_or_goes_adds_an_event_or_takes_it(read: Read):
    none, one = read(PAID.replace("invoice.paid", "invoice.voided")), read(PAID + PAID.replace("paid-", "settled-"))
    [gone] = differences(read(PAID), none)
    assert (gone.effect, gone.name, gone.why) == (Effect.GONE, "paid-invoice", "no entry")
    [added] = differences(read(PAID), one)
    assert (added.effect, added.name) == (Effect.ADDED, "settled-invoice")
    comparison = Comparison(read(PAID), one)
    assert (comparison.added, comparison.new_names) == (["stripe:settled-invoice"], ["settled-invoice"])
    assert comparison.concerns("stripe", "invoice.paid")
    assert not comparison.concerns("stripe", "charge.failed")


def test_a_condition_that_fails_now_says_so(read: Read):
    stricter = read(PAID.replace("name:", 'when: "data.object.paid > `0`", name:'))
    [gone] = differences(read(PAID), stricter)
    assert (gone.effect, gone.why) == (Effect.GONE, "when")


def test_another_contact_or_moment_is_told(read: Read):
    changed = PAID.replace("name:", "created_at: received_at, contact: {user_id: data.object.plan}, name:")
    [found] = differences(read(PAID), read(changed))
    assert [(change.about, change.old, change.new) for change in found.changes] == [
        ("created_at", 1785369600, 1785369700),
        ("contact", [{"email": "a@example.com"}], [{"user_id": "Pro"}]),
    ]


def test_another_order_of_the_same_keys_is_told_as_it_decides_which_are_sent(read: Read):
    plan, seats = "plan: data.object.plan", "seats: data.object.seats"
    [found] = differences(read(PAID), read(PAID.replace(f"{plan}, {seats}", f"{seats}, {plan}")))
    assert [(change.about, change.new) for change in found.changes] == [("metadata order", ["seats", "plan"])]

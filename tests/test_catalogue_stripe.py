"""The shipped Stripe entries against reference events of nine API versions: each one event, or a reason for none."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import yaml

from connector.events import IntercomEvent, SourceEvent
from connector.mapping.catalog import Catalog
from connector.mapping.translate import Options, translate
from connector.mapping_files import load, shipped_folder
from tests.conftest import shared

NEWEST = "2026-07-29.dahlia"
RECEIVED_AT = 1_795_219_200
EXPECTED = yaml.safe_load((Path(__file__).parent / "payloads/catalogue/stripe_fixtures.yaml").read_text())
RENEWAL = (
    "invoice.created", "invoice.finalized", "charge.succeeded", "payment_intent.succeeded", "invoice.updated",
    "invoice.paid", "invoice.payment_succeeded", "invoice_payment.paid", "customer.subscription.updated",
)  # fmt: skip

MONEY = [
    ("huf", 1_850_000, 1_850_000),
    ("isk", 1_470_000, 1_470_000),
    ("jpy", 5_000, 500_000),
    ("krw", 49_000, 4_900_000),
    ("kwd", 14_700, 1_470),
    ("twd", 147_000, 147_000),
    ("ugx", 18_500_000, 18_500_000),
]
"""Currency, the amount as Stripe sends it, and as Intercom wants it: hundredths of what a reader would write."""


def test_every_reference_event_is_listed() -> None:
    listed = [*EXPECTED["becomes"], *(family for families in EXPECTED["nothing"].values() for family in families)]
    assert sorted(listed) == sorted(fixtures())


@pytest.mark.parametrize("family", EXPECTED["becomes"])
def test_an_event_becomes_what_is_listed_at_every_api_version(family: str) -> None:
    names = {version: [event.name for event in events] for version, events in became(family).items()}
    assert all(len(found) == 1 for found in names.values()), names
    assert {name for found in names.values() for name in found} == set(EXPECTED["becomes"][family])


@pytest.mark.parametrize(
    ("family", "reason"),
    [(family, reason) for reason, families in EXPECTED["nothing"].items() for family in families],
)
def test_an_event_becomes_nothing_for_a_reason(family: str, reason: str) -> None:
    found = {version: [event.name for event in events] for version, events in became(family).items() if events}
    assert not found, f"{found}, but: {reason}"


@pytest.mark.parametrize("family", EXPECTED["becomes"])
def test_all_api_versions_say_the_same_but_for_listed_exceptions(family: str) -> None:
    compare({version: fields(events[0]) for version, events in became(family).items()}, EXPECTED["differs"], family)


def test_what_else_comes_of_them_once_every_entry_is_on_is_listed() -> None:
    found = {family: sorted({event.name for _version, event in turned_on(family)}) for family in fixtures()}
    assert {family: names for family, names in found.items() if names} == EXPECTED["turned_on"]


@pytest.mark.parametrize("family", EXPECTED["turned_on"])
def test_all_api_versions_say_the_same_once_every_entry_is_on(family: str) -> None:
    said: dict[str, dict[str, object] | None] = dict.fromkeys(fixtures().get(family, ()))
    for version, event in turned_on(family):
        assert said[version] is None, f"{version} says two things"
        said[version] = fields(event)
    compare(said, EXPECTED["turned_on_differs"], family)


def test_nothing_is_left_out_or_corrected_once_every_entry_is_on() -> None:
    found = [(family, *said) for family in EXPECTED["turned_on"] for said in turned_on(family)]
    assert [(family, version, event.notes) for family, version, event in found if event.notes] == []


@pytest.mark.parametrize("family", EXPECTED["becomes"])
def test_nothing_is_left_out_or_corrected_on_the_way(family: str) -> None:
    assert [event.notes for events in became(family).values() for event in events if event.notes] == []


@pytest.mark.parametrize("version", ["2018-05-21", "2020-08-27", "2025-02-24.acacia", "2025-03-31.basil", NEWEST])
def test_a_card_renewal_becomes_one_event(version: str) -> None:
    events = [event for family in RENEWAL for event in became(family).get(version, [])]
    assert {(event.name, event.once) for event in events} == {("paid-invoice", "in_1SfixINVOICE00001")}


def test_a_catalogue_without_once_would_announce_a_renewal_twice() -> None:
    """What the test before this one guards against does happen."""
    assert len([event for family in RENEWAL for event in became(family).get(NEWEST, [])]) == 2


@pytest.mark.parametrize(("currency", "minor", "hundredths"), MONEY)
def test_an_amount_is_exact_in_every_currency(currency: str, minor: int, hundredths: int) -> None:
    payload = json.loads(fixtures()[f"invoice.paid~{currency}"][NEWEST].read_bytes())
    assert payload["data"]["object"]["amount_paid"] == minor
    (event,) = intercom_events(payload)
    assert event.metadata["price"] == {"amount": hundredths, "currency": currency}


@cache
def shipped() -> Catalog:
    return load([shipped_folder()]).catalog


@cache
def fixtures() -> dict[str, dict[str, Path]]:
    """The reference events: family (type and variant) → API version → file."""
    found: dict[str, dict[str, Path]] = {}
    for path in shared("stripe-fixtures").glob("*.json"):
        family, _, version = path.stem.partition("@")
        found.setdefault(family, {})[version or NEWEST] = path
    return found


@cache
def became(family: str) -> dict[str, list[IntercomEvent]]:
    """What each API version's event of a family becomes."""
    return {
        version: list(intercom_events(json.loads(path.read_bytes())))
        for version, path in fixtures().get(family, {}).items()
    }


@cache
def everything() -> Catalog:
    """The shipped entries, each of them on."""
    return Catalog(replace(entry, enabled=True) for entry in shipped().entries)


def turned_on(family: str) -> Iterator[tuple[str, IntercomEvent]]:
    """What else each API version's event of a family becomes with every entry on, beside what it becomes by default."""
    usual = {entry.id for entry in shipped().entries if entry.enabled}
    for version, path in fixtures().get(family, {}).items():
        for event in intercom_events(json.loads(path.read_bytes()), everything()):
            if event.mapping_id not in usual:
                yield version, event


def intercom_events(payload: dict[str, Any], catalog: Catalog | None = None) -> Iterator[IntercomEvent]:
    event = SourceEvent("stripe", payload["id"], payload["type"], b"")
    for entry in (catalog or shipped()).select("stripe", event.type):
        found = translate(event, payload, entry, received_at=RECEIVED_AT, names=lambda _id: None, options=Options())
        if isinstance(found, IntercomEvent):
            yield found


def fields(event: IntercomEvent) -> dict[str, object]:
    """All that can be told apart, by name."""
    return {
        "mapping_id": event.mapping_id,
        "name": event.name,
        "created_at": event.created_at,
        "once": event.once,
        **{f"contact.{identifier.kind}": identifier.value for identifier in event.contact},
        **{f"metadata.{key}": value for key, value in event.metadata.items()},
    }


def compare(said: dict[str, dict[str, object] | None], listed: dict[str, Any], family: str) -> None:
    """All versions say the same, but those that are listed, which say something else: a list that tells too much is
    wrong as well."""
    excepted = set(exceptions(listed, family))
    assert {version for version, one in said.items() if one is None} == {v for v, f in excepted if f == "everything"}
    present = {version: one for version, one in said.items() if one is not None}
    for field in {field for one in present.values() for field in one} | {f for _, f in excepted} - {"everything"}:
        regular = {v: repr(one.get(field)) for v, one in present.items() if (v, field) not in excepted}
        assert len(set(regular.values())) == 1, f"{field}: {regular}"
        assert all(repr(present[v].get(field)) not in regular.values() for v, f in excepted if f == field), field


def exceptions(listed: dict[str, Any], family: str) -> Iterable[tuple[str, str]]:
    for exception in listed.get(family, ()):
        yield from ((str(v), field) for v in exception["versions"] for field in exception["fields"])

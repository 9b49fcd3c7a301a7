"""What customers do, as the sequences of webhooks that Stripe sends about it: one event for each fact, with the
catalogue as it is shipped; and what the entries that are off would add."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import yaml

from connector.events import IntercomEvent
from connector.mapping.catalog import Catalog
from connector.mapping.dialect import DIALECTS
from connector.mapping.example import became_of
from connector.mapping.translate import Options
from connector.mapping_files import load, shipped_folder
from tests.test_catalogue_turns import reach

FILE = yaml.safe_load((Path(__file__).parent / "payloads/catalogue/scenarios.yaml").read_text())
PAYLOADS = shipped_folder() / "stripe/payloads"


@pytest.mark.parametrize("scenario", FILE["scenarios"], ids=lambda scenario: scenario["title"])
def test_each_fact_becomes_one_event(scenario: dict[str, Any]) -> None:
    assert told(scenario, shipped()) == scenario["becomes"]


@pytest.mark.parametrize("scenario", FILE["scenarios"], ids=lambda scenario: scenario["title"])
def test_entries_that_are_off_add_to_what_is_told_and_change_none_of_it(scenario: dict[str, Any]) -> None:
    names = {entry.name for entry in shipped().entries if entry.enabled}
    everything = told(scenario, Catalog(replace(entry, enabled=True) for entry in shipped().entries))
    assert [name for name in everything if name in names] == scenario["becomes"]
    assert [name for name in everything if name not in names] == scenario["turned_on"]


def test_what_tells_a_fact_again_that_an_entry_tells_by_default_is_off_and_says_so() -> None:
    by_name = {entry.name: entry for entry in shipped().entries}
    for usual, others in FILE["same_fact"].items():
        assert by_name[usual].enabled
        for name in others:
            assert not by_name[name].enabled
            assert "same fact as" in by_name[name].description, name
            assert usual in by_name[name].description, name


def test_what_says_that_it_tells_a_fact_again_is_listed() -> None:
    listed = {name for others in FILE["same_fact"].values() for name in others} | {"completed-payment-setup"}
    assert {entry.name for entry in shipped().entries if "same fact as" in entry.description} == listed


@cache
def shipped() -> Catalog:
    return load([shipped_folder()]).catalog


def told(scenario: dict[str, Any], catalog: Catalog) -> list[str]:
    """The names of all events that the scenario's webhooks become; those of one entry with one `once` are one."""
    events: dict[object, str] = {}
    for at, webhook in enumerate(scenario["webhooks"]):
        for event in events_of(webhook, catalog):
            events.setdefault((event.mapping_id, event.once or at), event.name)
    return list(events.values())


def events_of(webhook: dict[str, Any], catalog: Catalog) -> Iterator[IntercomEvent]:
    payload = json.loads((PAYLOADS / webhook["payload"]).read_bytes())
    for path, value in webhook.get("put", {}).items():
        holder, last = reach(payload, path)
        holder[last] = value
    for entry in catalog.select("stripe", DIALECTS["stripe"].type_of(payload)):
        found = became_of(entry, payload, Options())
        if isinstance(found, IntercomEvent):
            yield found

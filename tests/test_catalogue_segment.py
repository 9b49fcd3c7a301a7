"""The shipped Segment entries, all of them turned on, against Segment's own specification: every event of its families
maps, and every property arrives in the type that it is specified with."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from functools import cache
from typing import Any

import pytest
import yaml

from connector.events import IntercomEvent, SourceEvent
from connector.mapping.catalog import Catalog
from connector.mapping.event_name import derive_name
from connector.mapping.metadata import MetadataType
from connector.mapping.translate import Options, translate
from connector.mapping_files import load, shipped_folder
from tests.conftest import shared

ON = ("ecommerce-v2", "ecommerce-v1", "b2b-saas")
RENAMED = {
    "Account Added User": "added-user-to-account",
    "Account Removed User": "removed-user-from-account",
    "Conversation Started": "started-copilot-conversation",
    "Conversation Ended": "ended-copilot-conversation",
    "Message Sent": "sent-copilot-message",
    "Message Received": "received-copilot-message",
    "Action Invoked": "invoked-copilot-action",
    "Media Generated": "generated-copilot-media",
    "Component Loaded": "loaded-copilot-component",
    "Feedback Submitted": "submitted-copilot-feedback",
    "Video Content Playing": "played-video-content",
    "Video Ad Playing": "played-video-ad",
}
"""What is not just turned round: an account adds a user, not an account user; a copilot's plain names are many
applications' own, and `Playing` is no past tense."""
COMMON = {
    "device": {"name": "iPhone", "model": "iPhone17,1"},
    "os": {"name": "iOS", "version": "26.1"},
    "app": {"version": "4.13.0"},
}
"""What Segment's libraries say of each message (https://segment.com/docs/connections/spec/common/#context)."""
RECEIVED_AT = 1_795_219_200
MOMENTS = {
    "trial_start_date": ("2026-08-03T09:14:07Z", 1_785_748_447),
    "trial_end_date": ("2026-08-17T11:14:07+02:00", 1_786_958_047),
}
SAMPLES = {
    "currency": "EUR",
    "airdate": "2026-08-01",
    "eventTimestamp": "2026-09-02T12:07:15.870Z",
    "eventSentAt": "2026-09-02T12:07:16.120Z",
    **{name: text for name, (text, _seconds) in MOMENTS.items()},
}


@cache
def specified() -> dict[str, dict[str, Any]]:
    """Segment's events as it specifies them, by name."""
    spec: dict[str, dict[str, Any]] = yaml.safe_load(shared("segment-spec-events.yaml").read_text())["events"]
    return spec


@cache
def shipped() -> Catalog:
    return load([shipped_folder()]).catalog


@cache
def everything() -> Catalog:
    """The shipped entries, each of them on."""
    return Catalog(replace(entry, enabled=True) for entry in shipped().entries)


def test_every_event_that_segment_specifies_becomes_one_event() -> None:
    assert len(specified()) > 90
    assert {name: len(list(became(name))) for name in specified()} == dict.fromkeys(specified(), 1)


def test_only_ecommerce_and_b2b_saas_are_on_by_default() -> None:
    on = {name for name in specified() if shipped().select("segment", f"track {name}")}
    assert on == {name for name, event in specified().items() if event["family"] in ON}


def test_a_name_is_segments_own_turned_round_so_that_the_pass_through_agrees_with_its_family() -> None:
    """A workspace that had `track *` on, and turns a family on, keeps its names."""
    turned = {name: {event.name for event in became(name)} for name, spec in specified().items() if current(spec)}
    assert turned == {name: {RENAMED.get(name) or derive_name(name)} for name in turned}


def test_a_message_of_the_applications_own_is_none_of_a_copilots() -> None:
    copilot = [name for name, spec in specified().items() if spec["family"] == "ai-copilot"]
    assert copilot
    for name in copilot:
        assert list(became(name, without="conversationId")) == []


def current(spec: dict[str, Any]) -> bool:
    return not spec.get("deprecated")


def test_an_older_name_becomes_the_same_event() -> None:
    older = {alias: name for name, event in specified().items() for alias in event.get("aliases", ())}
    assert older
    for alias, name in older.items():
        assert [e.name for e in became(alias, like=name)] == [e.name for e in became(name)], alias


def test_every_event_of_the_current_versions_has_a_name_of_its_own() -> None:
    names = [name for name, spec in specified().items() if current(spec)]
    assert len({event.name for name in names for event in became(name)}) == len(names)


def test_every_key_is_filled_by_what_is_specified() -> None:
    empty = {
        name: missing
        for name, spec in specified().items()
        if current(spec)
        for event in became(name)
        if (missing := set(types_of(event)) - set(event.metadata))
    }
    assert empty == {}


def test_every_property_arrives_in_its_type() -> None:
    wrong = [
        f"{name}: {key} is {value!r}"
        for name in specified()
        for event in became(name)
        for key, value in event.metadata.items()
        if not fits(types_of(event)[key], value)
    ]
    assert wrong == []


def test_what_is_specified_as_a_number_or_a_moment_never_arrives_as_text() -> None:
    for name, spec in specified().items():
        said = properties(spec)
        numbers = {str(value) for value in said.values() if isinstance(value, float)}
        moments = set(SAMPLES.values()) - {"EUR"}
        for event in became(name):
            assert not (numbers | moments) & {value for value in event.metadata.values() if isinstance(value, str)}


def test_money_is_exact_and_its_currency_the_one_of_the_message_or_us_dollars() -> None:
    for name, spec in specified().items():
        for event in became(name):
            prices = [value for value in event.metadata.values() if isinstance(value, Mapping) and "amount" in value]
            assert all(price["amount"] in cents(spec) for price in prices)
            assert all(price["currency"] == ("eur" if "currency" in leaves(spec) else "usd") for price in prices)


@pytest.mark.parametrize("name", ["Trial Started", "Trial Ended"])
def test_a_trial_keeps_its_dates_whatever_their_offset(name: str) -> None:
    (event,) = became(name)
    assert {key: event.metadata[key] for key in MOMENTS} == {key: seconds for key, (_, seconds) in MOMENTS.items()}


def became(name: str, *, like: str | None = None, without: str | None = None) -> Iterator[IntercomEvent]:
    """What a track message called `name` becomes, with all that Segment specifies for it or what it is `like`."""
    spec = specified()[like or name]
    said = {key: value for key, value in properties(spec).items() if key != without}
    message = {
        "type": "track",
        "event": name,
        "messageId": "m-1",
        "userId": "u-1",
        "timestamp": "2026-09-02T12:07:15.650Z",
        "receivedAt": "2026-09-02T12:07:16.290Z",
        "properties": said,
        "context": COMMON
        | nested({path: f"{path}@example.com" for path in spec.get("context", {}) if path != "traits"}),
    }
    event = SourceEvent("segment", "m-1", f"track {name}", b"")
    for entry in everything().select("segment", event.type):
        found = translate(event, message, entry, received_at=RECEIVED_AT, names=lambda _id: None, options=Options())
        if not isinstance(found, IntercomEvent):
            continue
        assert (found.contact[0].value, found.created_at, found.notes) == ("u-1", 1_788_350_835, ())
        yield found


def leaves(spec: dict[str, Any]) -> dict[str, str]:
    """The specified properties and their types; those that only examples show are as in Order Completed. Left out are
    those whose name is the value of another, such as that of an audience."""
    shown = {name: "number" if name == "total" else "string" for name in spec.get("example_only_properties", ())}
    if "products" in shown:
        shown |= {"products": "array", "products[].name": "string"}
    said = {**shown, **{name: form["type"] for name, form in spec["properties"].items()}}
    return {name: kind for name, kind in said.items() if "<" not in name}


def properties(spec: dict[str, Any]) -> dict[str, Any]:
    """A value of the right type for each specified property; no two of them are equal."""
    made: dict[str, Any] = {}
    for index, (name, kind) in enumerate(leaves(spec).items()):
        holder, _, field = name.rpartition("[].")
        if holder:
            made.setdefault(holder, [{}])[0][field] = sample(field, kind, index)
        elif kind == "array<string>":
            made[name] = [f"{name} {index}"]
        elif not kind.startswith(("array", "object")):
            made[name] = sample(name, kind, index)
    return nested(made)


def nested(flat: dict[str, Any]) -> dict[str, Any]:
    """`campaign.name` as the `name` of a `campaign`."""
    made: dict[str, Any] = {}
    for path, value in flat.items():
        *way, last = path.split(".")
        holder = made
        for name in way:
            holder = holder.setdefault(name, {})
        holder[last] = value
    return made


def sample(name: str, kind: str, index: int) -> object:
    if name in SAMPLES:
        return SAMPLES[name]
    if kind == "boolean":
        return index % 2 == 0
    if kind.startswith(("number", "integer", "float")):
        return 100 + index + 0.25
    if name.endswith("email"):
        return f"{name}@example.com"
    return f"https://shop.example/{name}.jpg" if name.endswith("url") else f"{name} {index}"


def cents(spec: dict[str, Any]) -> set[int]:
    return {round(value * 100) for value in properties(spec).values() if isinstance(value, float)}


def types_of(event: IntercomEvent) -> Mapping[str, MetadataType]:
    return {entry.id: entry for entry in shipped().entries}[event.mapping_id].types


def fits(kind: MetadataType, value: object) -> bool:
    """Whether a value is of the form that Intercom's type has."""
    match kind:
        case MetadataType.MONEY:
            return isinstance(value, Mapping) and set(value) == {"amount", "currency"}
        case MetadataType.RICH_LINK:
            return isinstance(value, Mapping) and set(value) == {"url", "value"}
        case MetadataType.NUMBER:
            return isinstance(value, int | float)
        case MetadataType.DATE:
            return isinstance(value, int)
        case MetadataType.IMAGE | MetadataType.LINK:
            return isinstance(value, str) and value.startswith("https://")
        case _:
            return isinstance(value, str)

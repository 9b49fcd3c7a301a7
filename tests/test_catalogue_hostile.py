"""The shipped entries, all of them on, and payloads with something in them that no sender should send: translating
never fails, and what comes of it Intercom would take, by the sandbox's rules."""

from __future__ import annotations

import copy
import json
from collections.abc import Iterator
from functools import cache
from random import Random
from typing import Any

import pytest

from connector import strict_json
from connector.events import IntercomEvent
from connector.mapping.dates import EARLIEST_EVENT
from connector.mapping.entry import Entry
from connector.mapping.example import became_of
from connector.mapping.metadata import MetadataType, key_type
from connector.mapping.translate import Options, Skipped
from connector.mapping_files import load, shipped_folder
from connector.mapping_files.examples import payload_file
from connector.sandbox.metadata import problem, split_keys

HOSTILE: tuple[Any, ...] = (
    None, True, False, 0, -1, -0.0, 1e308, 2**63, 10**40, "", " ", "x" * 3_000, "👨‍👩‍👧‍👦" * 200, "\0", "\ud800",
    "1,299.00", "-5", "javascript:alert(1)", "https://", "https://" + "a" * 3_000, "9" * 400, "2026-13-45", [], [None],
    [[]], ["x", 1, None, {}], {}, {"id": 7}, {"id": "x" * 300}, {"object": "customer", "id": "cus_1", "email": []},
    {"data": [None, 1]}, {"data": {}},
)  # fmt: skip
RECEIVED_AT = 1_796_000_000
"""Later than any of the payloads."""
EACH = 12
"""Payloads made of one example."""


@cache
def shown() -> list[tuple[Entry, dict[str, Any]]]:
    """The shipped entries with the payloads of their examples."""
    loaded = load([shipped_folder()])
    return [
        (entry, strict_json.parse_object(path.read_bytes()))
        for entry in loaded.catalog.entries
        for example in entry.examples
        if (path := payload_file(entry, example.file or "", loaded.folders))
    ]


@pytest.mark.parametrize("source", ["stripe", "segment"])
def test_no_payload_breaks_an_entry_or_makes_an_event_that_intercom_refuses(source: str) -> None:
    made = 0
    for entry, payload in shown():
        if entry.source == source:
            for hostile in spoilt(payload, Random(entry.id)):
                became = became_of(entry, hostile, Options(), received_at=RECEIVED_AT)
                assert isinstance(became, Skipped) or mistakes(became, entry) == [], entry.id
                made += isinstance(became, IntercomEvent)
    assert made > len(shown())


def test_what_an_entry_looks_at_may_all_be_of_the_wrong_kind() -> None:
    for entry, payload in shown():
        for value in HOSTILE:
            became = became_of(entry, everywhere(payload, value), Options(), received_at=RECEIVED_AT)
            assert isinstance(became, Skipped) or mistakes(became, entry) == [], (entry.id, value)


def spoilt(payload: dict[str, Any], random: Random) -> Iterator[dict[str, Any]]:
    """The payload with some of its values, of whatever depth, replaced or gone."""
    for _ in range(EACH):
        hostile = copy.deepcopy(payload)
        for _ in range(random.randint(1, 4)):
            holder, key = random.choice(list(places(hostile)))
            if random.random() < 0.2 and isinstance(holder, dict):
                holder.pop(key, None)
            elif key != "type":
                holder[key] = copy.deepcopy(random.choice(HOSTILE))
        yield hostile


def places(value: Any) -> Iterator[tuple[Any, Any]]:
    """Every key and index of an object and of what it holds; what tells its type stays."""
    items: Any = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, held in list(items):
        if key not in ("type", "event", "name"):
            yield value, key
        yield from places(held)


def everywhere(payload: dict[str, Any], value: Any) -> dict[str, Any]:
    """The payload with `value` in the place of each of its texts and numbers, but those that tell its type."""

    def replaced(held: Any, key: object = None) -> Any:
        if isinstance(held, dict):
            return {name: replaced(below, name) for name, below in held.items()}
        if isinstance(held, list):
            return [replaced(below) for below in held]
        return held if key in ("type", "event", "status", "object") else value

    found: dict[str, Any] = replaced(payload)
    return found


def mistakes(became: IntercomEvent, entry: Entry) -> list[str]:
    """Why Intercom would not take an event, or would not show it as its entry says."""
    sent = dict(became.metadata)
    found = [said for key, value in sent.items() if (said := problem(key, value))]
    _, dropped = split_keys(sent, 10)
    found += [f"{key} would be dropped" for key in dropped]
    found += [f"{key} is {value!r}" for key, value in sent.items() if not fits(entry.types.get(key), key, value)]
    json.dumps(sent, allow_nan=False).encode()
    "".join(str(value) for value in [became.name, *sent.values()]).encode()
    if not EARLIEST_EVENT <= became.created_at <= RECEIVED_AT:
        found.append(f"created_at is {became.created_at}")
    found += [f"{one.kind}: {one.value!r}" for one in became.contact if not 0 < len(one.value.encode()) <= 1_020]
    return found


def fits(kind: MetadataType | None, key: str, value: object) -> bool:
    """Whether a value is of the kind that Intercom was told of first; `None` is a stand-in for money."""
    match kind:
        case MetadataType.NUMBER | MetadataType.DATE:
            return isinstance(value, int | float) and not isinstance(value, bool)
        case MetadataType.MONEY | MetadataType.RICH_LINK:
            return isinstance(value, dict)
        case MetadataType.LINK | MetadataType.IMAGE:
            return isinstance(value, str) and value.lower().startswith(("https://", "http://"))
        case None:
            return isinstance(value, str | int | float) and not isinstance(value, bool)
        case _:
            return isinstance(value, str) and key_type(key) is not MetadataType.DATE

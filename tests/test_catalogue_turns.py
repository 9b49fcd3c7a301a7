"""The story's payloads with something in them otherwise: each row of turns.yaml is a case."""

from __future__ import annotations

import json
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

TURNS = yaml.safe_load((Path(__file__).parent / "payloads/catalogue/turns.yaml").read_text())


@pytest.mark.parametrize("turn", TURNS, ids=lambda turn: turn["title"])
def test_a_turn_of_the_story_becomes(turn: dict[str, Any]) -> None:
    source = turn["payload"].partition("/")[0]
    payload = json.loads((shipped_folder() / turn["payload"]).read_bytes())
    for path, value in turn.get("put", {}).items():
        holder, last = reach(payload, path)
        holder[last] = value
    for path in turn.get("drop", ()):
        holder, last = reach(payload, path)
        del holder[last]
    assert became(source, payload, turn["becomes"]) == turn["becomes"]


def reach(payload: Any, path: str) -> tuple[Any, str | int]:
    """What holds the value at a dotted path, and its last name or index there."""
    *way, last = [int(name) if name.isdigit() else name for name in path.split(".")]
    for name in way:
        payload = payload[name]
    return payload, last


def became(source: str, payload: dict[str, Any], asked: dict[str, dict[str, Any]]) -> dict[str, dict[str, Any]]:
    """All events that come of a payload, by name, with those of their values that are asked for."""
    found = (
        became_of(entry, payload, Options()) for entry in shipped().select(source, DIALECTS[source].type_of(payload))
    )
    return {
        event.name: {key: event.metadata.get(key) for key in asked.get(event.name, {})}
        for event in found
        if isinstance(event, IntercomEvent)
    }


@cache
def shipped() -> Catalog:
    return load([shipped_folder()]).catalog

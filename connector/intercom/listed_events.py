"""A contact's events as Intercom lists them: JSON to frozen values. Asking for them is `client`'s.

https://developers.intercom.com/docs/references/rest-api/api.intercom.io/data-events/lisdataevents
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from urllib.parse import parse_qs, urlsplit

from connector.intercom.outcome import Answer


@dataclass(frozen=True, slots=True)
class ListedEvent:
    """One event; `created_at` in Unix seconds."""

    id: str
    name: str
    created_at: int
    metadata: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class EventPage:
    """Some events, newest first; `before` is what the next page is asked for with, None where there is none."""

    events: tuple[ListedEvent, ...]
    before: int | None


@dataclass(frozen=True, slots=True)
class EventCount:
    """How often one thing was done, first and last (Unix seconds)."""

    name: str
    count: int
    first: int
    last: int


def event_page(answer: Answer) -> EventPage | None:
    """The page in an answer; None where there is none."""
    events = answer.json.get("events")
    if answer.status != 200 or not isinstance(events, list):
        return None
    pages = answer.json.get("pages")
    following = pages.get("next") if isinstance(pages, dict) else None
    found = [event for each in events if (event := _event(each)) is not None]
    return EventPage(tuple(found), _before(following))


def event_counts(answer: Answer) -> tuple[EventCount, ...] | None:
    """The summary in an answer; None where there is none."""
    events = answer.json.get("events")
    if answer.status != 200 or not isinstance(events, list):
        return None
    return tuple(count for each in events if (count := _count(each)) is not None)


def _event(value: Any) -> ListedEvent | None:  # noqa: ANN401 - JSON is any value
    if not isinstance(value, dict):
        return None
    name, at, metadata = value.get("event_name"), value.get("created_at"), value.get("metadata")
    if not isinstance(name, str) or not isinstance(at, int):
        return None
    return ListedEvent(str(value.get("id")), name, at, metadata if isinstance(metadata, dict) else {})


def _before(url: object) -> int | None:
    """Only the place is taken from the address: where a token goes is not an answer's to say."""
    if not isinstance(url, str):
        return None
    try:
        place = parse_qs(urlsplit(url).query).get("before", [""])[0]
    except ValueError:
        return None
    return int(place) if place.isascii() and place.isdigit() and len(place) < 20 else None


def _count(value: Any) -> EventCount | None:  # noqa: ANN401 - JSON is any value
    if not isinstance(value, dict) or not isinstance(value.get("name"), str) or not isinstance(value.get("count"), int):
        return None
    first, last = _seconds(value.get("first")), _seconds(value.get("last"))
    return None if first is None or last is None else EventCount(value["name"], value["count"], first, last)


def _seconds(value: object) -> int | None:
    """A time, in figures or by ISO 8601."""
    if isinstance(value, int):
        return value
    try:
        return int(datetime.fromisoformat(str(value)).timestamp())
    except ValueError:
        return None

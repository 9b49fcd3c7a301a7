"""What a summary is: its deliveries' reasons, its row, and how one call of it went.  Pure."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from connector.events import Identifier, IdentifierKind, Key, display
from connector.intercom.listed_events import EventCount

FOR_SUMMARY, IN_SUMMARY = "for_summary", "in_summary"
NO_USER, REFUSED, IN_DOUBT = "summary_no_user", "summary_refused", "summary_in_doubt"
"""Reasons of held deliveries; the last three say why Intercom has not surely counted them."""
MOST = 1_000
"""Deliveries in one summary."""


@dataclass(frozen=True, slots=True)
class Group:
    """Deliveries of one person and name that are to be counted; `seed` is one of them."""

    workspace_id: int
    seed: Key
    identifier: Identifier
    name: str
    user_id: str | None
    """What the event itself says that Intercom calls them."""


@dataclass(frozen=True, slots=True)
class Summary:
    """One row; `first` and `last` in Unix seconds, `tried_at` in milliseconds. `before` is what Intercom counted
    under the name before it was tried: None where it may not be asked, a count of 0 where there was nothing.
    """

    workspace_id: int
    id: Key
    user_id: str
    name: str
    count: int
    first: int
    last: int
    deliveries: tuple[Key, ...]
    before: EventCount | None = None
    tried_at: int | None = None


@dataclass(frozen=True, slots=True)
class Try:
    """How one call went; times in milliseconds."""

    started_at: int
    duration_ms: int
    status: int | None
    outcome: str
    code: str | None = None
    words: str | None = None
    request_id: str | None = None
    ambiguous: bool = False


def as_row(summary: Summary, now: int) -> dict[str, Any]:
    """A new row of `summaries`, not tried yet."""
    return {
        "workspace_id": summary.workspace_id,
        "id": summary.id,
        "user_id": summary.user_id,
        "name": summary.name,
        "count": summary.count,
        "first": summary.first,
        "last": summary.last,
        "deliveries": json.dumps([key.hex() for key in summary.deliveries]),
        "before": None,
        "tried_at": None,
        "made_at": now,
    }


def from_row(row: Mapping[Any, Any]) -> Summary:
    """A row of `summaries` as a value."""
    return Summary(
        row["workspace_id"],
        row["id"],
        row["user_id"],
        row["name"],
        row["count"],
        row["first"],
        row["last"],
        tuple(bytes.fromhex(key) for key in json.loads(row["deliveries"])),
        None if row["before"] is None else EventCount(*json.loads(row["before"])),
        row["tried_at"],
    )


def as_attempt(workspace_id: int, delivery_id: Key, number: int, tried: Try) -> dict[str, Any]:
    """A row of `attempts` for one of the deliveries in it."""
    return {
        "workspace_id": workspace_id,
        "delivery_id": delivery_id,
        "number": number,
        "started_at": tried.started_at,
        "duration_ms": tried.duration_ms,
        "status": tried.status,
        "outcome": tried.outcome,
        "error_code": tried.code and display(tried.code),
        "words": tried.words,
        "request_id": tried.request_id and display(tried.request_id),
        "identifier_kind": IdentifierKind.USER_ID.value,
        "ambiguous": tried.ambiguous,
        "late": False,
        "manual": False,
    }

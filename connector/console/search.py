"""What an address asks for: the fields of a search as they stand in it, and what they mean.  Pure.

The address is the whole state of a search, so that it can be kept, sent to a colleague and gone back to.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

from connector.errors import UsageError
from connector.events import Identifier, Key, ReceivedState
from connector.inbox.browse import Wanted
from connector.outbox.delivery import State
from connector.outbox.selection import Selection
from connector.people.person import named

_UNITS: Final[Mapping[str, int]] = {"m": 60_000, "h": 3_600_000, "d": 86_400_000}
_ID = re.compile(r"[0-9a-f]{8,32}")
_SENDERS_ID = re.compile(r"evt_\w+")
LONGEST = 255


@dataclass(frozen=True, slots=True)
class Looked:
    """What the search field holds: an id of ours, a sender's id of an event, or somebody; None is nothing of it."""

    id: bytes | None = None
    senders_id: str | None = None
    person: Identifier | None = None


def looked_for(text: str) -> Looked:
    """What somebody typed: it is recognised by how it looks."""
    text = text[:LONGEST]
    if _SENDERS_ID.fullmatch(text):
        return Looked(senders_id=text)
    hexadecimal = text.lower().replace("…", "")
    if _ID.fullmatch(hexadecimal) and len(hexadecimal) != 24:  # Intercom's ids have 24 digits
        return Looked(id=bytes.fromhex(hexadecimal[: len(hexadecimal) // 2 * 2]))
    return Looked(senders_id=text, person=named(text))


def deliveries(workspace_id: int, query: Mapping[str, str], *, now: int) -> Selection:
    """The deliveries that an address asks for, without its search field. Raises UsageError."""
    status = query.get("status")
    if status is not None and not (status.isascii() and status.isdigit() and len(status) <= 3):
        raise UsageError("a status is a number such as 422; 0 stands for no answer")
    return Selection(
        workspace_id,
        states=(_state(query["state"]),) if "state" in query else (),
        name=query.get("name"),
        reasons=(query["reason"],) if "reason" in query else (),
        received_type=query.get("type"),
        status=None if status is None else int(status),
        since=time(query.get("since"), now=now),
        until=time(query.get("until"), now=now),
    )


def events(workspace_id: int, query: Mapping[str, str], *, now: int) -> Wanted:
    """The received events that an address asks for, without its search field. Raises UsageError."""
    state = query.get("state")
    if state is not None and state not in set(ReceivedState):
        raise UsageError("there is no such state of an event")
    return Wanted(
        workspace_id,
        None if state is None else ReceivedState(state),
        query.get("source"),
        query.get("type"),
        query.get("reason"),
        time(query.get("since"), now=now),
        time(query.get("until"), now=now),
    )


def _state(text: str) -> State:
    if text not in set(State):
        raise UsageError("there is no such state of a delivery")
    return State(text)


def time(text: str | None, *, now: int) -> int | None:
    """`6h`, `90m`, `3d` ago, or a moment as ISO 8601, in milliseconds; UTC where it does not say. Raises UsageError."""
    if text is None:
        return None
    if ago := re.fullmatch(r"(\d{1,6})([mhd])", text):
        return now - int(ago[1]) * _UNITS[ago[2]]
    try:
        moment = datetime.fromisoformat(text.upper().removesuffix("UTC").strip())
        return int((moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp() * 1000)
    except (ValueError, OverflowError):
        raise UsageError("a time is written 2026-11-26T07:30 (UTC), or 90m, 6h or 3d for so long ago") from None


def place(text: str | None) -> tuple[int, Key] | None:
    """The place in a list that an address says. Raises UsageError."""
    if text is None:
        return None
    found = re.fullmatch(r"(\d{1,15})\.([0-9a-f]{32})", text)
    if found is None:
        raise UsageError("that is no place in this list")
    return int(found[1]), bytes.fromhex(found[2])


def written(where: tuple[int, Key] | None) -> str | None:
    """A place as an address says it."""
    return None if where is None else f"{where[0]}.{where[1].hex()}"


def key(text: str) -> Key:
    """A whole id out of an address. Raises UsageError."""
    if not re.fullmatch(r"[0-9a-f]{32}", text):
        raise UsageError("that is no id of ours")
    return bytes.fromhex(text)

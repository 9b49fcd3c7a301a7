"""The data events of one workspace: stored once, listed newest first, counted by name."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import msgspec

from connector.sandbox.answers import Refused
from connector.sandbox.contacts import Contact
from connector.sandbox.event_request import IdentifierKind, Submission
from connector.sandbox.metadata import type_name

LISTED_FOR_SECONDS = 90 * 24 * 3600
TOO_MANY_NAMES = "Cannot have more than {} active event names"


class ReceivedEvent(msgspec.Struct, frozen=True):
    """One POST /events that was answered 202. Order of arrival is `number`; a duplicate was acknowledged, not stored.

    `name` and `metadata` are as Intercom keeps them, `body` is the request as it came. Times are Unix seconds.
    """

    number: int
    received_at: float
    workspace: str
    contact_id: str
    external_id: str | None
    email: str | None
    identified_by: IdentifierKind
    identifier: str
    name: str
    created_at: int
    metadata: Mapping[str, Any]
    dropped_keys: tuple[str, ...]
    duplicate: bool
    body: bytes

    @property
    def sent(self) -> dict[str, Any]:
        """The request, read."""
        sent: dict[str, Any] = json.loads(self.body)
        return sent

    @property
    def types(self) -> dict[str, str]:
        """The metadata type of each key, in Intercom's words."""
        return {key: type_name(key, value) for key, value in self.metadata.items()}

    @property
    def position(self) -> int:
        """Where the event stands in a contact's list: milliseconds, told apart within a second by arrival."""
        return self.created_at * 1000 + self.number % 1000

    def as_json(self) -> dict[str, Any]:
        """The event as plain values, for the control plane and the ledger file."""
        fields = msgspec.structs.asdict(self)
        del fields["body"]
        return {**fields, "dropped_keys": list(self.dropped_keys), "types": self.types, "sent": self.sent}


@dataclass(frozen=True, slots=True)
class Summary:
    """How often one contact did one thing, first and last (Unix seconds)."""

    name: str
    count: int
    first: int
    last: int

    def plus(self, other: Summary) -> Summary:
        """Both together."""
        return Summary(self.name, self.count + other.count, min(self.first, other.first), max(self.last, other.last))


class DataEvents:
    """What one workspace holds of events. Knows contacts only by their id."""

    def __init__(self) -> None:
        self._seen: set[tuple[str, str, int]] = set()
        self._by_contact: dict[str, list[ReceivedEvent]] = {}
        self._uploaded: dict[str, dict[str, Summary]] = {}
        self._names: set[str] = set()

    def refuse_name(self, name: str, *, limit: int) -> Refused | None:
        """Intercom's 422 when `name` is new and the workspace has all the names it may have."""
        if name in self._names or len(self._names) < limit:
            return None
        return Refused(422, "422", TOO_MANY_NAMES.format(limit))

    def is_duplicate(self, contact: Contact, submission: Submission) -> bool:
        """Whether the same contact did the same thing in the same second already."""
        return _identity(contact, submission) in self._seen

    def add(self, contact: Contact, submission: Submission, event: ReceivedEvent) -> None:
        """Keep an event that is no duplicate."""
        self._seen.add(_identity(contact, submission))
        self._names.add(event.name)
        self._by_contact.setdefault(contact.id, []).append(event)

    def upload(self, contact_id: str, summary: Summary) -> None:
        """Count what happened before there were events, as POST /events/summaries does."""
        self._names.add(summary.name)
        _add(self._uploaded.setdefault(contact_id, {}), summary)

    def listed(
        self, contact_id: str, *, now: float, before: int | None = None, since: int | None = None
    ) -> list[ReceivedEvent]:
        """A contact's events of the last 90 days, newest first; `before` and `since` are positions in milliseconds."""
        oldest = now - LISTED_FOR_SECONDS
        events = (event for event in self._by_contact.get(contact_id, ()) if event.created_at >= oldest)
        wanted = (
            event
            for event in events
            if (before is None or event.position < before) and (since is None or event.position >= since)
        )
        return sorted(wanted, key=lambda event: event.position, reverse=True)

    def summaries(self, contact_id: str) -> list[Summary]:
        """One line for each thing a contact did, however long ago, by name."""
        by_name = dict(self._uploaded.get(contact_id, {}))
        for event in self._by_contact.get(contact_id, ()):
            _add(by_name, Summary(event.name, 1, event.created_at, event.created_at))
        return [by_name[name] for name in sorted(by_name)]

    def move(self, old_id: str, new_id: str) -> None:
        """Hand everything of one contact to another, as a merge does."""
        self._by_contact.setdefault(new_id, []).extend(self._by_contact.pop(old_id, ()))
        for summary in self._uploaded.pop(old_id, {}).values():
            self.upload(new_id, summary)

    def forget(self, contact_id: str) -> None:
        """Drop everything of a deleted contact."""
        self._by_contact.pop(contact_id, None)
        self._uploaded.pop(contact_id, None)

    def names(self) -> Iterator[str]:
        """The workspace's event names, sorted."""
        return iter(sorted(self._names))


def _identity(contact: Contact, submission: Submission) -> tuple[str, str, int]:
    """What makes two events one: Intercom names the external identifier; without one, only the id is left."""
    return contact.external_id or contact.id, submission.name, submission.created_at


def _add(by_name: dict[str, Summary], summary: Summary) -> None:
    known = by_name.get(summary.name)
    by_name[summary.name] = known.plus(summary) if known else summary

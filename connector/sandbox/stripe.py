"""A small local Stripe: the accounts, keys, events and objects that look-ups and reconciliation read.

Holds only what was loaded into it; stripe_routes.py answers for it over HTTP.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from connector.errors import UsageError
from connector.sandbox.settings import StripeKey

OBJECT_KEYS = frozenset({"id", "object"})
EVENT_KEYS = OBJECT_KEYS | {"type", "created", "data"}
KEPT_SECONDS = 30 * 24 * 3600  # Stripe lists events of the last 30 days


@dataclass(frozen=True, slots=True)
class EventFilter:
    """What GET /v1/events was asked for; times are bounds on `created`, Unix seconds, both inclusive."""

    types: tuple[str, ...] = ()
    earliest: int = 0
    latest: int = 2**63
    livemode: bool = False

    def admits(self, event: Mapping[str, Any]) -> bool:
        """Whether `event` is wanted."""
        if bool(event.get("livemode")) != self.livemode or not self.earliest <= event["created"] <= self.latest:
            return False
        return not self.types or any(_type_matches(event["type"], pattern) for pattern in self.types)


@dataclass(slots=True)
class StripeAccount:
    """One account: its events in order of arrival, and the newest version of each object by id."""

    id: str
    events: dict[str, dict[str, Any]] = field(default_factory=dict)
    objects: dict[str, dict[str, Any]] = field(default_factory=dict)

    def load(self, thing: dict[str, Any]) -> None:
        """Take in an event, with the object it carries, or an object. A thing known by its id is replaced.

        Raises UsageError for what is neither.
        """
        needed = EVENT_KEYS if thing.get("object") == "event" else OBJECT_KEYS
        if not needed <= thing.keys():
            raise UsageError(f"this is neither a Stripe event nor an object: {', '.join(sorted(thing))}")
        if thing["object"] != "event":
            self.objects[thing["id"]] = thing
            return
        self.events[thing["id"]] = thing
        carried = thing["data"]["object"]
        if "id" in carried:
            self.objects[carried["id"]] = carried

    def listed(self, wanted: EventFilter, *, now: float) -> list[dict[str, Any]]:
        """The events that match and are not too old, newest first."""
        oldest = now - KEPT_SECONDS
        newest_last = sorted(self.events.values(), key=lambda event: event["created"])
        return [event for event in reversed(newest_last) if event["created"] >= oldest and wanted.admits(event)]

    def event(self, event_id: str, *, now: float, livemode: bool) -> dict[str, Any] | None:
        """One event, if it is there and not too old."""
        found = self.events.get(event_id)
        if found is None or found["created"] < now - KEPT_SECONDS or bool(found.get("livemode")) != livemode:
            return None
        return found

    def object(self, object_id: str, kind: str, *, livemode: bool) -> dict[str, Any] | None:
        """One object of that kind and mode; an object that names no mode is in both."""
        found = self.objects.get(object_id)
        if found is None or found.get("object") != kind or found.get("livemode", livemode) != livemode:
            return None
        return found


class StripeAccounts:
    """The accounts behind a set of API keys."""

    def __init__(self, keys: Iterable[StripeKey]) -> None:
        self._keys = {key.key: key for key in keys}
        self._accounts = {key.account: StripeAccount(key.account) for key in self._keys.values()}

    def opened_by(self, key: str) -> tuple[StripeKey, StripeAccount] | None:
        """The key's rights and account, if the key is known."""
        found = self._keys.get(key)
        return (found, self._accounts[found.account]) if found else None

    def load(self, things: Iterable[dict[str, Any]], account_id: str | None = None) -> None:
        """Put events and objects into an account (the first, unless named). Raises UsageError when there is none."""
        account = self._accounts.get(account_id) if account_id else next(iter(self._accounts.values()), None)
        if account is None:
            raise UsageError(f"there is no Stripe account {account_id}; there are {', '.join(self._accounts)}")
        for thing in things:
            account.load(thing)

    def clear(self) -> None:
        """Forget what was loaded; keys stay."""
        for account in self._accounts.values():
            account.events.clear()
            account.objects.clear()


def _type_matches(event_type: str, pattern: str) -> bool:
    return event_type.startswith(pattern[:-1]) if pattern.endswith("*") else event_type == pattern

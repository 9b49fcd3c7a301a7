"""A small local Stripe: the accounts, keys, events, objects and webhook endpoints that the connector deals with.

Holds only what was loaded into it or made through its API; stripe_routes.py answers for it over HTTP, and
stripe_sender.py sends its webhooks.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from connector.errors import UsageError
from connector.sandbox.settings import StripeKey
from connector.sandbox.stripe_endpoints import WebhookEndpoints
from connector.sandbox.stripe_shelf import Pages, Shelf

OBJECT_KEYS = frozenset({"id", "object"})
EVENT_KEYS = OBJECT_KEYS | {"type", "created", "data"}
KEPT_SECONDS = 30 * 24 * 3600  # Stripe lists events of the last 30 days


@dataclass(frozen=True, slots=True)
class EventFilter:
    """Which events GET /v1/events was asked for; a type that ends in `*` stands for any ending."""

    types: tuple[str, ...] = ()
    livemode: bool = False

    def admits(self, event: Mapping[str, Any]) -> bool:
        """Whether `event` is wanted."""
        if bool(event.get("livemode")) != self.livemode:
            return False
        return not self.types or any(_type_matches(event["type"], pattern) for pattern in self.types)


@dataclass(slots=True)
class StripeAccount:
    """One account: its events, the newest version of each object, and the webhook endpoints of either mode."""

    id: str
    events: Shelf = field(default_factory=Shelf)
    objects: dict[str, Shelf] = field(default_factory=dict)
    endpoints: WebhookEndpoints = field(default_factory=WebhookEndpoints)
    window: tuple[int, int] = (0, 0)
    """The second in which calls are counted, and how many there were."""

    def load(self, thing: dict[str, Any]) -> None:
        """Take in an event, with the object it carries, or an object. A thing known by its id is replaced.

        Raises UsageError for what is neither.
        """
        needed = EVENT_KEYS if thing.get("object") == "event" else OBJECT_KEYS
        if not needed <= thing.keys():
            raise UsageError(f"this is neither a Stripe event nor an object: {', '.join(sorted(thing))}")
        if thing["object"] != "event":
            self._shelf(thing["object"]).put(thing)
            return
        self.events.put(thing)
        carried = thing["data"]["object"]
        if "id" in carried and "object" in carried:
            self._shelf(carried["object"]).put(carried)

    def listed(self, wanted: EventFilter, pages: Pages, *, now: float) -> tuple[list[dict[str, Any]], bool]:
        """A page of the events that match and are not too old, newest first."""
        kept = Pages(pages.limit, pages.after, pages.before, max(pages.earliest, _oldest(now)), pages.latest)
        return self.events.page(kept, wanted.admits)

    def event(self, event_id: str, *, now: float, livemode: bool) -> dict[str, Any] | None:
        """One event, if it is there and not too old."""
        found = self.events.get(event_id)
        if found is None or found["created"] < _oldest(now) or bool(found.get("livemode")) != livemode:
            return None
        return found

    def object(self, object_id: str, kind: str, *, livemode: bool) -> dict[str, Any] | None:
        """One object of that kind and mode; an object that names no mode is in both."""
        found = self._shelf(kind).get(object_id)
        return found if found is not None and found.get("livemode", livemode) == livemode else None

    def objects_like(
        self, kind: str, pages: Pages, fields: Mapping[str, str], *, livemode: bool
    ) -> tuple[list[dict[str, Any]], bool]:
        """A page of the objects of a kind whose fields are these."""

        def admits(thing: Mapping[str, Any]) -> bool:
            of_mode = thing.get("livemode", livemode) == livemode
            return of_mode and all(_is(thing, name, value) for name, value in fields.items())

        return self._shelf(kind).page(pages, admits)

    def has(self, kind: str, thing_id: str) -> bool:
        """Whether a list may go on behind it."""
        return (self.events if kind == "event" else self._shelf(kind)).get(thing_id) is not None

    def spend(self, limit: int | None, *, now: float) -> bool:
        """Count one call; False when it is one too many for this second."""
        second, used = self.window
        self.window = (int(now), used + 1 if second == int(now) else 1)
        return limit is None or self.window[1] <= limit

    def clear(self) -> None:
        """Forget what was loaded or made."""
        self.events.clear()
        self.objects.clear()
        self.endpoints.clear()

    def _shelf(self, kind: str) -> Shelf:
        return self.objects.setdefault(kind, Shelf())


class StripeAccounts:
    """The accounts behind a set of API keys."""

    def __init__(self, keys: Iterable[StripeKey]) -> None:
        self._keys = {key.key: key for key in keys}
        self._accounts = {key.account: StripeAccount(key.account) for key in self._keys.values()}

    def opened_by(self, key: str) -> tuple[StripeKey, StripeAccount] | None:
        """The key's rights and account, if the key is known."""
        found = self._keys.get(key)
        return (found, self._accounts[found.account]) if found else None

    def account(self, account_id: str | None = None) -> StripeAccount:
        """The account of that id, or the first. Raises UsageError when there is none."""
        found = self._accounts.get(account_id) if account_id else next(iter(self._accounts.values()), None)
        if found is None:
            raise UsageError(f"there is no Stripe account {account_id}; there are {', '.join(self._accounts)}")
        return found

    def load(self, things: Iterable[dict[str, Any]], account_id: str | None = None) -> None:
        """Put events and objects into an account (the first, unless named). Raises UsageError when there is none."""
        account = self.account(account_id)
        for thing in things:
            account.load(thing)

    def add_key(self, key: StripeKey) -> None:
        """A further key; it may open a further account."""
        self._keys[key.key] = key
        self._accounts.setdefault(key.account, StripeAccount(key.account))

    def revoke_key(self, key: str) -> None:
        """A key that opens nothing any more."""
        self._keys.pop(key, None)

    def clear(self) -> None:
        """Forget what was loaded; keys stay."""
        for account in self._accounts.values():
            account.clear()


def _oldest(now: float) -> int:
    return int(now) - KEPT_SECONDS


def _is(thing: Mapping[str, Any], name: str, value: str) -> bool:
    """Stripe lists subscriptions that have ended only where `status` asks for them."""
    if name == "status" and value in ("all", ""):
        return value == "all" or thing.get("status") != "canceled"
    return thing.get(name) == value


def _type_matches(event_type: str, pattern: str) -> bool:
    return event_type.startswith(pattern[:-1]) if pattern.endswith("*") else event_type == pattern

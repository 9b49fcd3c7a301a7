"""Webhook endpoints of a local Stripe account: at most sixteen, each with a secret that is shown once."""

from __future__ import annotations

import re
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from itertools import count
from typing import Any

from connector.sandbox.stripe_shelf import Pages, Shelf

MOST = 16
DEFAULT_VERSION = "2026-10-28.endive"
_INDEXED = re.compile(r"(\w+)\[(\w*)\]")
_serial = count(1)


@dataclass(frozen=True, slots=True)
class BadField:
    """What is wrong with a request: Stripe's message, and the parameter it is about."""

    message: str
    param: str | None = None


Form = Mapping[str, str | list[str] | dict[str, str]]


def read_form(pairs: Mapping[str, str]) -> Form:
    """`enabled_events[0]=…` as a list, `metadata[key]=…` as an object, as Stripe's libraries write them."""
    form: dict[str, Any] = {}
    for name, value in pairs.items():
        match = _INDEXED.fullmatch(name)
        if match is None:
            form[name] = value
        elif not match[2] or match[2].isdecimal():
            form.setdefault(match[1], []).append(value)
        else:
            form.setdefault(match[1], {})[match[2]] = value
    return form


@dataclass
class WebhookEndpoints:
    """Those of one account, of either mode."""

    _shelf: Shelf = field(default_factory=Shelf)
    _secrets: dict[str, str] = field(default_factory=dict)
    _deleted: set[str] = field(default_factory=set)

    def page(self, pages: Pages, *, livemode: bool) -> tuple[list[dict[str, Any]], bool]:
        """A page of them, newest first, without their secrets."""
        return self._shelf.page(pages, lambda each: self._is_there(each) and each["livemode"] == livemode)

    def get(self, endpoint_id: str, *, livemode: bool) -> dict[str, Any] | None:
        """One of them, without its secret."""
        found = self._shelf.get(endpoint_id)
        return found if found and self._is_there(found) and found["livemode"] == livemode else None

    def make(self, form: Form, *, livemode: bool, now: float) -> dict[str, Any] | BadField:
        """A new one, with its secret."""
        if wrong := _wrong(form, new=True):
            return wrong
        if sum(self._is_there(each) for each in self._shelf) >= MOST:
            return BadField(f"You have reached the maximum of {MOST} webhook endpoints.")
        endpoint: dict[str, Any] = {
            "id": f"we_{next(_serial):014}",
            "object": "webhook_endpoint",
            "api_version": form.get("api_version"),
            "application": None,
            "created": int(now),
            "description": form.get("description"),
            "enabled_events": form["enabled_events"],
            "livemode": livemode,
            "metadata": form.get("metadata", {}),
            "status": "enabled",
            "url": form["url"],
        }
        self._shelf.put(endpoint)
        self._secrets[endpoint["id"]] = secret = f"whsec_{secrets.token_hex(16)}"
        return {**endpoint, "secret": secret}

    def change(self, endpoint: dict[str, Any], form: Form) -> dict[str, Any] | BadField:
        """Another address, other types, other metadata, on or off; its version stays."""
        if wrong := _wrong(form, new=False):
            return wrong
        named = ("url", "enabled_events", "description")
        changes = {name: form[name] for name in named if name in form}
        if "metadata" in form:
            changes["metadata"] = {**endpoint["metadata"], **form["metadata"]}  # type: ignore[dict-item]
        if "disabled" in form:
            changes["status"] = "disabled" if form["disabled"] == "true" else "enabled"
        changed = {**endpoint, **changes}
        self._shelf.put(changed)
        return changed

    def delete(self, endpoint: Mapping[str, Any]) -> dict[str, Any]:
        """Gone; what was to be sent there is dropped."""
        self._deleted.add(endpoint["id"])
        return {"id": endpoint["id"], "object": "webhook_endpoint", "deleted": True}

    def takers(self, event: Mapping[str, Any]) -> list[tuple[dict[str, Any], str]]:
        """The endpoints that an event goes to, each with its secret."""
        return [
            (each, self._secrets[each["id"]])
            for each in self._shelf
            if self._is_there(each)
            and each["status"] == "enabled"
            and each["livemode"] == bool(event.get("livemode"))
            and not {"*", event["type"]}.isdisjoint(each["enabled_events"])
        ]

    def clear(self) -> None:
        """Forget them all."""
        self._shelf.clear()
        self._secrets.clear()
        self._deleted.clear()

    def _is_there(self, endpoint: Mapping[str, Any]) -> bool:
        return endpoint["id"] not in self._deleted


def _wrong(form: Form, *, new: bool) -> BadField | None:
    known = {"url", "enabled_events", "description", "metadata"} | ({"api_version"} if new else {"disabled"})
    for name in form:
        if name not in known:
            return BadField(f"Received unknown parameter: {name}", name)
    for name in ("url", "enabled_events") if new else ():
        if name not in form:
            return BadField(f"Missing required param: {name}.", name)
    url = form.get("url", "https://x")
    if not isinstance(url, str) or not url.startswith(("https://", "http://127.0.0.1", "http://localhost")):
        return BadField("Invalid URL: An explicit scheme (such as https) must be provided.", "url")
    types = form.get("enabled_events", ["*"])
    if not isinstance(types, list) or any("*" in each and each != "*" for each in types):
        return BadField("Invalid enabled_events: each must be an event type, or one of them `*`.", "enabled_events")
    return None

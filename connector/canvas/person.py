"""Whom a canvas request is about, and what was clicked: read from whatever shape came.  Pure.

Intercom's documents call the contact `customer` in one place and `contact` in another: both are taken.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from connector.events import DISPLAY_LENGTH, Identifier, IdentifierKind


@dataclass(frozen=True, slots=True)
class Person:
    """A contact as Intercom names it."""

    id: str | None = None
    user_id: str | None = None
    email: str | None = None

    @property
    def identifiers(self) -> tuple[Identifier, ...]:
        """Every way to name them."""
        named = (
            (IdentifierKind.ID, self.id),
            (IdentifierKind.USER_ID, self.user_id),
            (IdentifierKind.EMAIL, self.email),
        )
        return tuple(Identifier(kind, value) for kind, value in named if value)

    def is_meant_by(self, identifier: Identifier | None) -> bool:
        """Whether an event sent to `identifier` went to this very contact: an address may be several contacts'."""
        return identifier is None or identifier.key in {each.key for each in self.identifiers}


@dataclass(frozen=True, slots=True)
class Asked:
    """One request: the workspace, the contact, who looks, and which component was clicked (None at first)."""

    workspace_id: object
    person: Person
    admin_id: str | None
    component: str | None


def asked(sent: Mapping[str, Any]) -> Asked:
    """What was asked; nothing in `sent` is taken for granted."""
    contact = _mapping(sent.get("contact")) or _mapping(sent.get("customer"))
    admin = _mapping(sent.get("admin"))
    return Asked(
        sent.get("workspace_id") or sent.get("app_id"),
        Person(
            _text(contact.get("id")),
            _text(contact.get("external_id")) or _text(contact.get("user_id")),
            _text(contact.get("email")),
        ),
        _text(admin.get("id")),
        _text(sent.get("component_id")),
    )


def _mapping(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}


def _text(value: object) -> str | None:
    if isinstance(value, int) and not isinstance(value, bool):
        value = str(value)
    if not isinstance(value, str) or not 0 < len(value) <= DISPLAY_LENGTH or "\x00" in value:
        return None
    return value.encode("utf-8", "replace").decode()

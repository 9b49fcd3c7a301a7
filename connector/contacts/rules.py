"""What a workspace has decided about contacts: whom it means where several answer, and what if nobody does.  Pure.

The defaults never guess and never create: an event for nobody waits, one for several is a dead letter that says how to
mend it. `docs/contacts.md` tells each choice in an admin's words.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, TypeVar

from connector.events import Identifier, IdentifierKind
from connector.intercom.contact import Contact, NewContact


class UnknownContact(StrEnum):
    """What becomes of an event whose contact Intercom does not know."""

    WAIT = "wait"
    CREATE_USER = "create_user"
    CREATE_LEAD = "create_lead"


class SeveralContacts(StrEnum):
    """Whom an event goes to whose identifier several contacts have."""

    NONE = "none"
    USER_OVER_LEAD = "user_over_lead"
    NEWEST_ACTIVE = "newest_active"


class ArchivedContact(StrEnum):
    """What becomes of an event whose contact is to be created, and turns out to be archived."""

    WAIT = "wait"
    UNARCHIVE = "unarchive"


@dataclass(frozen=True, slots=True)
class ContactRules:
    """One workspace's choices, by the names that they have in its settings."""

    unknown_contact: UnknownContact = UnknownContact.WAIT
    several_contacts: SeveralContacts = SeveralContacts.NONE
    archived_contact: ArchivedContact = ArchivedContact.WAIT


Choice = TypeVar("Choice", bound=StrEnum)


def rules(settings: Mapping[str, Any]) -> ContactRules:
    """The choices in a workspace's settings; what is not there, or is none of the words, is the default."""
    return ContactRules(
        _choice(settings.get("unknown_contact"), UnknownContact.WAIT),
        _choice(settings.get("several_contacts"), SeveralContacts.NONE),
        _choice(settings.get("archived_contact"), ArchivedContact.WAIT),
    )


def _choice(value: object, default: Choice) -> Choice:
    return next((each for each in type(default) if each.value == value), default)


def the_one(contacts: Sequence[Contact], rule: SeveralContacts) -> Contact | None:
    """Who of `contacts` is meant; None where the rule does not say."""
    if len(contacts) == 1:
        return contacts[0]
    match rule:
        case SeveralContacts.USER_OVER_LEAD:
            users = [contact for contact in contacts if contact.role == "user"]
            return users[0] if len(users) == 1 else None
        case SeveralContacts.NEWEST_ACTIVE:
            return _seen_last(contacts)
        case SeveralContacts.NONE:
            return None


def _seen_last(contacts: Sequence[Contact]) -> Contact | None:
    """Who was active last; nobody, where two were at the same second or nobody ever was."""
    seen = sorted(contacts, key=lambda contact: contact.active_at, reverse=True)
    if not seen or not seen[0].active_at or (len(seen) > 1 and seen[1].active_at == seen[0].active_at):
        return None
    return seen[0]


def to_create(ways: Sequence[Identifier], rule: UnknownContact) -> NewContact | None:
    """Who is to be created for an event that names its contact in these ways; None where nobody is.

    A lead is known by its address alone: an external id would make it somebody who has signed up.
    """
    user_id, email = _first(ways, IdentifierKind.USER_ID), _first(ways, IdentifierKind.EMAIL)
    match rule:
        case UnknownContact.CREATE_USER if user_id or email:
            return NewContact("user", user_id, email)
        case UnknownContact.CREATE_LEAD if email:
            return NewContact("lead", None, email)
    return None


def _first(ways: Sequence[Identifier], kind: IdentifierKind) -> str | None:
    return next((way.value for way in ways if way.kind is kind), None)

"""The contacts of one workspace: who is there, who was merged or archived, and who an identifier means."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from itertools import count
from typing import Any

from connector.sandbox.answers import Refused, conflict, invalid, missing, not_found
from connector.sandbox.event_request import NOT_SECONDS, IdentifierKind

ROLES = ("user", "lead")
SAME_EMAIL = "Multiple existing users match this email address - must be more specific using user_id"


@dataclass(frozen=True, slots=True)
class Contact:
    """A person as Intercom keeps them. Times are Unix seconds; `searchable_at` is when search begins to see them."""

    id: str
    role: str = "user"
    external_id: str | None = None
    email: str | None = None
    name: str | None = None
    phone: str | None = None
    owner_id: str | None = None
    avatar: str | None = None
    signed_up_at: int | None = None
    last_seen_at: int | None = None
    unsubscribed_from_emails: bool = False
    custom_attributes: Mapping[str, Any] = field(default_factory=dict)
    created_at: int = 0
    updated_at: int = 0
    searchable_at: float = 0.0
    archived: bool = False
    merged_into: str | None = None
    merged_at: int | None = None

    @property
    def active(self) -> bool:
        """Neither archived nor merged into somebody else."""
        return not self.archived and self.merged_into is None


# What POST and PUT /contacts may set, and of which type it has to be.
WRITABLE: Mapping[str, type] = {
    "role": str,
    "external_id": str,
    "email": str,
    "name": str,
    "phone": str,
    "owner_id": str,
    "avatar": str,
    "signed_up_at": int,
    "last_seen_at": int,
    "unsubscribed_from_emails": bool,
    "custom_attributes": dict,
}


class Contacts:
    """One workspace's people. Every method that can fail in the caller's sight returns Refused."""

    def __init__(self, *, match_email_case: bool = False) -> None:
        self.match_email_case = match_email_case
        self._by_id: dict[str, Contact] = {}
        self._by_external_id: dict[str, str] = {}
        self._by_email: dict[str, dict[str, None]] = {}
        self._serial = count(1)

    def __iter__(self) -> Iterator[Contact]:
        return iter(self._by_id.values())

    def create(self, fields: Mapping[str, Any], *, now: float, search_delay: float) -> Contact | Refused:
        """A new contact, unless one with those details is there already."""
        if not any(fields.get(name) for name in ("email", "external_id", "role")):
            return missing("email")
        if refused := _fields_refused(fields):
            return refused
        new = Contact(
            id=f"{int(now):08x}{next(self._serial):016x}",
            **_written(fields),
            created_at=int(now),
            updated_at=int(now),
            searchable_at=now + search_delay,
        )
        if twin := self._twin(new):
            kind = "An archived contact" if twin.archived else "A contact"
            return conflict(f"{kind} matching those details already exists with id={twin.id}")
        return self._put(new)

    def update(self, contact_id: str, fields: Mapping[str, Any], *, now: float) -> Contact | Refused:
        """The contact with `fields` changed; custom attributes are merged, not replaced."""
        old = self.get(contact_id)
        if isinstance(old, Refused):
            return old
        if refused := _fields_refused(fields):
            return refused
        changes = _written(fields)
        if "custom_attributes" in changes:
            changes["custom_attributes"] = {**old.custom_attributes, **changes["custom_attributes"]}
        new = replace(old, **changes, updated_at=int(now))
        if twin := self._twin(new):
            return conflict(f"A contact matching those details already exists with id={twin.id}")
        return self._put(new)

    def get(self, contact_id: str) -> Contact | Refused:
        """The contact of that Intercom id; 410 with the way to the survivor when it was merged."""
        contact = self._by_id.get(contact_id)
        if contact is None or contact.archived:
            return not_found()
        return _gone(contact.merged_into) if contact.merged_into else contact

    def get_by_external_id(self, external_id: str) -> Contact | Refused:
        """The user of that external id, or 410 when they were merged. Leads are not found this way."""
        contact = self._by_id.get(self._by_external_id.get(external_id, ""))
        if contact is None or contact.archived:
            return not_found()
        if contact.merged_into:
            return _gone(contact.merged_into)
        return contact if contact.role == "user" else not_found()

    def meant_by(self, kind: IdentifierKind, value: str) -> Contact | Refused:
        """The one contact an event with this identifier belongs to. A lead answers to its `id` only."""
        match kind:
            case "id":
                contact = self._by_id.get(value)
                return contact if contact is not None and contact.active else not_found()
            case "user_id":
                found = self.get_by_external_id(value)
                return found if isinstance(found, Contact) else not_found()
            case "email":
                return self._only_user_with(value)

    def with_email(self, email: str) -> list[Contact]:
        """Everyone of that address, archived ones too; case matters only if the workspace says so."""
        return [self._by_id[contact_id] for contact_id in self._by_email.get(self._email_key(email), ())]

    def merge(self, lead_id: str, user_id: str, *, skip_check: bool, now: float) -> Contact | Refused:
        """The user, who has taken over the lead."""
        lead, user = self._by_id.get(lead_id), self._by_id.get(user_id)
        if lead is None or user is None or not (lead.active and user.active):
            return not_found()
        if (lead.role, user.role) != ("lead", "user"):
            return Refused(400, "invalid_merge", "A lead can be merged into a user, nothing else")
        if not skip_check and not self._share_details(lead, user):
            return Refused(400, "invalid_merge", _NOT_DUPLICATES)
        self._put(replace(lead, merged_into=user.id, merged_at=int(now), updated_at=int(now)))
        return self._put(replace(user, updated_at=int(now)))

    def merged_into(self, contact_id: str) -> list[Contact]:
        """The contacts that were merged into this one."""
        return [contact for contact in self if contact.merged_into == contact_id]

    def set_archived(self, contact_id: str, *, archived: bool, now: float) -> Contact | Refused:
        """The contact, archived or brought back."""
        contact = self._by_id.get(contact_id)
        if contact is None or contact.merged_into:
            return not_found()
        return self._put(replace(contact, archived=archived, updated_at=int(now)))

    def delete(self, contact_id: str) -> Contact | Refused:
        """The contact as it was before it was deleted for good."""
        contact = self._by_id.get(contact_id)
        if contact is None or contact.merged_into:
            return not_found()
        self._forget_details(contact)
        del self._by_id[contact_id]
        return contact

    def _only_user_with(self, email: str) -> Contact | Refused:
        users = [contact for contact in self.with_email(email) if contact.role == "user" and contact.active]
        if len(users) > 1:
            return conflict(SAME_EMAIL)
        return users[0] if users else not_found()

    def _twin(self, new: Contact) -> Contact | None:
        """Whoever stands in the way of `new`: the same external id, or the same email without two ids to tell apart."""
        holder = self._by_id.get(self._by_external_id.get(new.external_id or "", ""))
        if holder is not None and holder.id != new.id and holder.merged_into is None:
            return holder
        if new.role != "user" or not new.email:
            return None
        others = [c for c in self.with_email(new.email) if c.id != new.id and c.role == "user"]
        return next((c for c in others if not (c.external_id and new.external_id)), None)

    def _share_details(self, lead: Contact, user: Contact) -> bool:
        if lead.email and user.email and self._email_key(lead.email) == self._email_key(user.email):
            return True
        return lead.phone is not None and lead.phone == user.phone

    def _put(self, contact: Contact) -> Contact:
        if old := self._by_id.get(contact.id):
            self._forget_details(old)
        self._by_id[contact.id] = contact
        if contact.external_id:
            self._by_external_id[contact.external_id] = contact.id
        if contact.email and contact.merged_into is None:
            self._by_email.setdefault(self._email_key(contact.email), {})[contact.id] = None
        return contact

    def _forget_details(self, contact: Contact) -> None:
        if contact.external_id and self._by_external_id.get(contact.external_id) == contact.id:
            del self._by_external_id[contact.external_id]
        if contact.email:
            self._by_email.get(self._email_key(contact.email), {}).pop(contact.id, None)

    def _email_key(self, email: str) -> str:
        return email if self.match_email_case else email.casefold()


_NOT_DUPLICATES = (
    "Contacts can only be merged when they are duplicates (matching email or phone). "
    "Pass skip_duplicate_validation=true to override this check."
)


def _gone(survivor: str) -> Refused:
    message = "This contact has been merged. See the 'Link' header for the canonical contact."
    link = {"Link": f'</contacts/{survivor}>; rel="canonical"'}
    return Refused(410, "contact_merged", message, headers=link)


def _fields_refused(fields: Mapping[str, Any]) -> Refused | None:
    for name, kind in WRITABLE.items():
        value = fields.get(name)
        if value is not None and not _fits(value, kind):
            return invalid(name, f"{name} is of the wrong type")
    if fields.get("email_verified") is not None and not fields.get("email"):
        return invalid("email_verified", "email_verified must be sent together with an email")
    if fields.get("role") not in (None, *ROLES):
        return invalid("role", "role must be user or lead")
    return None


def _fits(value: object, kind: type) -> bool:
    if kind is int:  # all of them are times
        return isinstance(value, int) and not isinstance(value, bool) and 0 <= value < NOT_SECONDS
    return isinstance(value, kind)


def _written(fields: Mapping[str, Any]) -> dict[str, Any]:
    """What of `fields` is kept. Null clears a value, except where there has to be one."""
    return {
        name: value
        for name, value in fields.items()
        if name in WRITABLE and (value is not None or name not in _NEVER_NULL)
    }


_NEVER_NULL = frozenset({"role", "unsubscribed_from_emails", "custom_attributes"})

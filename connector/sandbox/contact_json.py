"""A contact in the shape of Intercom's API, with every key its documents show."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from connector.sandbox.contacts import Contact

# Known to Intercom, never to the sandbox.
ALWAYS_NULL = (
    "last_replied_at",
    "last_contacted_at",
    "last_email_opened_at",
    "last_email_clicked_at",
    "language_override",
    "browser",
    "browser_version",
    "browser_language",
    "os",
)
LISTS = {"tags": "tags", "notes": "notes", "companies": "companies", "opted_out_subscription_types": "subscriptions"}


def contact_json(contact: Contact, *, workspace: str, merged: Iterable[Contact] | None = None) -> dict[str, Any]:
    """`contact` as GET /contacts/{id} shows it; with `merged` also the contacts it has swallowed."""
    shown: dict[str, Any] = {
        "type": "contact",
        "id": contact.id,
        "workspace_id": workspace,
        "external_id": contact.external_id,
        "role": contact.role,
        "email": contact.email,
        "phone": contact.phone,
        "name": contact.name,
        "avatar": {"type": "avatar", "image_url": contact.avatar} if contact.avatar else None,
        "owner_id": contact.owner_id,
        "social_profiles": {"type": "list", "data": []},
        "has_hard_bounced": False,
        "marked_email_as_spam": False,
        "unsubscribed_from_emails": contact.unsubscribed_from_emails,
        "created_at": contact.created_at,
        "updated_at": contact.updated_at,
        "signed_up_at": contact.signed_up_at,
        "last_seen_at": contact.last_seen_at,
        "location": {"type": "location", "country": None, "region": None, "city": None},
        "custom_attributes": contact.custom_attributes,
        **dict.fromkeys(ALWAYS_NULL),
        **{name: _empty_list(contact.id, place) for name, place in LISTS.items()},
    }
    if contact.email:
        shown["email_domain"] = contact.email.rpartition("@")[2]
    if merged is not None and contact.role == "user":
        shown["merge_history"] = [_merge_json(source) for source in merged]
    return shown


def reference_json(contact: Contact, **more: bool) -> dict[str, Any]:
    """The short form, as archiving and deleting answer."""
    return {"type": "contact", "id": contact.id, "external_id": contact.external_id, **more}


def _empty_list(contact_id: str, place: str) -> dict[str, Any]:
    url = f"/contacts/{contact_id}/{place}"
    return {"type": "list", "data": [], "url": url, "total_count": 0, "has_more": False}


def _merge_json(source: Contact) -> dict[str, Any]:
    return {
        "type": "merge_history",
        "source_contact_id": source.id,
        "source_contact_role": source.role,
        "merged_at": source.merged_at,
    }

"""Intercom's contact routes: requests in, contacts.py and contact_search.py decide, JSON out."""

from __future__ import annotations

from typing import Any

from aiohttp import web

from connector.sandbox.answers import Refused, invalid, json_response, missing
from connector.sandbox.contact_json import contact_json, reference_json
from connector.sandbox.contact_search import Reader, find, sort
from connector.sandbox.contacts import Contact
from connector.sandbox.event_request import json_object
from connector.sandbox.gate import Visit

DEFAULT_PER_PAGE = 50
MOST_PER_PAGE = 150


async def create(visit: Visit) -> web.Response | Refused:
    """POST /contacts."""
    fields = json_object(await visit.request.read())
    if isinstance(fields, Refused):
        return fields
    return _shown(visit, visit.workspace.create_contact(fields, now=visit.now))


async def show(visit: Visit) -> web.Response | Refused:
    """GET /contacts/{id}."""
    return _shown(visit, visit.workspace.contacts.get(_id(visit)))


async def show_by_external_id(visit: Visit) -> web.Response | Refused:
    """GET /contacts/find_by_external_id/{external_id}: users only."""
    external_id = visit.request.match_info["external_id"]
    return _shown(visit, visit.workspace.contacts.get_by_external_id(external_id))


async def update(visit: Visit) -> web.Response | Refused:
    """PUT /contacts/{id}."""
    fields = json_object(await visit.request.read())
    if isinstance(fields, Refused):
        return fields
    return _shown(visit, visit.workspace.contacts.update(_id(visit), fields, now=visit.now))


async def merge(visit: Visit) -> web.Response | Refused:
    """POST /contacts/merge."""
    sent = json_object(await visit.request.read())
    if isinstance(sent, Refused):
        return sent
    source, target = sent.get("from"), sent.get("into")
    if not isinstance(source, str) or not isinstance(target, str):
        return missing("from" if not isinstance(source, str) else "into")
    skip_check = sent.get("skip_duplicate_validation") is True
    return _shown(visit, visit.workspace.merge(source, target, skip_check=skip_check, now=visit.now))


async def archive(visit: Visit) -> web.Response | Refused:
    """POST /contacts/{id}/archive."""
    return _archived(visit, archived=True)


async def unarchive(visit: Visit) -> web.Response | Refused:
    """POST /contacts/{id}/unarchive."""
    return _archived(visit, archived=False)


async def delete(visit: Visit) -> web.Response | Refused:
    """DELETE /contacts/{id}: the contact and their events are gone."""
    gone = visit.workspace.delete_contact(_id(visit))
    return gone if isinstance(gone, Refused) else json_response(reference_json(gone, deleted=True))


async def search(visit: Visit) -> web.Response | Refused:
    """POST /contacts/search."""
    sent = json_object(await visit.request.read())
    if isinstance(sent, Refused):
        return sent
    settings = visit.workspace.settings
    reader = Reader(settings.timezone, settings.match_email_case)
    found = find(visit.workspace.contacts, sent.get("query"), reader=reader, now=visit.now)
    if isinstance(found, Refused):
        return found
    found = sort(found, sent.get("sort"))
    return found if isinstance(found, Refused) else _page(visit, found, sent.get("pagination"))


def _page(visit: Visit, found: list[Contact], asked: object) -> web.Response | Refused:
    paging = asked if isinstance(asked, dict) else {}
    per_page, after = paging.get("per_page", DEFAULT_PER_PAGE), paging.get("starting_after")
    if isinstance(per_page, bool) or not isinstance(per_page, int) or not 1 <= per_page <= MOST_PER_PAGE:
        return invalid("per_page", f"per_page must be between 1 and {MOST_PER_PAGE}")
    ids = [contact.id for contact in found]
    if after is not None and after not in ids:
        return invalid("starting_after", "starting_after is not a cursor of this search")
    start = ids.index(after) + 1 if after else 0
    page = found[start : start + per_page]
    pages: dict[str, Any] = {
        "type": "pages",
        "page": start // per_page + 1,
        "per_page": per_page,
        "total_pages": -(-len(found) // per_page),
    }
    if start + per_page < len(found):
        pages["next"] = {"per_page": per_page, "starting_after": page[-1].id}
    data = [_contact_json(visit, contact) for contact in page]
    return json_response({"type": "list", "data": data, "total_count": len(found), "pages": pages})


def _id(visit: Visit) -> str:
    return visit.request.match_info["contact_id"]


def _archived(visit: Visit, *, archived: bool) -> web.Response | Refused:
    contact = visit.workspace.contacts.set_archived(_id(visit), archived=archived, now=visit.now)
    return contact if isinstance(contact, Refused) else json_response(reference_json(contact, archived=archived))


def _shown(visit: Visit, contact: Contact | Refused) -> web.Response | Refused:
    return contact if isinstance(contact, Refused) else json_response(_contact_json(visit, contact))


def _contact_json(visit: Visit, contact: Contact) -> dict[str, Any]:
    asked = visit.request.query.get("include_merge_history") == "true"
    merged = visit.workspace.contacts.merged_into(contact.id) if asked else None
    return contact_json(contact, workspace=visit.workspace.settings.app_id, merged=merged)

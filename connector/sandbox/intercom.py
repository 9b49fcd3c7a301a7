"""Intercom's routes: data events and /me here, contacts in intercom_contacts.py; the rules are in what they call."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from aiohttp import web

from connector.sandbox import intercom_contacts as contacts
from connector.sandbox.answers import Refused, invalid, json_response, missing
from connector.sandbox.contacts import Contact
from connector.sandbox.data_events import ReceivedEvent, Summary
from connector.sandbox.event_request import IdentifierKind, json_object, normal_name, read_submission, whole_number
from connector.sandbox.gate import IntercomHandler, Visit, guarded
from connector.sandbox.settings import Scope
from connector.sandbox.state import State

DEFAULT_PER_PAGE = 15
FOUNDED = 1734537243  # when every sandbox workspace was created, Unix seconds
LISTED_BY: dict[str, IdentifierKind] = {"intercom_user_id": "id", "user_id": "user_id", "email": "email"}


def intercom_routes(state: State) -> list[web.RouteDef]:
    """Every route of Intercom's that the sandbox answers."""
    return [web.route(method, path, guarded(state, scope, handler)) for method, path, scope, handler in ROUTES]


async def submit_event(visit: Visit) -> web.Response | Refused:
    """POST /events."""
    workspace = visit.workspace
    submission = read_submission(await visit.request.read(), metadata_keys=workspace.settings.metadata_keys)
    if isinstance(submission, Refused):
        return submission
    outcome = workspace.submit(submission, now=visit.now)
    return outcome if isinstance(outcome, Refused) else web.Response(status=202)


async def list_events(visit: Visit) -> web.Response | Refused:
    """GET /events: one contact's events, newest first, or with summary=true one line for each name."""
    query = visit.request.query
    if query.get("type") != "user":
        return invalid("type", "type must be user")
    given = next((name for name in LISTED_BY if query.get(name)), None)
    if given is None:
        return missing("user_id")
    contact = visit.workspace.contacts.meant_by(LISTED_BY[given], query[given])
    if isinstance(contact, Refused):
        return contact
    if query.get("summary") == "true":
        return json_response(_summary_json(contact, visit.workspace.events.summaries(contact.id)))
    return _event_page(visit, contact, asked_by=given)


async def submit_summaries(visit: Visit) -> web.Response | Refused:
    """POST /events/summaries: counts without metadata, for one user."""
    sent = json_object(await visit.request.read())
    if isinstance(sent, Refused):
        return sent
    if not isinstance(user_id := sent.get("user_id"), str):
        return missing("user_id")
    summaries = _summaries(sent.get("event_summaries"))
    if isinstance(summaries, Refused):
        return summaries
    contact = visit.workspace.contacts.meant_by("user_id", user_id)
    if isinstance(contact, Refused):
        return contact
    for summary in summaries:
        visit.workspace.events.upload(contact.id, summary)
    return web.Response(status=200)


async def show_me(visit: Visit) -> web.Response:
    """GET /me: the token's admin and its workspace."""
    settings = visit.workspace.settings
    app = {
        "type": "app",
        "id_code": settings.app_id,
        "name": settings.name,
        "created_at": FOUNDED,
        "secure": False,
        "identity_verification": False,
        "timezone": settings.timezone,
        "region": settings.region,
    }
    admin = {
        "type": "admin",
        "id": "1",
        "email": f"admin@{settings.app_id}.example",
        "name": f"{settings.name} admin",
        "email_verified": settings.email_verified,
        "app": app,
        "avatar": {"type": "avatar", "image_url": None},
        "has_inbox_seat": True,
    }
    return json_response(admin)


def _event_page(visit: Visit, contact: Contact, *, asked_by: str) -> web.Response | Refused:
    query = visit.request.query
    for name in ("per_page", "before", "since"):
        if name in query and whole_number(query[name]) is None:
            return invalid(name, f"{name} must be an integer")
    before, since = whole_number(query.get("before")), whole_number(query.get("since"))
    events = visit.workspace.events.listed(contact.id, now=visit.now, before=before, since=since)
    per_page = whole_number(query.get("per_page")) or DEFAULT_PER_PAGE
    page = events[:per_page]
    body = {
        "type": "event.list",
        "events": [_event_json(event, contact) for event in page],
        "pages": _pages(visit, asked_by, page, per_page, more=len(events) > per_page),
    }
    return json_response(body)


def _pages(visit: Visit, asked_by: str, page: list[ReceivedEvent], per_page: int, *, more: bool) -> dict[str, str]:
    url = visit.request.url.with_query({"type": "user", asked_by: visit.request.query[asked_by]})
    pages = {}
    if more:
        pages["next"] = str(url.update_query(per_page=per_page, before=page[-1].position))
    if page:
        pages["since"] = str(url.update_query(since=page[0].position + 1))
    return pages


def _event_json(event: ReceivedEvent, contact: Contact) -> dict[str, Any]:
    fields = {
        "type": "event",
        "id": f"{event.workspace}-{event.number}",
        "event_name": event.name,
        "created_at": event.created_at,
        "intercom_user_id": contact.id,
        "user_id": contact.external_id,
        "email": contact.email,
        "metadata": event.metadata,
    }
    return {name: value for name, value in fields.items() if value is not None}


def _summary_json(contact: Contact, summaries: list[Summary]) -> dict[str, Any]:
    fields = {
        "type": "event.summary",
        "email": contact.email,
        "intercom_user_id": contact.id,
        "user_id": contact.external_id,
        "events": [
            {
                "name": summary.name,
                "first": _iso(summary.first),
                "last": _iso(summary.last),
                "count": summary.count,
                "description": "",
            }
            for summary in summaries
        ],
    }
    return {name: value for name, value in fields.items() if value is not None}


def _summaries(sent: object) -> list[Summary] | Refused:
    """The spec's schema is one object where its text says a list: both are taken."""
    summaries = []
    for item in sent if isinstance(sent, list) else [sent]:
        if not isinstance(item, dict) or not isinstance(item.get("event_name"), str):
            return missing("event_summaries")
        count, first, last = (whole_number(item.get(name)) for name in ("count", "first", "last"))
        if count is None or first is None or last is None:
            return invalid("event_summaries", "count, first and last must be integers")
        summaries.append(Summary(normal_name(item["event_name"]), count, first, last))
    return summaries


def _iso(seconds: int) -> str:
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="milliseconds")


ROUTES: list[tuple[str, str, Scope | None, IntercomHandler]] = [
    ("GET", "/me", None, show_me),
    ("POST", "/events", Scope.WRITE_EVENTS, submit_event),
    ("GET", "/events", Scope.READ_EVENTS, list_events),
    ("POST", "/events/summaries", Scope.WRITE_EVENTS, submit_summaries),
    ("POST", "/contacts", Scope.WRITE_CONTACTS, contacts.create),
    ("POST", "/contacts/search", Scope.LIST_CONTACTS, contacts.search),
    ("POST", "/contacts/merge", Scope.WRITE_CONTACTS, contacts.merge),
    ("GET", "/contacts/find_by_external_id/{external_id}", Scope.READ_CONTACT, contacts.show_by_external_id),
    ("GET", "/contacts/{contact_id}", Scope.READ_CONTACT, contacts.show),
    ("PUT", "/contacts/{contact_id}", Scope.WRITE_CONTACTS, contacts.update),
    ("DELETE", "/contacts/{contact_id}", Scope.WRITE_CONTACTS, contacts.delete),
    ("POST", "/contacts/{contact_id}/archive", Scope.WRITE_CONTACTS, contacts.archive),
    ("POST", "/contacts/{contact_id}/unarchive", Scope.WRITE_CONTACTS, contacts.unarchive),
]

"""Stripe's routes: /v1/account, /v1/events with filters and paging, and objects by id, behind an API key."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

from aiohttp import BasicAuth, hdrs, web

from connector.sandbox.answers import json_response
from connector.sandbox.fault_player import Handler
from connector.sandbox.settings import StripeKey
from connector.sandbox.state import State
from connector.sandbox.stripe import EventFilter, StripeAccount

DEFAULT_LIMIT, MOST = 10, 100
MOST_TYPES = 20

# Path below /v1/, and what Stripe calls one of them in `object`.
RESOURCES = {
    "charges": "charge",
    "checkout/sessions": "checkout.session",
    "coupons": "coupon",
    "credit_notes": "credit_note",
    "customers": "customer",
    "disputes": "dispute",
    "invoice_payments": "invoice_payment",
    "invoices": "invoice",
    "payment_intents": "payment_intent",
    "payment_methods": "payment_method",
    "plans": "plan",
    "prices": "price",
    "products": "product",
    "promotion_codes": "promotion_code",
    "quotes": "quote",
    "refunds": "refund",
    "subscriptions": "subscription",
}


@dataclass(frozen=True, slots=True)
class StripeCall:
    """One authenticated call to Stripe; `now` is Unix seconds."""

    request: web.Request
    key: StripeKey
    account: StripeAccount
    now: float


StripeHandler = Callable[[StripeCall], Awaitable[web.Response]]


def stripe_routes(state: State) -> list[web.RouteDef]:
    """Every route of Stripe's that the sandbox answers."""
    routes = [
        web.get("/v1/account", _keyed(state, None, show_account)),
        web.get("/v1/events", _keyed(state, "events", list_events)),
        web.get("/v1/events/{id}", _keyed(state, "events", show_event)),
    ]
    for path, kind in RESOURCES.items():
        routes.append(web.get(f"/v1/{path}/{{id}}", _keyed(state, path, _shower_of(kind))))
    return routes


async def show_account(call: StripeCall) -> web.Response:
    """GET /v1/account."""
    account = {
        "id": call.account.id,
        "object": "account",
        "business_profile": {"name": "Sandbox", "url": None},
        "charges_enabled": True,
        "country": "US",
        "default_currency": "usd",
        "details_submitted": True,
        "email": "owner@sandbox.example",
        "payouts_enabled": True,
        "settings": {"dashboard": {"display_name": "Sandbox", "timezone": "Etc/UTC"}},
        "type": "standard",
    }
    return json_response(account)


async def list_events(call: StripeCall) -> web.Response:
    """GET /v1/events: newest first; ending_before gives the page just above that event."""
    query = call.request.query
    try:
        limit = int(query.get("limit", DEFAULT_LIMIT))
        wanted = _event_filter(call)
    except ValueError as error:
        return _error(400, str(error))
    if not 1 <= limit <= MOST:
        return _error(400, f"This value must be between 1 and {MOST}.", param="limit")
    events = call.account.listed(wanted, now=call.now)
    for name in ("starting_after", "ending_before"):
        if name in query and not _has(events, query[name]):
            return _error(400, f"No such event: '{query[name]}'", code="resource_missing", param=name)
    page, has_more = _page(events, query.get("starting_after"), query.get("ending_before"), limit)
    return json_response({"object": "list", "url": "/v1/events", "has_more": has_more, "data": page})


async def show_event(call: StripeCall) -> web.Response:
    """GET /v1/events/{id}."""
    event_id = call.request.match_info["id"]
    event = call.account.event(event_id, now=call.now, livemode=call.key.livemode)
    return json_response(event) if event else _no_such("event", event_id)


def _shower_of(kind: str) -> StripeHandler:
    async def show(call: StripeCall) -> web.Response:
        object_id = call.request.match_info["id"]
        found = call.account.object(object_id, kind, livemode=call.key.livemode)
        return json_response(found) if found else _no_such(kind, object_id)

    return show


def _keyed(state: State, resource: str | None, handler: StripeHandler) -> Handler:
    """`handler` for callers whose key is known and may read `resource`."""

    async def handle(request: web.Request) -> web.StreamResponse:
        key = _key_of(request)
        opened = state.stripe.opened_by(key) if key else None
        if opened is None:
            return _error(401, f"Invalid API Key provided: {key[:8]}****" if key else "You did not provide an API key.")
        rights, account = opened
        if resource is not None and rights.reads is not None and resource not in rights.reads:
            return _error(403, _forbidden(rights, resource))
        return await handler(StripeCall(request, rights, account, state.clock()))

    return handle


def _key_of(request: web.Request) -> str | None:
    """The key from `Authorization: Bearer KEY` or from the user name of basic authentication."""
    header = request.headers.get(hdrs.AUTHORIZATION, "")
    if header.startswith("Bearer "):
        return header.removeprefix("Bearer ").strip()
    try:
        return str(BasicAuth.decode(header).login)
    except ValueError:
        return None


def _event_filter(call: StripeCall) -> EventFilter:
    query = call.request.query
    types = [value for name, value in query.items() if name.startswith("types[")]
    if len(types) > MOST_TYPES:
        raise ValueError(f"At most {MOST_TYPES} types can be asked for at once.")
    if types and "type" in query:
        raise ValueError("You may only specify one of these parameters: type, types.")
    exact = [int(query["created"])] if "created" in query else []
    bound = {name: int(query[f"created[{name}]"]) for name in _SHIFT if f"created[{name}]" in query}
    return EventFilter(
        types=tuple(types or query.getall("type", [])),
        earliest=max([*exact, *(value + _SHIFT[name] for name, value in bound.items() if name[0] == "g")], default=0),
        latest=min([*exact, *(value + _SHIFT[name] for name, value in bound.items() if name[0] == "l")], default=2**63),
        livemode=call.key.livemode,
    )


# From Stripe's comparisons to inclusive bounds.
_SHIFT = {"gt": 1, "gte": 0, "lt": -1, "lte": 0}


def _page(
    events: list[dict[str, Any]], after: str | None, before: str | None, limit: int
) -> tuple[list[dict[str, Any]], bool]:
    """One page of `events` (newest first), and whether there is more in the direction of travel."""
    ids = [event["id"] for event in events]
    if before is not None:
        end = ids.index(before)
        start = max(0, end - limit)
        return events[start:end], start > 0
    start = ids.index(after) + 1 if after is not None else 0
    return events[start : start + limit], start + limit < len(events)


def _has(events: list[dict[str, Any]], event_id: str) -> bool:
    return any(event["id"] == event_id for event in events)


def _no_such(kind: str, object_id: str) -> web.Response:
    return _error(404, f"No such {kind}: '{object_id}'", code="resource_missing", param="id")


def _forbidden(key: StripeKey, resource: str) -> str:
    return (
        f"The provided key '{key.key[:8]}****' does not have the required permissions for this endpoint on account "
        f"'{key.account}'. Having the 'rak_{RESOURCES.get(resource, 'event')}_read' permission would allow this "
        "request to continue."
    )


def _error(status: int, message: str, *, code: str | None = None, param: str | None = None) -> web.Response:
    error = {"type": "invalid_request_error", "message": message, "code": code, "param": param}
    return json_response({"error": {name: value for name, value in error.items() if value}}, status=status)

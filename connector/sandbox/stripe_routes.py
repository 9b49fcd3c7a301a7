"""Stripe's routes behind an API key: the account, events with filters and paging, objects by id and listed, and webhook
endpoints to make, change and delete.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any

from aiohttp import BasicAuth, hdrs, web

from connector.sandbox.answers import json_response
from connector.sandbox.fault_player import Handler
from connector.sandbox.settings import StripeKey
from connector.sandbox.state import State
from connector.sandbox.stripe import EventFilter, StripeAccount
from connector.sandbox.stripe_endpoints import BadField, read_form
from connector.sandbox.stripe_shelf import Pages

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

# What Stripe calls the permission for a resource, where that is not after the object.
PERMISSIONS = {
    "account": "accounts_kyc_basic",
    "checkout/sessions": "checkout_session",
    "events": "event",
    "prices": "plan",
    "webhook_endpoints": "webhook",
}
LIST_FIELDS = ("customer", "status", "charge", "payment_intent", "subscription", "product", "invoice")
ENDPOINTS = "webhook_endpoints"


@dataclass(frozen=True, slots=True)
class StripeCall:
    """One authenticated call to Stripe; `now` is Unix seconds."""

    request: web.Request
    key: StripeKey
    account: StripeAccount
    now: float

    @property
    def id(self) -> str:
        """The id in the path."""
        return self.request.match_info["id"]


StripeHandler = Callable[[StripeCall], Awaitable[web.Response]]


def stripe_routes(state: State) -> list[web.RouteDef]:
    """Every route of Stripe's that the sandbox answers."""

    def keyed(resource: str, handler: StripeHandler, *, writes: bool = False) -> Handler:
        return _keyed(state, resource, handler, writes=writes)

    routes = [
        web.get("/v1/account", keyed("account", show_account)),
        web.get("/v1/events", keyed("events", list_events)),
        web.get("/v1/events/{id}", keyed("events", show_event)),
        web.get(f"/v1/{ENDPOINTS}", keyed(ENDPOINTS, list_endpoints)),
        web.post(f"/v1/{ENDPOINTS}", keyed(ENDPOINTS, make_endpoint, writes=True)),
        web.get(f"/v1/{ENDPOINTS}/{{id}}", keyed(ENDPOINTS, show_endpoint)),
        web.post(f"/v1/{ENDPOINTS}/{{id}}", keyed(ENDPOINTS, change_endpoint, writes=True)),
        web.delete(f"/v1/{ENDPOINTS}/{{id}}", keyed(ENDPOINTS, delete_endpoint, writes=True)),
    ]
    for path, kind in RESOURCES.items():
        routes.append(web.get(f"/v1/{path}", keyed(path, _lister_of(path, kind))))
        routes.append(web.get(f"/v1/{path}/{{id}}", keyed(path, _shower_of(kind))))
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
    try:
        wanted, pages = _event_filter(call), _pages(call, "event")
    except ValueError as error:
        return _error(400, str(error))
    return _list("/v1/events", *call.account.listed(wanted, pages, now=call.now))


async def show_event(call: StripeCall) -> web.Response:
    """GET /v1/events/{id}."""
    event = call.account.event(call.id, now=call.now, livemode=call.key.livemode)
    return json_response(event) if event else _no_such("event", call.id)


async def list_endpoints(call: StripeCall) -> web.Response:
    """GET /v1/webhook_endpoints, without their secrets."""
    try:
        pages = _pages(call, None)
    except ValueError as error:
        return _error(400, str(error))
    return _list(f"/v1/{ENDPOINTS}", *call.account.endpoints.page(pages, livemode=call.key.livemode))


async def make_endpoint(call: StripeCall) -> web.Response:
    """POST /v1/webhook_endpoints: the one answer that has the secret."""
    form = read_form(await _posted(call))
    return _made(call.account.endpoints.make(form, livemode=call.key.livemode, now=call.now))


async def show_endpoint(call: StripeCall) -> web.Response:
    """GET /v1/webhook_endpoints/{id}."""
    found = call.account.endpoints.get(call.id, livemode=call.key.livemode)
    return json_response(found) if found else _no_such("webhook endpoint", call.id)


async def change_endpoint(call: StripeCall) -> web.Response:
    """POST /v1/webhook_endpoints/{id}."""
    found = call.account.endpoints.get(call.id, livemode=call.key.livemode)
    if found is None:
        return _no_such("webhook endpoint", call.id)
    return _made(call.account.endpoints.change(found, read_form(await _posted(call))))


async def delete_endpoint(call: StripeCall) -> web.Response:
    """DELETE /v1/webhook_endpoints/{id}."""
    found = call.account.endpoints.get(call.id, livemode=call.key.livemode)
    return json_response(call.account.endpoints.delete(found)) if found else _no_such("webhook endpoint", call.id)


def _lister_of(path: str, kind: str) -> StripeHandler:
    async def list_things(call: StripeCall) -> web.Response:
        try:
            pages = _pages(call, kind)
        except ValueError as error:
            return _error(400, str(error))
        fields = {name: call.request.query[name] for name in LIST_FIELDS if name in call.request.query}
        if kind == "subscription":
            fields.setdefault("status", "")
        page, more = call.account.objects_like(kind, pages, fields, livemode=call.key.livemode)
        names = [value[5:] for name, value in call.request.query.items() if name.startswith("expand[")]
        for each in names:
            if each not in RESOURCES.values():
                return _error(400, f"This property cannot be expanded ({each}).", param="expand")
            if not call.key.may(f"{each}s", writes=False):
                return _error(403, _forbidden(call.key, f"{each}s", writes=False))
        return _list(f"/v1/{path}", [_expanded(call, thing, names) for thing in page], more)

    return list_things


def _shower_of(kind: str) -> StripeHandler:
    async def show(call: StripeCall) -> web.Response:
        found = call.account.object(call.id, kind, livemode=call.key.livemode)
        return json_response(found) if found else _no_such(kind, call.id)

    return show


def _keyed(state: State, resource: str, handler: StripeHandler, *, writes: bool) -> Handler:
    """`handler` for callers whose key is known, may do that with `resource`, and has not called too often."""

    async def handle(request: web.Request) -> web.StreamResponse:
        key = _key_of(request)
        opened = state.stripe.opened_by(key) if key else None
        if opened is None:
            return _error(401, f"Invalid API Key provided: {key[:8]}****" if key else "You did not provide an API key.")
        rights, account = opened
        if not account.spend(state.settings.stripe_rate_limit, now=state.clock()):
            return _error(429, "Request rate limit exceeded.", code="rate_limit")
        if not rights.may(resource, writes=writes):
            return _error(403, _forbidden(rights, resource, writes=writes))
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
    return EventFilter(types=tuple(types or query.getall("type", [])), livemode=call.key.livemode)


# From Stripe's comparisons to inclusive bounds.
_SHIFT = {"gt": 1, "gte": 0, "lt": -1, "lte": 0}


def _pages(call: StripeCall, kind: str | None) -> Pages:
    """Which page is asked for. Raises ValueError, with Stripe's words."""
    query = call.request.query
    limit = int(query.get("limit", DEFAULT_LIMIT))
    if not 1 <= limit <= MOST:
        raise ValueError(f"This value must be between 1 and {MOST}.")
    exact = [int(query["created"])] if "created" in query else []
    bound = {name: int(query[f"created[{name}]"]) for name in _SHIFT if f"created[{name}]" in query}
    for name in ("starting_after", "ending_before"):
        if kind and name in query and not call.account.has(kind, query[name]):
            raise ValueError(f"No such {kind}: '{query[name]}'")
    return Pages(
        limit,
        query.get("starting_after"),
        query.get("ending_before"),
        max([*exact, *(value + _SHIFT[name] for name, value in bound.items() if name[0] == "g")], default=0),
        min([*exact, *(value + _SHIFT[name] for name, value in bound.items() if name[0] == "l")], default=2**63),
    )


def _expanded(call: StripeCall, thing: dict[str, Any], names: list[str]) -> dict[str, Any]:
    """`thing` with what it refers to in place of the ids, as far as that is there."""
    found = {name: call.account.object(str(thing.get(name)), name, livemode=call.key.livemode) for name in names}
    return {**thing, **{name: value for name, value in found.items() if value is not None}}


def _list(url: str, page: list[dict[str, Any]], more: bool) -> web.Response:
    return json_response({"object": "list", "url": url, "has_more": more, "data": page})


async def _posted(call: StripeCall) -> Mapping[str, str]:
    return {name: str(value) for name, value in (await call.request.post()).items()}


def _made(made: dict[str, Any] | BadField) -> web.Response:
    return _error(400, made.message, param=made.param) if isinstance(made, BadField) else json_response(made)


def _no_such(kind: str, object_id: str) -> web.Response:
    return _error(404, f"No such {kind}: '{object_id}'", code="resource_missing", param="id")


def _forbidden(key: StripeKey, resource: str, *, writes: bool) -> str:
    permission = PERMISSIONS.get(resource) or RESOURCES[resource]
    return (
        f"The provided key '{key.key[:8]}****' does not have the required permissions for this endpoint on account "
        f"'{key.account}'. Having the 'rak_{permission}_{'write' if writes else 'read'}' permission would allow this "
        "request to continue."
    )


def _error(status: int, message: str, *, code: str | None = None, param: str | None = None) -> web.Response:
    error = {"type": "invalid_request_error", "message": message, "code": code, "param": param}
    return json_response({"error": {name: value for name, value in error.items() if value}}, status=status)

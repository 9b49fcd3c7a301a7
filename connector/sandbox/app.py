"""The sandbox as one aiohttp application: Intercom, Stripe, the control plane and the page for people.

Also home of the middleware that watches every call: it plays scripted faults and writes the ledger.
"""

from __future__ import annotations

import time

from aiohttp import hdrs, web
from aiohttp.typedefs import Middleware

from connector.sandbox.answers import NO_SUCH_RESOURCE, REQUEST_ID, error_response
from connector.sandbox.control import control_routes
from connector.sandbox.fault_player import Handler, play
from connector.sandbox.faults import Fault
from connector.sandbox.intercom import intercom_routes
from connector.sandbox.ledger import Call
from connector.sandbox.oauth import oauth_routes
from connector.sandbox.page import page_routes
from connector.sandbox.settings import SandboxSettings
from connector.sandbox.state import Clock, State
from connector.sandbox.stripe_routes import stripe_routes

UNWATCHED = ("/sandbox",)
LARGEST_BODY = 64 * 1024 * 1024


def make_app(settings: SandboxSettings | None = None, *, clock: Clock = time.time) -> web.Application:
    """A fresh sandbox as an application to run where you like; `clock` gives Unix seconds."""
    return app_over(State(settings or SandboxSettings(), clock))


def app_over(state: State) -> web.Application:
    """An application over a state that may outlive it."""
    app = web.Application(middlewares=[_watched(state)], client_max_size=LARGEST_BODY)
    app.add_routes(intercom_routes(state))
    app.add_routes(oauth_routes(state))
    app.add_routes(stripe_routes(state))
    app.add_routes(control_routes(state))
    app.add_routes(page_routes(state))
    return app


def _watched(state: State) -> Middleware:
    @web.middleware
    async def watch(request: web.Request, handler: Handler) -> web.StreamResponse:
        if request.path == "/" or request.path.startswith(UNWATCHED):
            return await handler(request)
        visitor = state.opened_by(request.headers.get(hdrs.AUTHORIZATION))
        app_id = visitor.settings.app_id if visitor else None
        number, started = state.ledger.next_number(), state.clock()
        fault = await _fault_for(state, request, app_id, started)
        answer: web.StreamResponse | None = None
        try:
            answer = await (play(fault, request, _answering(handler)) if fault else _answering(handler)(request))
        finally:
            call = _call(request, answer, app_id, fault, number=number, at=started, seconds=state.clock() - started)
            state.ledger.record_call(call)
        # Where the connection was cut, nobody reads this.
        return answer if answer is not None else web.Response()

    return watch


def _answering(handler: Handler) -> Handler:
    """`handler`, with Intercom's 404 for a path it does not know and for a method that a path does not have."""

    async def answer(request: web.Request) -> web.StreamResponse:
        try:
            return await handler(request)
        except (web.HTTPNotFound, web.HTTPMethodNotAllowed):
            return error_response(NO_SUCH_RESOURCE)

    return answer


async def _fault_for(state: State, request: web.Request, app_id: str | None, now: float) -> Fault | None:
    faults, method, path = state.faults, request.method, request.path
    body = await request.read() if faults.read_body(method, path, app_id) else b""
    return faults.strike(method, path, app_id, body.decode(errors="replace"), now=now)


def _call(
    request: web.Request,
    answer: web.StreamResponse | None,
    app_id: str | None,
    fault: Fault | None,
    *,
    number: int,
    at: float,
    seconds: float,
) -> Call:
    return Call(
        number=number,
        at=at,
        method=request.method,
        path=request.path,
        route=_route(request),
        workspace=app_id,
        status=answer.status if answer is not None else None,
        fault=fault.kind if fault else None,
        request_id=answer.headers.get(REQUEST_ID) if answer is not None else None,
        seconds=seconds,
    )


def _route(request: web.Request) -> str:
    resource = request.match_info.route.resource
    return resource.canonical if resource else "unknown"

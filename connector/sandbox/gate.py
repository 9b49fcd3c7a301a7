"""Intercom's front door: whose token is it, is there budget left, is the version known, is the scope granted."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from aiohttp import hdrs, web

from connector.sandbox.answers import (
    ACCESS_TOKEN_INVALID,
    NO_ACCEPT_HEADER,
    NO_SUCH_VERSION,
    REQUEST_ID,
    Refused,
    error_response,
    new_request_id,
)
from connector.sandbox.fault_player import Handler
from connector.sandbox.settings import Scope
from connector.sandbox.state import State
from connector.sandbox.workspace import Workspace

VERSIONS = frozenset({*(f"1.{n}" for n in range(5)), *(f"2.{n}" for n in range(17)), "Preview", "Unstable"})


@dataclass(frozen=True, slots=True)
class Visit:
    """One authenticated call: who calls, with what, when (Unix seconds)."""

    request: web.Request
    workspace: Workspace
    now: float


IntercomHandler = Callable[[Visit], Awaitable[web.Response | Refused]]


def guarded(state: State, scope: Scope | None, handler: IntercomHandler) -> Handler:
    """`handler` behind the door. Only authenticated answers carry the rate-limit headers."""

    async def handle(request: web.Request) -> web.StreamResponse:
        now = state.clock()
        workspace = state.opened_by(request.headers.get(hdrs.AUTHORIZATION))
        if workspace is None:
            return error_response(ACCESS_TOKEN_INVALID)
        spent = workspace.spend(now=now)
        refused = (spent and spent.refused) or state.app_refused(now=now) or _refused(request, workspace, scope)
        answer = refused or await handler(Visit(request, workspace, now))
        response = error_response(answer) if isinstance(answer, Refused) else answer
        response.headers.setdefault(REQUEST_ID, new_request_id())
        if spent is not None:
            response.headers.update(spent.headers)
        return response

    return handle


def _refused(request: web.Request, workspace: Workspace, scope: Scope | None) -> Refused | None:
    if hdrs.ACCEPT not in request.headers:
        return NO_ACCEPT_HEADER
    if request.headers.get("Intercom-Version", "2.16") not in VERSIONS:
        return NO_SUCH_VERSION
    if scope is not None and scope not in workspace.settings.scopes:
        message = f"You do not have the required scope ({scope}) to access this resource"
        return Refused(403, "forbidden", message)
    return None

"""Intercom's OAuth and the addresses around an installation: authorise, token, revocation, install status, app store.

A code is good once and for five minutes, and ends in `=` as Intercom's do. Revoking a token makes the workspace's
next one another: who goes on with the old one gets 401.
"""

from __future__ import annotations

import base64
import json
import secrets
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlencode

from aiohttp import web

from connector.sandbox.answers import ACCESS_TOKEN_INVALID, error_response, invalid, json_response
from connector.sandbox.html import Html, joined, tag
from connector.sandbox.state import State

CODE_LIFETIME_S = 300
NOT_AUTHORIZED = {"type": "error.list", "errors": [{"code": "server_error", "message": "Unauthorized Code"}]}
STATES = ("OK", "UNHEALTHY", "UNKNOWN")


@dataclass(frozen=True, slots=True)
class _Code:
    app_id: str
    issued_at: float


@dataclass
class Authorizations:
    """Codes that were given out and not yet brought back."""

    codes: dict[str, _Code] = field(default_factory=dict)

    def issue(self, app_id: str, now: float) -> str:
        """A code for `app_id`."""
        code = base64.urlsafe_b64encode(secrets.token_bytes(20)).decode()  # 20 bytes end in one "="
        self.codes[code] = _Code(app_id, now)
        return code

    def take(self, code: object, now: float) -> str | None:
        """The workspace of a code that is good now; it is not afterwards."""
        found = self.codes.pop(code, None) if isinstance(code, str) else None
        return found.app_id if found and now - found.issued_at < CODE_LIFETIME_S else None


def oauth_routes(state: State) -> list[web.RouteDef]:
    """Every route around an installation."""
    calls = _Calls(state, Authorizations())
    return [
        web.get("/oauth", calls.ask),
        web.post("/oauth", calls.allow),
        web.post("/auth/eagle/token", calls.token),
        web.post("/auth/uninstall", calls.revoke),
        web.post("/app_install/status", calls.status),
        web.get("/appstore/redirect", calls.back_in_the_store),
    ]


@dataclass
class _Calls:
    state: State
    authorizations: Authorizations

    async def ask(self, request: web.Request) -> web.Response:
        """What a person sees: which workspace is to allow the app?"""
        query = request.query
        if query.get("client_id") != self.state.settings.oauth.client_id:
            return _page("No such app", tag("p", "This client_id belongs to no app."), status=404)
        workspaces = [
            tag("button", f"Allow for {app_id}", name="workspace", value=app_id) for app_id in self.state.workspaces
        ]
        hidden = [
            tag("input", type="hidden", name=name, value=query.get(name, ""))
            for name in ("client_id", "state", "redirect_uri")
        ]
        deny = tag("button", "Deny", name="workspace", value="")
        return _page("Allow the app?", tag("form", *hidden, *workspaces, deny, method="post", action="/oauth"))

    async def allow(self, request: web.Request) -> web.Response:
        """The person's choice, back to the app with a code or an error."""
        form = await request.post()
        oauth = self.state.settings.oauth
        target = str(form.get("redirect_uri") or oauth.redirect_uri or "")
        if form.get("client_id") != oauth.client_id or target != oauth.redirect_uri:
            return _page("Not registered", tag("p", "The redirect address is not one of the app's."), status=400)
        app_id, answer = str(form.get("workspace", "")), {"state": str(form.get("state", ""))}
        if app_id in self.state.workspaces:
            answer["code"] = self.authorizations.issue(app_id, self.state.clock())
        else:
            answer["error"] = "access_denied"
        raise web.HTTPFound(f"{target}?{urlencode(answer, safe='=')}")

    async def token(self, request: web.Request) -> web.Response:
        """POST /auth/eagle/token."""
        sent = await _sent(request)
        oauth = self.state.settings.oauth
        known = (sent.get("client_id"), sent.get("client_secret")) == (oauth.client_id, oauth.client_secret)
        app_id = self.authorizations.take(sent.get("code"), self.state.clock()) if known else None
        if app_id is None:
            return json_response(NOT_AUTHORIZED, status=401)
        token = self.state.workspace(app_id).settings.token
        return json_response({"token_type": "Bearer", "token": token, "access_token": token})

    async def revoke(self, request: web.Request) -> web.Response:
        """POST /auth/uninstall: the token is not good any more."""
        workspace = self.state.opened_by(request.headers.get("Authorization"))
        if workspace is None:
            return error_response(ACCESS_TOKEN_INVALID)
        app_id = workspace.settings.app_id
        self.state.configure(app_id, {"token": f"{app_id}-{secrets.token_hex(8)}"})
        return web.Response()

    async def status(self, request: web.Request) -> web.Response:
        """POST /app_install/status: what an app says about its own installation."""
        workspace = self.state.opened_by(request.headers.get("Authorization"))
        if workspace is None:
            return error_response(ACCESS_TOKEN_INVALID)
        sent = await _sent(request)
        if sent.get("state") not in STATES:
            return error_response(invalid("state", f"state must be one of {', '.join(STATES)}"))
        if sent["state"] == "UNHEALTHY" and not sent.get("message"):
            return error_response(invalid("message", "message is required"))
        self.state.install_statuses.append({"workspace": workspace.settings.app_id, **sent})
        return web.Response()

    async def back_in_the_store(self, request: web.Request) -> web.Response:
        """Where an installation ends."""
        message = request.query.get("error_message", "The app is installed.")
        return _page("App store", tag("p", message))


async def _sent(request: web.Request) -> dict[str, Any]:
    """A body of either form that Intercom takes."""
    if request.content_type == "application/json":
        try:
            sent = json.loads(await request.read())
        except ValueError:
            return {}
        return sent if isinstance(sent, dict) else {}
    return dict(await request.post())


def _page(title: str, *content: Html, status: int = 200) -> web.Response:
    head = tag("head", tag("meta", charset="utf-8"), tag("title", f"{title} · Sandbox"))
    html = tag("html", head, tag("body", tag("h1", title), joined(content)), lang="en")
    return web.Response(text=f"<!doctype html>{html}", content_type="text/html", status=status)

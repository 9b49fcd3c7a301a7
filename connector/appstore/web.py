"""How every page of ours is sent and every form is taken: headers, sessions, the proof that a form is our own.

Pages hold no script and no inline style, so the content policy allows neither; they work without JavaScript. A form is
taken when it carries its session's token *and* comes from this very origin.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any

from aiohttp import web
from jinja2 import Environment
from sqlalchemy.exc import SQLAlchemyError

from connector.appstore import sessions
from connector.appstore.parts import Parts
from connector.appstore.sessions import COOKIE, Session
from connector.appstore.words import FILTERS
from connector.errors import DatabaseError, UsageError
from connector.telemetry.facts import StageFailed
from connector.web import templates
from connector.web.forms import Form, bounded, read_form
from connector.web.safety import HEADERS, elsewhere, from_own_origin, set_cookie
from connector.web.templates import Templates
from connector.workspaces import store
from connector.workspaces.modes import Mode
from connector.workspaces.store import Workspace

__all__ = ["HEADERS", "Door", "Form", "Visit", "bounded", "elsewhere", "is_ours", "message", "set_cookie", "shown"]

JINJA: Templates = web.AppKey("connector.appstore.jinja", Environment)


@dataclass(frozen=True, slots=True)
class Visit:
    """One request of somebody who is setting `workspace` up; `form` holds what was sent, if it was a form."""

    request: web.Request
    session: Session
    workspace: Workspace
    form: Form


Page = Callable[[Visit], Awaitable[web.StreamResponse]]


def prepare(app: web.Application) -> None:
    """Give `app` the templates."""
    templates.prepare(app, JINJA, "connector.appstore", FILTERS)


def shown(request: web.Request, template: str, context: Mapping[str, Any], *, status: int = 200) -> web.Response:
    """A page."""
    return templates.rendered(request, JINJA, template, context, headers=HEADERS, status=status)


def message(request: web.Request, title: str, what: str, todo: str, *, status: int) -> web.Response:
    """A page that says what happened and what to do about it."""
    context = {"title": title, "what": what, "todo": todo, "ok": status < 400, "back": None}
    return shown(request, "message.html", context, status=status)


class Door:
    """Lets into set-up who has a session, and takes forms that are ours."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts

    def page(self, page: Page) -> Callable[[web.Request], Awaitable[web.StreamResponse]]:
        """`page` for those who have a session."""

        async def handle(request: web.Request) -> web.StreamResponse:
            try:
                return await answer(request)
            except (DatabaseError, SQLAlchemyError, OSError) as error:
                self._parts.tell(StageFailed("setup", error))
                return _not_now(request)

        async def answer(request: web.Request) -> web.StreamResponse:
            session = await self._session(request)
            workspace = await self._workspace(session) if session else None
            if session is None or workspace is None:
                return _no_session(request)
            if request.method != "POST":
                return await page(Visit(request, session, workspace, Form()))
            form = await read_form(request)
            if form is None:
                return _no_form(request)
            if not is_ours(request, self._parts) or not session.sent(form["csrf"]):
                return _foreign(request)
            return await page(Visit(request, session, workspace, form))

        return handle

    async def _session(self, request: web.Request) -> Session | None:
        if (token := request.cookies.get(COOKIE)) is None:
            return None
        return await self._parts.database.read(sessions.find, token, now=self._parts.now())

    async def _workspace(self, session: Session) -> Workspace | None:
        try:
            found = await self._parts.database.read(store.get, self._parts.vault, session.workspace_id)
        except UsageError:
            return None
        return None if found.mode is Mode.REMOVED else found


def is_ours(request: web.Request, parts: Parts) -> bool:
    """Whether a browser says that the form comes from a page of this very origin."""
    return from_own_origin(request, parts.settings.base_url)


def _no_session(request: web.Request) -> web.Response:
    return message(
        request,
        "Set-up is closed",
        "There is no set-up session in this browser, or it has ended.",
        "Open it again from the app's card beside a conversation in Intercom, or ask whoever runs this service for a "
        "link: connector workspaces setup-link",
        status=401,
    )


def _foreign(request: web.Request) -> web.Response:
    return message(
        request,
        "That form was not taken",
        "It does not come from this page in this session. Nothing was changed.",
        "Go back, load the page again, and send it once more.",
        status=403,
    )


def _no_form(request: web.Request) -> web.Response:
    return message(
        request,
        "That form could not be read",
        "It is larger than any of ours, or no form at all. Nothing was changed.",
        "Go back and send it once more.",
        status=400,
    )


def _not_now(request: web.Request) -> web.Response:
    return message(
        request,
        "Not just now",
        "The database does not answer. Nothing was changed, unless this page said so before.",
        "Wait a minute, go back, and try once more.",
        status=503,
    )

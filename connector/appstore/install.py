"""GET /install and GET /oauth/callback: from "Install" in the app store to a workspace that is watching.

    /install ──► Intercom asks ──► /oauth/callback: state → code → token → whose is it → workspace row ──► set-up

A new workspace starts by watching; one that is there takes the new token and goes on as it was, also after Intercom
had refused the old one. Whatever goes wrong ends on a page that says what to do; nothing is stored by then.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

from aiohttp import web
from multidict import MultiMapping
from sqlalchemy.exc import SQLAlchemyError

from connector.appstore import sessions, states
from connector.appstore import web as pages
from connector.appstore.parts import Parts
from connector.appstore.sessions import Session
from connector.errors import DatabaseError
from connector.intercom.me import Me
from connector.intercom.oauth import App, CodeRefused, NoAnswer, Token, exchange
from connector.telemetry.facts import Installed, StageFailed
from connector.workspaces import audit, store
from connector.workspaces.modes import Mode, Region
from connector.workspaces.store import Installation

COOKIE: Final = "__Host-connector-install"
LONGEST_CODE: Final = 1_024
AGAIN: Final = "Begin again from the app store, or at /install, in one browser."


@dataclass(frozen=True, slots=True)
class _Failed:
    """Why an installation ended without one; `why` is a stable word for the log."""

    why: str
    what: str
    todo: str = AGAIN
    status: int = 400


@dataclass(frozen=True, slots=True)
class _Owner:
    """Whose token it is."""

    me: Me
    token: str = field(repr=False)


DENIED = _Failed("denied", "The app was not allowed, so nothing was installed.")
NO_STATE = _Failed(
    "state",
    "This installation was not begun in this browser, was begun more than ten minutes ago, or is finished already.",
)
NO_CODE = _Failed("code", "Intercom sent no code that could be read.")
CODE_REFUSED = _Failed("code_refused", "Intercom does not take its code: it is used already, or too old.")
NO_ANSWER = _Failed(
    "no_answer",
    "Intercom did not answer, so nothing was installed.",
    "Wait a minute and begin again. If that does not help, look at Intercom's status page.",
    502,
)
NO_WORKSPACE = _Failed(
    "no_workspace",
    "Intercom did not say which workspace the app was allowed for.",
    "Begin again. If it stays like this, write to support: the page below has the address.",
    502,
)
NOT_STORED = _Failed("not_stored", "The installation could not be stored.", "Wait a minute and begin again.", 503)


class Install:
    """The two routes; 404 where this service has no app at Intercom."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts

    def routes(self) -> list[web.AbstractRouteDef]:
        """GET /install and /oauth/callback."""
        return [web.get("/install", self._install), web.get("/oauth/callback", self._callback)]

    async def _install(self, request: web.Request) -> web.StreamResponse:
        if (app := self._parts.app) is None:
            return no_app(request)
        browser = request.cookies.get(COOKIE)
        known = browser if browser and len(browser) <= states.LONGEST else None
        try:
            begun = await self._parts.database.transact(states.begin, browser=known, now=self._parts.now())
        except (DatabaseError, SQLAlchemyError, OSError) as error:
            self._parts.tell(StageFailed("install", error))
            return self._failed(request, NOT_STORED)
        response = pages.elsewhere(app.authorize_url(begun.state))
        pages.set_cookie(response, COOKIE, begun.cookie, seconds=states.LIFETIME_MS // 1000)
        return response

    async def _callback(self, request: web.Request) -> web.StreamResponse:
        if (app := self._parts.app) is None:
            return no_app(request)
        try:
            finished = await self._finish(app, request.query, request.cookies.get(COOKIE, ""))
        except (DatabaseError, SQLAlchemyError, OSError) as error:
            self._parts.tell(StageFailed("install", error))
            finished = NOT_STORED
        if isinstance(finished, _Failed):
            return self._failed(request, finished)
        response = pages.elsewhere("/setup?done=installed")
        pages.set_cookie(response, sessions.COOKIE, finished.token, seconds=sessions.LIFETIME_MS // 1000)
        return response

    async def _finish(self, app: App, query: MultiMapping[str], browser: str) -> Session | _Failed:
        database, now = self._parts.database, self._parts.now()
        if not await database.transact(states.use, state=_only(query, "state"), browser=browser, now=now):
            return NO_STATE
        if "error" in query:
            return DENIED
        code = _only(query, "code")
        if not (0 < len(code) <= LONGEST_CODE and code.isascii() and code.isprintable()):
            return NO_CODE
        owner = await self._owner(app, code)
        return owner if isinstance(owner, _Failed) else await self._store(owner)

    async def _owner(self, app: App, code: str) -> _Owner | _Failed:
        match await exchange(self._parts.session, app, code):
            case CodeRefused():
                return CODE_REFUSED
            case NoAnswer():
                return NO_ANSWER
            case Token(secret=token):
                me = await self._parts.intercom.me(Region.US, token)
                return _Owner(me, token) if isinstance(me, Me) else NO_WORKSPACE

    async def _store(self, owner: _Owner) -> Session:
        parts, me = self._parts, owner.me
        new = Installation(
            me.app_id,
            owner.token,
            mode=Mode.WATCHING,
            region=Region(me.region) if me.region in set(Region) else Region.US,
            name=me.name,
            time_zone=me.time_zone or "UTC",
        )
        workspace = await parts.database.transact(store.add, parts.vault, new, now=parts.now())
        actor = "installed the app"
        detail = {"mode": str(workspace.mode), "region": str(workspace.region)}
        await parts.database.transact(
            audit.record, workspace.id, actor=actor, action="install", detail=detail, now=parts.now()
        )
        await parts.directory.reload()
        parts.tell(Installed(workspace.id, workspace.mode))
        return await parts.database.transact(sessions.begin, workspace.id, actor=actor, now=parts.now())

    def _failed(self, request: web.Request, failed: _Failed) -> web.Response:
        title = "Not installed"
        back = self._parts.app.failed_url(failed.what) if self._parts.app else None
        context = {"title": title, "what": failed.what, "todo": failed.todo, "ok": False, "back": back}
        return pages.shown(request, "message.html", context, status=failed.status)


def _only(query: MultiMapping[str], name: str) -> str:
    """The value of a parameter; empty where it is not there, or there more than once."""
    values = query.getall(name, [])
    return values[0] if len(values) == 1 else ""


def no_app(request: web.Request) -> web.Response:
    """This service works for one workspace, by its access token."""
    return pages.message(
        request,
        "There is no app here",
        "This service is not installed from Intercom's app store: it has no client id and secret.",
        "Add the workspace with `connector workspaces add`, or set CONNECTOR_INTERCOM_CLIENT_ID and "
        "CONNECTOR_INTERCOM_CLIENT_SECRET (docs/publish.md).",
        status=404,
    )

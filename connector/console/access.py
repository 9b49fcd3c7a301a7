"""Who may open what: sessions, roles and the proof that a form is our own, before any page's code runs.

A page is a `Route` with the role that it needs; there is no other way to add one. A form is taken when it carries its
session's token *and* comes from this very origin.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any
from urllib.parse import urlencode, urlsplit

from aiohttp import web
from sqlalchemy import Connection, select
from sqlalchemy.exc import SQLAlchemyError

from connector.console import pages, users
from connector.console.parts import Parts
from connector.console.roles import Role
from connector.console.users import Session
from connector.database.tables import workspaces
from connector.errors import DatabaseError, UsageError
from connector.telemetry.facts import StageFailed
from connector.web.forms import Form, read_form
from connector.web.safety import elsewhere, from_own_origin
from connector.workspaces import audit
from connector.workspaces.modes import Mode

SECURE_COOKIE, PLAIN_COOKIE = "__Host-connector-console", "connector-console"
LOOPBACK = ("127.0.0.1", "localhost", "::1")
LARGEST_FORM = 512 * 1024
MOST_WORKSPACES = 500
SIGN_IN = "/console/sign-in"


@dataclass(frozen=True, slots=True)
class Place:
    """A workspace as the pages name it; no secret of it is opened for that."""

    id: int
    app_id: str
    name: str
    mode: Mode


@dataclass(frozen=True)
class Visit:
    """One request of somebody who is signed in; `here` is the workspace it is about, None where there is none yet."""

    request: web.Request
    parts: Parts
    session: Session
    form: Form
    places: Sequence[Place]
    here: Place | None

    @property
    def actor(self) -> str:
        """Who does it, as the audit says it."""
        return f"{self.session.user.name} (console)"

    @property
    def role(self) -> Role:
        return self.session.user.role

    @cached_property
    def query(self) -> Mapping[str, str]:
        """What the address asks for, without what is empty."""
        return {name: value.strip() for name, value in self.request.query.items() if value.strip()}

    @property
    def workspace_id(self) -> int:
        """Of the workspace it is about. Raises UsageError where there is none."""
        if self.here is None:
            raise UsageError("there is no workspace yet: `connector workspaces add`, or install the app from Intercom")
        return self.here.id

    def address(self, path: str, **query: object) -> str:
        """An address in the console about the same workspace."""
        said = {"workspace": self.here.app_id} if self.here and len(self.places) > 1 else {}
        said |= {name: str(value) for name, value in query.items() if value not in (None, "")}
        return path + (f"?{urlencode(said)}" if said else "")

    def go(self, path: str, **query: object) -> web.Response:
        """To another page."""
        return elsewhere(self.address(path, **query))

    def show(self, template: str, title: str, *, status: int = 200, **more: Any) -> web.Response:  # noqa: ANN401
        """A page."""
        context = {
            "title": title,
            "visit": self,
            "csrf": self.session.csrf,
            "here": self.here,
            "address": self.address,
            "can_act": self.role.may(Role.OPERATOR) and self.here is not None,
            "can_admin": self.role.may(Role.ADMIN) and self.here is not None,
            "done": pages.DONE.get(self.request.query.get("done", "")),
            **more,
        }
        return pages.shown(self.request, template, context, status=status)

    async def audited(self, action: str, **detail: object) -> None:
        """Write down who did it."""
        workspace_id = self.here.id if self.here else 0
        database = self.parts.database
        await database.transact(
            audit.record, workspace_id, actor=self.actor, action=action, detail=detail, now=self.parts.now()
        )


Handler = Callable[[Visit], Awaitable[web.StreamResponse]]


@dataclass(frozen=True, slots=True)
class Route:
    """A page, and the least role that may open it."""

    method: str
    path: str
    role: Role
    handler: Handler


class Door:
    """Lets in who is signed in and may, and takes forms that are ours."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts

    def guarded(self, route: Route) -> web.RouteDef:
        """The route as aiohttp takes it."""

        async def handle(request: web.Request) -> web.StreamResponse:
            try:
                return await self._answer(request, route)
            except UsageError as error:
                return pages.message(request, "That cannot be done", str(error), status=422)
            except (DatabaseError, SQLAlchemyError, OSError) as error:
                self._parts.tell(StageFailed("console", error))
                return pages.message(request, "Not just now", pages.NO_DATABASE, status=503)

        return web.route(route.method, route.path, handle)

    async def _answer(self, request: web.Request, route: Route) -> web.StreamResponse:
        session = await self._session(request)
        if session is None:
            return signed_out(request)
        if not session.user.role.may(route.role):
            return pages.message(
                request,
                "That is not for your role",
                f"It takes the role {route.role}, and {session.user.name} is {session.user.role}.",
                status=403,
            )
        form = Form()
        if route.method == "POST":
            sent = await read_form(request, limit=LARGEST_FORM)
            if sent is None:
                return pages.message(request, "That form could not be read", pages.NO_FORM, status=400)
            base_url = self._parts.settings.base_url
            if not from_own_origin(request, base_url) or not session.sent(sent["csrf"]):
                return pages.message(request, "That form was not taken", pages.FOREIGN, status=403)
            form = sent
        places = await self._parts.database.read(all_places)
        return await route.handler(Visit(request, self._parts, session, form, places, _chosen(request, places)))

    async def _session(self, request: web.Request) -> Session | None:
        token = request.cookies.get(cookie_name(request, self._parts.settings.base_url) or "")
        if not token:
            return None
        return await self._parts.database.read(users.session, token, now=self._parts.now())


def signed_out(request: web.Request) -> web.Response:
    """To signing in, and from there back to a page that was only looked at."""
    if request.method == "GET" and "fragment" not in request.query:
        return elsewhere(f"{SIGN_IN}?{urlencode({'to': request.path_qs})}")
    return pages.message(request, "You are signed out", "Sign in, and send it once more.", status=401)


def cookie_name(request: web.Request, base_url: str | None) -> str | None:
    """The cookie's name: bound to this host over HTTPS, plain on this machine; None where neither holds."""
    address = urlsplit(base_url or f"{request.scheme}://{request.host}")
    if address.scheme == "https":
        return SECURE_COOKIE
    return PLAIN_COOKIE if address.hostname in LOOPBACK else None


def all_places(connection: Connection) -> Sequence[Place]:
    """The workspaces that are not removed, by their id."""
    columns = workspaces.c
    query = select(columns.id, columns.app_id, columns.name, columns.mode).where(columns.mode != Mode.REMOVED)
    rows = connection.execute(query.order_by(columns.id).limit(MOST_WORKSPACES))
    return [Place(row.id, row.app_id, row.name or row.app_id, Mode(row.mode)) for row in rows]


def _chosen(request: web.Request, places: Sequence[Place]) -> Place | None:
    """The workspace that the address names, the first where it names none. Raises UsageError."""
    app_id = request.query.get("workspace")
    if app_id is None:
        return places[0] if places else None
    for place in places:
        if place.app_id == app_id:
            return place
    raise UsageError("there is no such workspace")

"""/console/sign-in and /console/sign-out, and the style sheet and script that pages are made of."""

from __future__ import annotations

import asyncio
from importlib import resources
from urllib.parse import urlsplit

from aiohttp import web

from connector.console import pages, passwords, sessions, users
from connector.console.access import LARGEST_FORM, SIGN_IN, Route, Visit, cookie_name
from connector.console.parts import Parts
from connector.console.roles import Role
from connector.console.throttle import Throttle
from connector.console.users import User
from connector.errors import DatabaseError
from connector.telemetry.facts import StageFailed
from connector.web.forms import Form, read_form
from connector.web.safety import elsewhere, from_own_origin

AT_ONCE = 2
"""Passwords looked at side by side: each takes a core and 16 MiB for a while."""
NOT_SAFE = (
    "A password over plain HTTP can be read on its way. Open the console over HTTPS (and set CONNECTOR_BASE_URL to "
    "that address), or on the machine itself at 127.0.0.1, through an SSH tunnel for example."
)
FILES = {"console.css": "text/css", "console.js": "text/javascript"}


class Entry:
    """The routes that need no session, and the one that ends it."""

    def __init__(self, parts: Parts, provider: str | None = None) -> None:
        self._parts = parts
        self._provider = provider
        """The identity provider, where there is one, as the page names it."""
        self._throttle = Throttle()
        self._hashing = asyncio.Semaphore(AT_ONCE)
        folder = resources.files("connector.console").joinpath("static")
        self._files = {name: folder.joinpath(name).read_bytes() for name in FILES}

    def open_routes(self) -> list[web.RouteDef]:
        """GET|POST /console/sign-in and GET /console/static/{file}."""
        return [
            web.get(SIGN_IN, self._ask),
            web.post(SIGN_IN, self._sign_in),
            web.get("/console", self._to_the_overview),
            web.get("/console/static/{file}", self._file),
        ]

    def routes(self) -> list[Route]:
        """POST /console/sign-out."""
        return [Route("POST", "/console/sign-out", Role.VIEWER, self._sign_out)]

    async def _to_the_overview(self, _request: web.Request) -> web.StreamResponse:
        return elsewhere("/console/")

    async def _file(self, request: web.Request) -> web.StreamResponse:
        name = request.match_info["file"]
        if name not in self._files:
            return pages.message(request, "There is no such page", "", status=404)
        headers = {**pages.HEADERS, "Cache-Control": "public, max-age=300"}
        return web.Response(body=self._files[name], content_type=FILES[name], charset="utf-8", headers=headers)

    async def _ask(self, request: web.Request) -> web.StreamResponse:
        if cookie_name(request, self._parts.settings.base_url) is None:
            return pages.message(request, "Not over this connection", NOT_SAFE, status=403)
        return self._form(request)

    async def _sign_in(self, request: web.Request) -> web.StreamResponse:
        base_url = self._parts.settings.base_url
        cookie = cookie_name(request, base_url)
        if cookie is None:
            return pages.message(request, "Not over this connection", NOT_SAFE, status=403)
        form = await read_form(request, limit=LARGEST_FORM)
        if form is None or not from_own_origin(request, base_url):
            return pages.message(request, "That form was not taken", pages.FOREIGN, status=403)
        try:
            return await self._tried(request, form, cookie)
        except (DatabaseError, OSError) as error:
            self._parts.tell(StageFailed("console", error))
            return pages.message(request, "Not just now", pages.NO_DATABASE, status=503)

    async def _tried(self, request: web.Request, form: Form, cookie: str) -> web.StreamResponse:
        name, address, now = form["name"][: users.LONGEST_NAME], request.remote or "", self._parts.now()
        if wait := self._throttle.wait_ms(name, address, now=now):
            error = f"Too many tries were wrong. The next one is looked at in {-(-wait // 1000)} s."
            return self._form(request, error=error, name=name, status=429)
        self._throttle.failed(name, address, now=now)  # taken back when it was right: many at once count, too
        user = await self._known(name, form.exact("password"))
        if user is None:
            await sessions.noted(self._parts, "console.sign-in.refused", name, request)
            return self._form(request, error="That name and password do not belong together.", name=name, status=403)
        session = await sessions.begin(self._parts, request, user, cookie, how="password")
        if session is None:
            return self._form(request, error="That user was changed just now. Try again.", name=name, status=403)
        self._throttle.succeeded(name, address)
        response = elsewhere(back_to(form["to"]))
        sessions.give(response, cookie, session)
        return response

    async def _known(self, name: str, password: str) -> User | None:
        found = await self._parts.database.read(users.find, name)
        async with self._hashing:
            kept = found[1] if found else passwords.NOBODYS
            right = await asyncio.to_thread(passwords.matches, password, kept)
        return found[0] if found and right else None

    def _form(
        self, request: web.Request, *, error: str | None = None, name: str = "", status: int = 200
    ) -> web.Response:
        context = {
            "title": "Sign in",
            "error": error,
            "name": name,
            "to": back_to(request.query.get("to", "")),
            "provider": self._provider,
        }
        return pages.shown(request, "sign_in.html", context, status=status)

    async def _sign_out(self, visit: Visit) -> web.StreamResponse:
        await self._parts.database.transact(users.sign_out, visit.session.token)
        response = elsewhere(SIGN_IN)
        name = cookie_name(visit.request, self._parts.settings.base_url) or ""
        response.del_cookie(name, path="/", secure=name.startswith("__Host-"), httponly=True, samesite="Strict")
        return response


def back_to(path: str) -> str:
    """A page of the console that somebody wanted to see; the overview for anything else."""
    parts = urlsplit(path)
    ours = not parts.scheme and not parts.netloc and parts.path.startswith("/console/") and "\\" not in path
    safe = ours and path.isascii() and path.isprintable() and not parts.path.startswith("/console/sign-")
    return path if safe else "/console/"


async def first_user(parts: Parts) -> str | None:
    """Make the first user where there is none; the password that was made up for it, to be shown once.

    CONNECTOR_CONSOLE_PASSWORD is the password of `admin` instead, from the start after it was set or changed.
    """
    chosen = parts.settings.console_password
    if chosen is None:
        if await parts.database.read(users.count):
            return None
        made_up = passwords.generated()
        kept = await asyncio.to_thread(passwords.stored, made_up)
        return made_up if await parts.database.transact(users.first, kept, now=parts.now()) else None
    password = chosen.get_secret_value()
    found = await parts.database.read(users.find, users.FIRST)
    if found is not None and await asyncio.to_thread(passwords.matches, password, found[1]):
        return None
    new = await asyncio.to_thread(users.checked, password)
    await parts.database.transact(users.set_first, new, now=parts.now())
    return None

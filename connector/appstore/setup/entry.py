"""/setup/enter/{link}: the one-time link from the card or the command line becomes a session; /setup/leave ends it.

Opening the link shows which workspace it is for and asks; only the button uses it up. Programs that look at links in
mails before people do cannot spend it, and nobody is put into somebody else's workspace without seeing its name.
"""

from __future__ import annotations

from aiohttp import web

from connector.appstore import links, sessions
from connector.appstore import web as pages
from connector.appstore.links import Link
from connector.appstore.parts import Parts
from connector.appstore.web import Door, Visit
from connector.errors import UsageError
from connector.workspaces import audit, store
from connector.workspaces.modes import Mode
from connector.workspaces.store import Workspace


class Entry:
    """The routes in and out."""

    def __init__(self, parts: Parts, door: Door) -> None:
        self._parts = parts
        self._door = door

    def routes(self) -> list[web.AbstractRouteDef]:
        """GET|POST /setup/enter/{link} and POST /setup/leave."""
        return [
            web.get("/setup/enter/{link}", self._ask),
            web.post("/setup/enter/{link}", self._enter),
            web.post("/setup/leave", self._door.page(self._leave)),
        ]

    async def _ask(self, request: web.Request) -> web.StreamResponse:
        found = await self._found(request)
        if found is None:
            return _no_link(request)
        return pages.shown(request, "enter.html", {"title": "Open set-up", "workspace": found[1]})

    async def _enter(self, request: web.Request) -> web.StreamResponse:
        if not pages.is_ours(request, self._parts):
            return _no_link(request)
        found = await self._found(request)
        if found is None:
            return _no_link(request)
        link, workspace = found
        parts, now = self._parts, self._parts.now()
        if not await parts.database.transact(links.use, link, now=now):
            return _no_link(request)
        session = await parts.database.transact(sessions.begin, workspace.id, actor=link.actor, now=now)
        await parts.database.transact(
            audit.record, workspace.id, actor=link.actor, action="enter_setup", detail={}, now=now
        )
        response = pages.elsewhere("/setup")
        pages.set_cookie(response, sessions.COOKIE, session.token, seconds=sessions.LIFETIME_MS // 1000)
        return response

    async def _leave(self, visit: Visit) -> web.StreamResponse:
        await self._parts.database.transact(sessions.end, visit.session)
        response = pages.message(
            visit.request,
            "Set-up is closed",
            "This browser has left set-up.",
            "Open it again from the app's card beside a conversation in Intercom.",
            status=200,
        )
        response.del_cookie(sessions.COOKIE, path="/", secure=True, httponly=True, samesite="Lax")
        return response

    async def _found(self, request: web.Request) -> tuple[Link, Workspace] | None:
        parts = self._parts
        link = links.read(parts.vault, request.match_info["link"], now=parts.now())
        if link is None:
            return None
        try:
            workspace = await parts.database.read(store.get, parts.vault, link.workspace_id)
        except UsageError:
            return None
        return None if workspace.mode is Mode.REMOVED else (link, workspace)


def _no_link(request: web.Request) -> web.Response:
    return pages.message(
        request,
        "This link is not good any more",
        "A link to set-up opens it once, and only for a while.",
        "Take a fresh one from the app's card beside a conversation in Intercom, or ask whoever runs this service for "
        "one: connector workspaces setup-link",
        status=410,
    )

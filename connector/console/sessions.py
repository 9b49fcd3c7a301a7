"""A session begins: its row, the line in the audit, and the cookie; whichever way somebody has proved who they are."""

from __future__ import annotations

from aiohttp import web

from connector.console import users
from connector.console.parts import Parts
from connector.console.users import LIFETIME_MS, Session, User
from connector.web.safety import set_cookie
from connector.workspaces import audit


async def begin(parts: Parts, request: web.Request, user: User, cookie: str, *, how: str) -> Session | None:
    """A new session in place of the one that this browser had; None where the user was changed just now."""
    before = request.cookies.get(cookie)
    session = await parts.database.transact(users.sign_in, user, before=before, now=parts.now())
    if session is not None:
        await noted(parts, "console.sign-in", user.name, request, how=how)
    return session


def give(response: web.StreamResponse, cookie: str, session: Session) -> None:
    """Let the browser keep it."""
    secure = cookie.startswith("__Host-")
    set_cookie(response, cookie, session.token, seconds=LIFETIME_MS // 1000, same_site="Strict", secure=secure)


async def noted(parts: Parts, action: str, name: str, request: web.Request, **detail: object) -> None:
    """A line in the audit, which belongs to no workspace."""
    said = {"from": request.remote or "", **detail}
    await parts.database.transact(
        audit.record, 0, actor=f"{name} (console)", action=action, detail=said, now=parts.now()
    )

"""Somebody who is setting one workspace up: a cookie in their browser, its digest in the database.  [SQL]

A session belongs to one workspace and ends after an hour, when it is left, or when the workspace removes the app.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
from dataclasses import dataclass, field

from sqlalchemy import Connection, delete, select

from connector.database.rows import insert_new
from connector.database.tables import setup_sessions
from connector.events import digest, display

COOKIE = "__Host-connector-setup"
"""The prefix makes browsers take it from this host only, for all paths, over HTTPS only."""
LIFETIME_MS = 60 * 60 * 1000
LONGEST = 128


@dataclass(frozen=True, slots=True)
class Session:
    """One browser's way in. `token` is the cookie's value."""

    workspace_id: int
    actor: str
    token: str = field(repr=False)

    @property
    def csrf(self) -> str:
        """What each form of this session carries: made of the cookie, which no other site can read."""
        return hashlib.sha256(b"csrf:" + self.token.encode()).hexdigest()[:32]

    def sent(self, csrf: str) -> bool:
        """Whether a form with this value was made for this session."""
        return hmac.compare_digest(self.csrf.encode(), csrf.encode("utf-8", "replace"))


def begin(connection: Connection, workspace_id: int, *, actor: str, now: int) -> Session:
    """A new session for a workspace."""
    connection.execute(delete(setup_sessions).where(setup_sessions.c.expires_at <= now))
    session = Session(workspace_id, display(actor), f"{workspace_id}.{secrets.token_urlsafe(32)}")
    row = {
        "workspace_id": workspace_id,
        "key": digest(session.token),
        "actor": session.actor,
        "expires_at": now + LIFETIME_MS,
    }
    insert_new(connection, setup_sessions, [row])
    return session


def find(connection: Connection, token: str, *, now: int) -> Session | None:
    """The session of a cookie; None where it is none, or is over."""
    workspace, _, rest = token.partition(".")
    if len(token) > LONGEST or not rest or not workspace.isascii() or not workspace.isdigit() or len(workspace) > 9:
        return None
    query = select(setup_sessions.c.actor).where(
        setup_sessions.c.workspace_id == int(workspace),
        setup_sessions.c.key == digest(token),
        setup_sessions.c.expires_at > now,
    )
    actor = connection.scalars(query).one_or_none()
    return None if actor is None else Session(int(workspace), actor, token)


def end(connection: Connection, session: Session) -> None:
    """Leave."""
    connection.execute(
        delete(setup_sessions).where(
            setup_sessions.c.workspace_id == session.workspace_id, setup_sessions.c.key == digest(session.token)
        )
    )


def end_all(connection: Connection, workspace_id: int) -> None:
    """Nobody is setting this workspace up any more."""
    connection.execute(delete(setup_sessions).where(setup_sessions.c.workspace_id == workspace_id))

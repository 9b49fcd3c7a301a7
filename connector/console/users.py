"""Who may sign in to the console.  [SQL of `console_users` and `console_sessions`]

A session is a cookie in a browser and its digest here: what is read from the database opens nothing. It ends after
twelve hours, when its user leaves, is removed, or has the role or the password changed.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
from collections.abc import Sequence
from dataclasses import dataclass, field

from sqlalchemy import Connection, Row, delete, func, insert, select, update

from connector.console import passwords
from connector.console.roles import Role
from connector.database.rows import insert_new
from connector.database.tables import console_sessions, console_users
from connector.errors import UsageError
from connector.events import digest

LIFETIME_MS = 12 * 60 * 60 * 1000
LONGEST_NAME, LONGEST_TOKEN = 64, 128
FIRST = "admin"
"""Whom CONNECTOR_CONSOLE_PASSWORD, or the first start, makes."""
OUTSIDE = "oidc:"
"""How the names of those begin who sign in at an identity provider; no local user has such a one."""


@dataclass(frozen=True, slots=True)
class User:
    """One user. Times in milliseconds."""

    name: str
    role: Role
    created_at: int
    password_at: int


@dataclass(frozen=True, slots=True)
class Session:
    """Somebody who is signed in. `token` is the cookie's value."""

    user: User
    token: str = field(repr=False)

    @property
    def csrf(self) -> str:
        """What each form of this session carries: made of the cookie, which no other site can read."""
        return hashlib.sha256(b"console csrf:" + self.token.encode()).hexdigest()[:32]

    def sent(self, csrf: str) -> bool:
        """Whether a form with this value was made for this session."""
        return hmac.compare_digest(self.csrf.encode(), csrf.encode("utf-8", "replace"))


def add(connection: Connection, name: str, role: Role, kept: str, *, now: int) -> User:
    """Add a user; `kept` is the stored form of the password. Raises UsageError."""
    if not 0 < len(name) <= LONGEST_NAME or not name.isprintable() or name != name.strip():
        raise UsageError(f"a user's name has 1 … {LONGEST_NAME} printable characters and no blank around them")
    if name.startswith(OUTSIDE):
        raise UsageError(f"names that begin with {OUTSIDE!r} are of those who sign in at the identity provider")
    if not _inserted(connection, name, role, kept, now):
        raise UsageError(f"there is a user {name!r} already: `connector console users password` changes the password")
    return User(name, role, now, now)


def remove(connection: Connection, name: str) -> None:
    """Remove a user and end the sessions. Raises UsageError."""
    if not connection.execute(delete(console_users).where(console_users.c.name == name)).rowcount:
        raise _unknown(name)
    _end_all(connection, name)


def set_password(connection: Connection, name: str, kept: str, *, now: int) -> None:
    """Change a password and end the sessions. Raises UsageError."""
    if name.startswith(OUTSIDE):
        raise UsageError(f"{name!r} signs in at the identity provider, and has no password here")
    statement = update(console_users).where(console_users.c.name == name)
    if not connection.execute(statement.values(password=kept, password_at=now)).rowcount:
        raise _unknown(name)
    _end_all(connection, name)


def find(connection: Connection, name: str) -> tuple[User, str] | None:
    """A user and the stored form of the password."""
    row = connection.execute(select(console_users).where(console_users.c.name == name)).one_or_none()
    return None if row is None else (_user(row), row.password)


def page(connection: Connection, *, limit: int, after: str = "") -> Sequence[User]:
    """Users by name, from behind `after`."""
    query = select(console_users).where(console_users.c.name > after).order_by(console_users.c.name).limit(limit)
    return [_user(row) for row in connection.execute(query)]


def count(connection: Connection) -> int:
    """How many there are."""
    return connection.scalar(select(func.count()).select_from(console_users)) or 0


def sign_in(connection: Connection, user: User, *, before: str | None, now: int) -> Session | None:
    """A new session, and the end of the one that the browser had `before`; None where the user was just removed."""
    connection.execute(delete(console_sessions).where(console_sessions.c.expires_at <= now))
    if before is not None:
        sign_out(connection, before)
    found = find(connection, user.name)
    if found is None or found[0] != user:
        return None
    session = Session(user, secrets.token_urlsafe(32))
    row = {
        "key": digest(session.token),
        "user_name": user.name,
        "created_at": now,
        "expires_at": now + LIFETIME_MS,
    }
    connection.execute(insert(console_sessions).values(row))
    return session


def session(connection: Connection, token: str, *, now: int) -> Session | None:
    """The session of a cookie; None where it is none, or is over."""
    if len(token) > LONGEST_TOKEN:
        return None
    query = (
        select(console_users)
        .join(console_sessions, console_sessions.c.user_name == console_users.c.name)
        .where(console_sessions.c.key == digest(token), console_sessions.c.expires_at > now)
    )
    row = connection.execute(query).one_or_none()
    return None if row is None else Session(_user(row), token)


def from_outside(connection: Connection, name: str, role: Role, *, now: int) -> User:
    """The user of somebody whom the identity provider has let in, made where there was none, in today's role."""
    assert name.startswith(OUTSIDE)
    _inserted(connection, name, role, passwords.NOBODYS, now)
    changed = update(console_users).where(console_users.c.name == name, console_users.c.role != role)
    if connection.execute(changed.values(role=role)).rowcount:
        _end_all(connection, name)  # in other browsers, which were let in as something else
    return _user(connection.execute(select(console_users).where(console_users.c.name == name)).one())


def sign_out(connection: Connection, token: str) -> None:
    """End a session."""
    connection.execute(delete(console_sessions).where(console_sessions.c.key == digest(token)))


def first(connection: Connection, kept: str, *, now: int) -> bool:
    """Make the first user, an admin, where there is none; whether that was so, and no other process was first."""
    return not count(connection) and _inserted(connection, FIRST, Role.ADMIN, kept, now)


def set_first(connection: Connection, kept: str, *, now: int) -> None:
    """Give the first user this password, and make it, an admin, where it is not there."""
    if not _inserted(connection, FIRST, Role.ADMIN, kept, now):
        set_password(connection, FIRST, kept, now=now)


def checked(password: str) -> str:
    """The stored form of a new password. Raises UsageError."""
    if not passwords.SHORTEST <= len(password) <= passwords.LONGEST:
        raise UsageError(f"a password has {passwords.SHORTEST} … {passwords.LONGEST} characters")
    return passwords.stored(password)


def _inserted(connection: Connection, name: str, role: Role, kept: str, now: int) -> bool:
    """Whether the name was free: asked of the insert itself, because another process may do the same at this moment."""
    row = {"name": name, "role": role, "password": kept, "created_at": now, "password_at": now}
    return insert_new(connection, console_users, [row]) == 1


def _end_all(connection: Connection, name: str) -> None:
    connection.execute(delete(console_sessions).where(console_sessions.c.user_name == name))


def _user(row: Row[tuple[object, ...]]) -> User:
    return User(row.name, Role(row.role), row.created_at, row.password_at)


def _unknown(name: str) -> UsageError:
    return UsageError(f"there is no user {name!r}: `connector console users list` shows them")

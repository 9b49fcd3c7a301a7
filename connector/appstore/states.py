"""Installations that were begun: each has a random state that is good once, for ten minutes, in one browser.  [SQL]

The state comes back through Intercom, the cookie only from the browser that began: who is sent somebody else's
callback address cannot finish it (https://datatracker.ietf.org/doc/html/rfc6749#section-10.12).
"""

from __future__ import annotations

import secrets
from dataclasses import dataclass, field

from sqlalchemy import Connection, delete

from connector.database.rows import insert_new
from connector.database.tables import oauth_states
from connector.events import digest

LIFETIME_MS = 10 * 60 * 1000
LONGEST = 128
"""Characters; ours have 43."""


@dataclass(frozen=True, slots=True)
class Begun:
    """What goes to Intercom, and what stays in the browser."""

    state: str = field(repr=False)
    cookie: str = field(repr=False)


def begin(connection: Connection, *, browser: str | None, now: int) -> Begun:
    """Begin an installation in a browser, which may have begun others before. Old ones are forgotten."""
    begun = Begun(secrets.token_urlsafe(32), browser or secrets.token_urlsafe(32))
    connection.execute(delete(oauth_states).where(oauth_states.c.created_at <= now - LIFETIME_MS))
    row = {"key": digest("state", begun.state), "browser": digest("browser", begun.cookie), "created_at": now}
    insert_new(connection, oauth_states, [row])
    return begun


def use(connection: Connection, *, state: str, browser: str, now: int) -> bool:
    """Whether `state` was begun in this browser less than ten minutes ago, and is used for the first time."""
    if not (0 < len(state) <= LONGEST and 0 < len(browser) <= LONGEST):
        return False
    used = delete(oauth_states).where(
        oauth_states.c.key == digest("state", state),
        oauth_states.c.browser == digest("browser", browser),
        oauth_states.c.created_at > now - LIFETIME_MS,
    )
    return connection.execute(used).rowcount == 1

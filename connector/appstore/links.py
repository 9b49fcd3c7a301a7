"""One-time links into set-up: sealed by the vault, good for minutes, used once.

Nothing is stored when a link is made, so that a card may carry a fresh one every time it is shown; what is stored is
that it was used. A link names its workspace and who it was made for, and cannot be read or altered without the key.
"""

from __future__ import annotations

import base64
import binascii
import json
import secrets
from dataclasses import dataclass

from sqlalchemy import Connection, delete

from connector.database.rows import insert_new
from connector.database.tables import setup_links
from connector.errors import SecretError
from connector.events import digest
from connector.workspaces.vault import Place, Vault

CARD_LIFETIME_MS = 60 * 60 * 1000
"""A card stays open beside a conversation for a while."""
LONGEST = 2_048
_PLACE = Place("setup_links", 0, "link", 0)


@dataclass(frozen=True, slots=True)
class Link:
    """What a link says. `expires_at` in milliseconds."""

    workspace_id: int
    actor: str
    nonce: str
    expires_at: int


def make(vault: Vault, workspace_id: int, *, actor: str, now: int, lifetime_ms: int) -> str:
    """A fresh link's text, safe in a path."""
    said = {"w": workspace_id, "a": actor[:200], "n": secrets.token_urlsafe(16), "e": now + lifetime_ms}
    return base64.urlsafe_b64encode(vault.seal(json.dumps(said), _PLACE)).decode().rstrip("=")


def read(vault: Vault, text: str, *, now: int) -> Link | None:
    """What the link `text` says; None where it is none of ours or its time is over. It may have been used."""
    if len(text) > LONGEST:
        return None
    try:
        sealed = base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
        said = json.loads(vault.open(sealed, _PLACE))
    except (SecretError, binascii.Error, ValueError):
        return None
    link = Link(said["w"], said["a"], said["n"], said["e"])
    return link if now < link.expires_at else None


def use(connection: Connection, link: Link, *, now: int) -> bool:
    """Whether this is the link's first use."""
    connection.execute(delete(setup_links).where(setup_links.c.expires_at <= now))
    row = {"workspace_id": link.workspace_id, "key": digest(link.nonce), "expires_at": link.expires_at}
    return insert_new(connection, setup_links, [row]) == 1

"""What Intercom itself posts: a JSON object, signed over its raw bytes. Anything else is refused with a status."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from aiohttp import web

from connector import strict_json
from connector.appstore.parts import Parts
from connector.appstore.web import bounded
from connector.database.engine import Database
from connector.intercom.body_signature import BODY_SIGNATURE, body_signed
from connector.telemetry.facts import RequestRefused
from connector.workspaces import store
from connector.workspaces.modes import Mode
from connector.workspaces.store import Workspace
from connector.workspaces.vault import Vault

LARGEST_BODY = 2 * 1024 * 1024
"""A canvas request carries a whole conversation."""
BODY_DEADLINE_S = 5.0


@dataclass(frozen=True, slots=True)
class Refusal:
    """Answered instead; `why` is one stable word that tells a stranger nothing."""

    status: int
    why: str


async def signed_object(request: web.Request, parts: Parts) -> Mapping[str, Any] | Refusal:
    """The object that Intercom sent: empty where it signed bytes that are none."""
    app = parts.app
    if app is None:
        return Refusal(404, "no_app")
    body = await bounded(request, LARGEST_BODY, BODY_DEADLINE_S)
    if body is None:
        return Refusal(413, "body")
    headers = request.headers.getall(BODY_SIGNATURE, ())
    if not body_signed(body, headers=headers, secret=app.client_secret):
        return Refusal(401, "bad_signature")
    try:
        return strict_json.parse_object(body)
    except strict_json.NotJson:
        return {}


def refused(request: web.Request, parts: Parts, refusal: Refusal) -> web.Response:
    """The answer, and the fact told."""
    parts.tell(RequestRefused(request.path, refusal.status, refusal.why))
    return web.json_response({"error": refusal.why}, status=refusal.status)


async def workspace_of(database: Database, vault: Vault, app_id: object) -> Workspace | None:
    """The workspace that Intercom calls `app_id`; None where none is installed."""
    if not isinstance(app_id, str) or not (0 < len(app_id) <= 255 and app_id.isascii() and app_id.isprintable()):
        return None
    found = await database.read(store.find, vault, app_id)
    return None if found is None or found.mode is Mode.REMOVED else found

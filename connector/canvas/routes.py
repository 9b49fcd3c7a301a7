"""POST /intercom/canvas/initialize and /submit: a signed request in, a canvas out; whatever its shape, a good one.

Nothing but the database is asked, by a handful of steps along its keys, so that the card is there at once.
"""

from __future__ import annotations

import asyncio

from aiohttp import web
from sqlalchemy.exc import SQLAlchemyError

from connector.appstore import links
from connector.appstore.links import CARD_LIFETIME_MS
from connector.appstore.parts import Parts
from connector.appstore.signed import Refusal, refused, signed_object, workspace_of
from connector.canvas import card
from connector.canvas.card import EVENT, HOME_ID, MORE, MORE_ID, Component
from connector.canvas.in_step import in_step
from connector.canvas.latest import latest, one
from connector.canvas.person import Asked, asked
from connector.canvas.standing import standing
from connector.canvas.values import Locale
from connector.errors import DatabaseError
from connector.events import Key
from connector.telemetry.facts import StageFailed
from connector.workspaces.modes import Mode
from connector.workspaces.store import Workspace

PATIENCE_S = 2.0
NOTES = {
    Mode.WATCHING: "Watching: nothing is sent yet.",
    Mode.TRYING: "Trying: only listed contacts get events.",
    Mode.PAUSED: "Paused: events are kept and wait.",
}


class Canvas:
    """The two routes."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts

    def routes(self) -> list[web.AbstractRouteDef]:
        """POST /intercom/canvas/initialize and /intercom/canvas/submit."""
        return [
            web.post("/intercom/canvas/initialize", self._answer),
            web.post("/intercom/canvas/submit", self._answer),
        ]

    async def _answer(self, request: web.Request) -> web.StreamResponse:
        sent = await signed_object(request, self._parts)
        if isinstance(sent, Refusal):
            return refused(request, self._parts, sent)
        try:
            async with asyncio.timeout(PATIENCE_S):
                components = await self._components(asked(sent))
        except (DatabaseError, SQLAlchemyError, TimeoutError, OSError) as error:
            self._parts.tell(StageFailed("canvas", error))
            components = card.trouble("The events cannot be shown just now.")
        return web.json_response(card.canvas(components))

    async def _components(self, what: Asked) -> list[Component]:
        parts = self._parts
        workspace = await workspace_of(parts.database, parts.vault, what.workspace_id)
        if workspace is None:
            url = f"{parts.settings.public_url}/install"
            return card.trouble("This app is not installed in this workspace.", label="Install it", url=url)
        if workspace.mode is Mode.NEEDS_REAUTHORIZATION:
            said = "Intercom no longer accepts this app's access token. Events are kept and wait."
            return card.trouble(said, label="Install it again", url=f"{parts.settings.public_url}/install")
        if not what.person.identifiers:
            return card.trouble("Intercom did not say which contact this is.")
        return await self._of(workspace, what)

    async def _of(self, workspace: Workspace, what: Asked) -> list[Component]:
        read, locale = self._parts.database.read, Locale(workspace.time_zone, workspace.language)
        clicked = what.component or HOME_ID
        if (delivery_id := _delivery_id(clicked)) is not None:
            found = await read(one, workspace.id, what.person, delivery_id)
            if found is not None:
                return card.details(found, locale)
        deliveries = await read(latest, workspace.id, what.person, most=MORE + 1)
        if clicked == MORE_ID:
            return card.more(deliveries, locale)
        stands = in_step(await read(standing, workspace.id), locale, now=self._parts.now())
        return card.first(
            deliveries, locale, setup=self._setup(workspace, what), note=NOTES.get(workspace.mode), in_step=stands
        )

    def _setup(self, workspace: Workspace, what: Asked) -> str:
        """A fresh link into set-up; who opens it is written down as the teammate who looked at the card."""
        parts = self._parts
        actor = f"Intercom teammate {what.admin_id or 'unknown'}"
        link = links.make(parts.vault, workspace.id, actor=actor, now=parts.now(), lifetime_ms=CARD_LIFETIME_MS)
        return f"{parts.settings.public_url}/setup/enter/{link}"


def _delivery_id(component: str) -> Key | None:
    if not component.startswith(EVENT):
        return None
    try:
        found = bytes.fromhex(component.removeprefix(EVENT))
    except ValueError:
        return None
    return found if len(found) == 16 else None

"""/setup/segment: a webhook destination with a generated shared secret, or Segment's libraries without Segment."""

from __future__ import annotations

import secrets

from aiohttp import web

from connector.appstore.setup.desk import Desk, go
from connector.appstore.setup.stripe import wrong_label
from connector.appstore.web import Door, Visit
from connector.errors import UsageError
from connector.workspaces import endpoints
from connector.workspaces.endpoints import TRACKING, NewEndpoint

SECRET_BYTES = 24


class SegmentPage:
    """The form: both ways generate what has to be secret."""

    def __init__(self, desk: Desk, door: Door) -> None:
        self._desk = desk
        self._door = door

    def routes(self) -> list[web.AbstractRouteDef]:
        """GET|POST /setup/segment."""
        page = self._door.page
        return [web.get("/setup/segment", page(self._show)), web.post("/setup/segment", page(self._add))]

    async def _show(self, visit: Visit) -> web.StreamResponse:
        return self._desk.show(visit, "segment.html", "Connect Segment")

    async def _add(self, visit: Visit) -> web.StreamResponse:
        label, way = visit.form["label"], visit.form["way"]
        if why := wrong_label(label):
            return self._desk.show(visit, "segment.html", "Connect Segment", error=why)
        if way not in ("webhook", "tracking"):
            return self._desk.show(visit, "segment.html", "Connect Segment", error="Choose how events get here.")
        parts = self._desk.parts
        new = NewEndpoint(
            visit.workspace.id,
            TRACKING if way == "tracking" else "segment",
            label,
            signing_secret=new_secret(),
            browser_key=new_secret() if way == "tracking" else None,
        )
        try:
            endpoint = await parts.database.transact(endpoints.add, parts.vault, new, now=parts.now())
        except UsageError:
            why = "There is a connection with this name already: choose another one."
            return self._desk.show(visit, "segment.html", "Connect Segment", error=why)
        done = "tracking_added" if way == "tracking" else "segment_added"
        await self._desk.changed(visit, done, endpoint=endpoint.id)
        return go(f"/setup/endpoints/{endpoint.id}", done)


def new_secret() -> str:
    """A shared secret or write key: 192 random bits."""
    return secrets.token_urlsafe(SECRET_BYTES)

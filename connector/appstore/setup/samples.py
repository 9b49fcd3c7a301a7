"""/setup/samples: send one sample event to one contact of one's choice, also while the workspace is watching."""

from __future__ import annotations

from aiohttp import web

from connector.appstore import samples
from connector.appstore.samples import CONTACT_KINDS, NotSent
from connector.appstore.setup.desk import Desk, go
from connector.appstore.web import Door, Visit
from connector.events import DISPLAY_LENGTH, Identifier, IdentifierKind

WORDS = {
    IdentifierKind.EMAIL: "E-mail address",
    IdentifierKind.USER_ID: "User id (external id)",
    IdentifierKind.ID: "Intercom id",
}


class SamplesPage:
    """The form."""

    def __init__(self, desk: Desk, door: Door) -> None:
        self._desk = desk
        self._door = door

    def routes(self) -> list[web.AbstractRouteDef]:
        """GET|POST /setup/samples."""
        page = self._door.page
        return [web.get("/setup/samples", page(self._show)), web.post("/setup/samples", page(self._send))]

    async def _show(self, visit: Visit) -> web.StreamResponse:
        return self._page(visit)

    def _page(self, visit: Visit, error: str | None = None) -> web.Response:
        offered = samples.offered(self._desk.parts.mappings.rules()(visit.workspace).catalog.entries)
        kinds = [(kind.value, WORDS[kind]) for kind in CONTACT_KINDS]
        return self._desk.show(visit, "samples.html", "Send a sample", error=error, entries=offered, kinds=kinds)

    async def _send(self, visit: Visit) -> web.StreamResponse:
        parts, form = self._desk.parts, visit.form
        entry = next(
            (
                each
                for each in parts.mappings.rules()(visit.workspace).catalog.entries
                if each.id == form["entry"] and each.enabled
            ),
            None,
        )
        chosen = samples.sample(entry) if entry else None
        if entry is None or chosen is None:
            return self._page(visit, "Choose an event.")
        if form["kind"] not in [kind.value for kind in CONTACT_KINDS]:
            return self._page(visit, "Choose how the contact is named.")
        if (contact := _contact(form["kind"], form["contact"])) is None:
            return self._page(visit, "Say which contact it is for.")
        sent = await samples.send(parts, visit.workspace, chosen, contact)
        if isinstance(sent, NotSent):
            return self._page(visit, sent.why)
        await self._desk.changed(visit, "sample_sent", event=sent.name)
        return go("/setup/samples", "sample_sent")


def _contact(kind: str, value: str) -> Identifier | None:
    if not 0 < len(value) <= DISPLAY_LENGTH or not value.isprintable():
        return None
    if kind == IdentifierKind.EMAIL and "@" not in value:
        return None
    return Identifier(IdentifierKind(kind), value)

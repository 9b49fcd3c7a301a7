"""/console/deliveries: the Intercom events that were made, searched, listed and exported."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from aiohttp import web
from sqlalchemy import Connection

from connector.console import export, search
from connector.console.access import Route, Visit
from connector.console.roles import Role
from connector.inbox import browse as inbox
from connector.outbox import browse, history, reasons
from connector.outbox.browse import Found
from connector.outbox.delivery import Delivery, State
from connector.outbox.selection import Selection

LIMIT = 50
FIELDS = ("q", "state", "reason", "name", "type", "status", "since", "until")
COLUMNS = (
    "id",
    "name",
    "state",
    "reason",
    "created_at",
    "contact",
    "metadata",
    "mapping",
    "mapped_at",
    "updated_at",
    "delivered_at",
)


class Deliveries:
    """The list."""

    def routes(self) -> list[Route]:
        """GET /console/deliveries and its export."""
        return [
            Route("GET", "/console/deliveries", Role.VIEWER, self._list),
            Route("GET", "/console/deliveries.{form:csv|json}", Role.VIEWER, self._export),
        ]

    async def _list(self, visit: Visit) -> web.StreamResponse:
        wanted = search.deliveries(visit.workspace_id, visit.query, now=visit.parts.now())
        before = search.place(visit.query.get("before"))
        q = visit.query.get("q")
        found = await visit.parts.database.read(look, wanted, q, before=before, limit=LIMIT)
        asked = {name: visit.query[name] for name in FIELDS if name in visit.query}
        following = search.written(found.next)
        return visit.show(
            "deliveries.html",
            "Deliveries",
            found=found,
            asked=asked,
            states=list(State),
            meaning=reasons.of_delivery,
            known_reasons=reasons.DELIVERY_REASONS,
            older=visit.address("/console/deliveries", **{**asked, "before": following}) if following else None,
            newest=visit.address("/console/deliveries", **asked) if before else None,
            exports={form: visit.address(f"/console/deliveries.{form}", **asked) for form in ("csv", "json")},
            most=export.MOST,
            jobs=asked and "q" not in asked,
        )

    async def _export(self, visit: Visit) -> web.StreamResponse:
        wanted = search.deliveries(visit.workspace_id, visit.query, now=visit.parts.now())
        await visit.audited("console.export", what="deliveries", chosen=dict(visit.query))
        rows = _rows(visit, wanted, visit.query.get("q"))
        form = visit.request.match_info["form"]
        return await export.send(visit.request, rows, COLUMNS, name="deliveries", form=form)


async def _rows(visit: Visit, wanted: Selection, q: str | None) -> AsyncIterator[Sequence[Mapping[str, Any]]]:
    before, left = None, export.MOST
    while left > 0:
        limit = min(export.PAGE, left)
        found = await visit.parts.database.read(look, wanted, q, before=before, limit=limit)
        yield [document(each) for each in found.items]
        left -= len(found.items)
        before = found.next
        if before is None:
            return


def look(connection: Connection, wanted: Selection, q: str | None, *, before: browse.Place | None, limit: int) -> Found:
    """A page of what the search field and the other fields ask for together."""
    assert wanted.workspace_id is not None
    if q is None:
        return browse.browse(connection, wanted, before=before, limit=limit)
    looked = search.looked_for(q)
    if looked.id is not None:
        return Found(tuple(browse.with_prefix(connection, wanted.workspace_id, looked.id)))
    if looked.senders_id is not None:
        events = inbox.by_sender_id(connection, wanted.workspace_id, looked.senders_id)
        made = [each for event in events for each in _made(connection, wanted.workspace_id, event.key)]
        if made or looked.person is None:
            return Found(tuple(made))
    with_person = _for(wanted, looked)
    return browse.browse(connection, with_person, before=before, limit=limit)


def _for(wanted: Selection, looked: search.Looked) -> Selection:
    from dataclasses import replace

    return replace(wanted, contact=looked.person)


def _made(connection: Connection, workspace_id: int, received: bytes) -> list[Delivery]:
    return history.page(connection, history.Filter(workspace_id, received_key=received), limit=LIMIT)


def document(delivery: Delivery) -> dict[str, Any]:
    """A delivery as it is exported."""
    contact = delivery.identifier or next(iter(delivery.contact), None)
    return {
        "id": delivery.id.hex(),
        "name": delivery.name,
        "state": delivery.state.value,
        "reason": delivery.reason,
        "created_at": datetime.fromtimestamp(delivery.created_at, UTC).isoformat(),
        "contact": None if contact is None else f"{contact.kind}:{contact.value}",
        "metadata": dict(delivery.metadata),
        "mapping": delivery.mapping_id,
        "mapped_at": _iso(delivery.mapped_at),
        "updated_at": _iso(delivery.updated_at),
        "delivered_at": _iso(delivery.delivered_at),
    }


def _iso(milliseconds: int | None) -> str | None:
    return None if milliseconds is None else datetime.fromtimestamp(milliseconds / 1000, UTC).isoformat()

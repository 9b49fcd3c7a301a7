"""/console/events: what came in, searched, listed and exported; one event with what was made of it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from typing import Any

from aiohttp import web
from sqlalchemy import Connection

from connector.console import export, search
from connector.console.access import Route, Visit
from connector.console.body import shown_body
from connector.console.roles import Role
from connector.console.words import iso
from connector.database.engine import Database
from connector.errors import UsageError
from connector.events import ReceivedState
from connector.inbox import browse, selection, store
from connector.inbox.browse import Found, Wanted
from connector.inbox.selection import EventSelection
from connector.inbox.sources import SOURCES
from connector.outbox import history, reasons, replay, verbs
from connector.outbox.replay import NotReplayed

LIMIT = 50
AT_ONCE, MOST_AT_ONCE = 100, 1_000
"""Events mapped again in one transaction, and for one press of the button."""
NOT_MAPPED = (ReceivedState.UNMAPPED, ReceivedState.IGNORED, ReceivedState.FAILED)
FIELDS = ("q", "state", "source", "type", "reason", "since", "until")
COLUMNS = ("key", "source", "type", "sender_id", "state", "reason", "live", "received_at", "occurred_at", "api_version")


class Events:
    """The list, and one event."""

    def routes(self) -> list[Route]:
        """GET /console/events, its export, and one; POST to have one, or those found, mapped again."""
        return [
            Route("GET", "/console/events", Role.VIEWER, self._list),
            Route("GET", "/console/events.{form:csv|json}", Role.VIEWER, self._export),
            Route("POST", "/console/events/replay", Role.OPERATOR, self._replay_found),
            Route("GET", "/console/events/{key}", Role.VIEWER, self._one),
            Route("POST", "/console/events/{key}/replay", Role.OPERATOR, self._replay),
        ]

    async def _list(self, visit: Visit) -> web.StreamResponse:
        wanted = search.events(visit.workspace_id, visit.query, now=visit.parts.now())
        before = search.place(visit.query.get("before"))
        found = await visit.parts.database.read(look, wanted, visit.query.get("q"), before=before, limit=LIMIT)
        asked = {name: visit.query[name] for name in FIELDS if name in visit.query}
        following = search.written(found.next)
        return visit.show(
            "events.html",
            "Events",
            found=found,
            asked=asked,
            states=list(ReceivedState),
            sources=list(SOURCES),
            meaning=reasons.of_event,
            older=visit.address("/console/events", **{**asked, "before": following}) if following else None,
            newest=visit.address("/console/events", **asked) if before else None,
            exports={form: visit.address(f"/console/events.{form}", **asked) for form in ("csv", "json")},
            most=export.MOST,
        )

    async def _export(self, visit: Visit) -> web.StreamResponse:
        wanted = search.events(visit.workspace_id, visit.query, now=visit.parts.now())
        await visit.audited("console.export", what="events", chosen=dict(visit.query))
        rows = _rows(visit, wanted, visit.query.get("q"))
        form = visit.request.match_info["form"]
        return await export.send(visit.request, rows, COLUMNS, name="events", form=form)

    async def _one(self, visit: Visit) -> web.StreamResponse:
        key = search.key(visit.request.match_info["key"])
        read = visit.parts.database.read
        found = await read(store.find, visit.workspace_id, key)
        if found is None:
            raise UsageError("there is no such event in this workspace")
        event, body = found
        made = await read(history.page, history.Filter(visit.workspace_id, received_key=key), limit=LIMIT)
        return visit.show(
            "event.html",
            event.type,
            event=event,
            body=shown_body(body) if body is not None else None,
            made=made,
            meaning=reasons.of_event(event.state, event.reason),
            meaning_of=reasons.of_delivery,
        )

    async def _replay(self, visit: Visit) -> web.StreamResponse:
        key = search.key(visit.request.match_info["key"])
        database = visit.parts.database
        results = await database.transact(replay.replay_event, visit.workspace_id, key, now=visit.parts.now())
        await visit.audited("events.replay", event=key.hex())
        visit.parts.received()
        visit.parts.queued()
        refused = [each.why for each in results if isinstance(each, NotReplayed)]
        if replay.BODY_GONE in refused:
            raise UsageError("Its bytes are no longer kept: it cannot be mapped again.")
        return visit.go(f"/console/events/{key.hex()}", done="mapped_again")

    async def _replay_found(self, visit: Visit) -> web.StreamResponse:
        """In small transactions, and not beyond what somebody waits for: pressed again it goes on with the rest."""
        asked = {name: visit.form[name] for name in FIELDS if visit.form[name]}
        wanted = search.events(visit.workspace_id, asked, now=visit.parts.now())
        if wanted.state not in NOT_MAPPED:
            raise UsageError("which events? Those of one state that nothing was made of: unmapped, ignored or failed")
        done = await _mapped_again(visit.parts.database, _selection(wanted))
        await visit.audited("events.replay", chosen=asked, done=done)
        visit.parts.received()
        visit.parts.queued()
        return visit.go("/console/events", **asked, done="all_mapped_again" if done else "unchanged")


def _selection(wanted: Wanted) -> EventSelection:
    return EventSelection(
        wanted.workspace_id, wanted.state, wanted.source, wanted.type, wanted.reason, wanted.since, wanted.until
    )


async def _mapped_again(database: Database, wanted: EventSelection) -> int:
    """How many of them are, `MOST_AT_ONCE` at most."""
    done, after = 0, selection.NOWHERE
    while done < MOST_AT_ONCE:
        found = await database.read(selection.page, wanted, after=after, limit=AT_ONCE)
        if not found:
            break
        ids = [(event.workspace_id, event.key) for event in found]
        results = await database.transact(verbs.replay_events, wanted, ids, now=database.clock.now())
        done += sum(each.mapped_again for each in results)
        after = ids[-1]
    return done


async def _rows(visit: Visit, wanted: Wanted, q: str | None) -> AsyncIterator[Sequence[Mapping[str, Any]]]:
    before, left = None, export.MOST
    while left > 0:
        limit = min(export.PAGE, left)
        found = await visit.parts.database.read(look, wanted, q, before=before, limit=limit)
        yield [
            {
                "key": each.key.hex(),
                "source": each.source,
                "type": each.type,
                "sender_id": each.external_key,
                "state": each.state.value,
                "reason": each.reason,
                "live": each.livemode,
                "received_at": iso(each.received_at),
                "occurred_at": None if each.occurred_at is None else iso(each.occurred_at * 1000),
                "api_version": each.api_version,
            }
            for each in found.items
        ]
        left -= len(found.items)
        before = found.next
        if before is None:
            return


def look(connection: Connection, wanted: Wanted, q: str | None, *, before: browse.Place | None, limit: int) -> Found:
    """A page of what the search field and the other fields ask for together; for a person, what was made for them."""
    if q is None:
        return browse.browse(connection, wanted, before=before, limit=limit)
    looked = search.looked_for(q)
    if looked.id is not None:
        return Found(tuple(browse.with_prefix(connection, wanted.workspace_id, looked.id)))
    if looked.senders_id is not None:
        named = browse.by_sender_id(connection, wanted.workspace_id, looked.senders_id)
        if named or looked.person is None:
            return Found(tuple(named))
    from connector.outbox import browse as outgoing
    from connector.outbox.selection import Selection

    made = outgoing.browse(connection, Selection(wanted.workspace_id, contact=looked.person), before=None, limit=limit)
    keys = list(dict.fromkeys(each.received_key for each in made.items))
    events = browse.by_keys(connection, wanted.workspace_id, keys)
    return Found(tuple(sorted(events, key=lambda each: each.received_at, reverse=True)))

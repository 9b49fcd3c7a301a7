"""/console/mappings: what is mapped and what is not, each entry's last day, and an editor that checks and tries."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Mapping

from aiohttp import web
from sqlalchemy import Connection, select

from connector.catalogues import deploying, store
from connector.catalogues.deploying import Refused
from connector.console import drafts
from connector.console.access import Route, Visit
from connector.console.drafts import NEW_FILE, Draft
from connector.console.roles import Role
from connector.database.tables import deliveries
from connector.errors import UsageError
from connector.inbox import coverage
from connector.inbox.coverage import Unmapped
from connector.inbox.sources import SOURCES
from connector.mapping.entry import Entry
from connector.mapping.explain import explain
from connector.outbox.delivery import State

DAY_MS = 86_400_000
COVERED_MS = 30 * DAY_MS
LOOKED_AT = 5_000
"""Deliveries of each state of the last day that are counted by entry."""


class MappingPages:
    """The catalogue, one entry, and the editor."""

    def __init__(self) -> None:
        self._one_at_a_time = asyncio.Semaphore(1)  # building a set takes a core for a moment

    def routes(self) -> list[Route]:
        """GET the pages; POST checks a draft (also as a fragment), tries it, deploys it."""
        return [
            Route("GET", "/console/mappings", Role.VIEWER, self._catalogue),
            Route("GET", "/console/mappings/entry", Role.VIEWER, self._entry),
            Route("GET", "/console/mappings/edit", Role.OPERATOR, self._edit),
            Route("POST", "/console/mappings/check", Role.OPERATOR, self._check),
            Route("POST", "/console/mappings/try", Role.OPERATOR, self._try),
            Route("POST", "/console/mappings/deploy", Role.ADMIN, self._deploy),
        ]

    async def _catalogue(self, visit: Visit) -> web.StreamResponse:
        now, read = visit.parts.now(), visit.parts.database.read
        built = visit.parts.mappings.built
        unmapped: list[Unmapped] = []
        made: Mapping[str, Counter[str]] = {}
        if visit.here is not None:
            unmapped = await read(coverage.unmapped, visit.workspace_id, since=now - COVERED_MS)
            made = await read(last_day, visit.workspace_id, now=now)
        catalog = visit.parts.mappings.rules()(visit.parts.directory.workspace(visit.here.id) if visit.here else None)
        entries = sorted(
            catalog.catalog.entries, key=lambda each: (not each.enabled, -sum(made.get(each.id, {}).values()))
        )
        wanted = visit.query.get("show", "on")
        return visit.show(
            "mappings.html",
            "Mappings",
            entries=[each for each in entries if wanted == "all" or each.enabled],
            show=wanted,
            off=sum(not each.enabled for each in entries),
            unmapped=[
                (
                    each,
                    [entry.id for entry in catalog.catalog.switched_off(each.source, each.type)],
                    [entry.id for entry in catalog.catalog.select(each.source, each.type)],
                )
                for each in unmapped[:100]
            ],
            made=made,
            files=sorted(built.set.documents),
            digest=built.set.digest,
            may_edit=visit.role.may(Role.OPERATOR),
        )

    async def _entry(self, visit: Visit) -> web.StreamResponse:
        rules = visit.parts.mappings.rules()(visit.parts.directory.workspace(visit.here.id) if visit.here else None)
        wanted = visit.query.get("id", "")
        entry = next((each for each in rules.catalog.entries if each.id == wanted), None)
        if entry is None:
            raise UsageError("there is no such entry")
        return visit.show(
            "entry.html",
            entry.id,
            entry=entry,
            explained=explain(entry),
            place=entry.place,
            edit=_where_to_change(visit, entry) if visit.role.may(Role.OPERATOR) else None,
        )

    async def _edit(self, visit: Visit) -> web.StreamResponse:
        """A file of the set, with a proposal behind it where a type is named."""
        name = visit.query.get("file", NEW_FILE)
        text = visit.parts.mappings.built.set.documents.get(name, "")
        source, event_type = visit.query.get("source"), visit.query.get("type")
        if source is not None and event_type is not None:
            if source not in SOURCES:
                raise UsageError("there is no such source")
            made = await drafts.proposed(visit.parts.database, visit.workspace_id, source, event_type)
            text = drafts.appended(text, made)
        elif (switch := visit.query.get("on")) is not None:
            entry = _shared(visit, switch)
            text = drafts.appended(text, _switch(entry.source, entry.id))
        elif (shipped := visit.query.get("copy")) is not None:
            text = drafts.appended(text, await asyncio.to_thread(drafts.copied, _shared(visit, shipped)))
        return await self._shown(visit, name, text)

    async def _check(self, visit: Visit) -> web.StreamResponse:
        name, text = visit.form["file"], visit.form.exact("yaml")
        if "fragment" in visit.query:
            found = await self._draft(visit, name, text)
            return visit.show("problems.html", "Check", draft=found)
        return await self._shown(visit, name, text)

    async def _try(self, visit: Visit) -> web.StreamResponse:
        return await self._shown(visit, visit.form["file"], visit.form.exact("yaml"), try_it=True)

    async def _deploy(self, visit: Visit) -> web.StreamResponse:
        name, text = visit.form["file"], visit.form.exact("yaml")
        parts = visit.parts
        if visit.form["digest"] != parts.mappings.digest:
            error = "Somebody has deployed another set meanwhile. Look at it, and check yours against it."
            return await self._shown(visit, name, text, error=error)
        found = await self._draft(visit, name, text)
        if not found.ok:
            return await self._shown(visit, name, text, error="There are mistakes: nothing was deployed.")
        result = await parts.database.transact(deploying.deploy, found.built, by=visit.actor, now=parts.now())
        if isinstance(result, Refused):
            return await self._shown(visit, name, text, error="; ".join(result.problems[:5]))
        await parts.mappings.follow()
        return visit.go("/console/mappings", done="deployed" if result.changed else "unchanged")

    async def _draft(self, visit: Visit, name: str, text: str) -> Draft:
        before, keys = visit.parts.mappings.built, visit.parts.settings.metadata_keys
        async with self._one_at_a_time:
            return await asyncio.to_thread(drafts.draft, before, name, text, metadata_keys=keys)

    async def _shown(
        self, visit: Visit, name: str, text: str, *, try_it: bool = False, error: str | None = None
    ) -> web.StreamResponse:
        found = await self._draft(visit, name, text)
        before = visit.parts.mappings.built
        tried = None
        if try_it and found.ok:
            options = visit.parts.mappings.rules()(visit.parts.directory.workspace(visit.workspace_id)).options
            tried = await drafts.tried(visit.parts.database, before, found.built, visit.workspace_id, options)
        return visit.show(
            "edit.html",
            "Edit mappings",
            status=422 if error else 200,
            draft=found,
            text=text,
            name=name,
            tried=tried,
            looked_at=drafts.LOOKED_AT,
            example=drafts.EXAMPLE,
            error=error,
            digest=before.set.digest,
            may_deploy=visit.role.may(Role.ADMIN),
            folder=visit.parts.settings.mappings_dir,
            deployed=await visit.parts.database.read(store.active_digest),
        )


def _shared(visit: Visit, entry_id: str) -> Entry:
    """The entry of that id, of those that all workspaces have. Raises UsageError."""
    for entry in visit.parts.mappings.catalog.entries:
        if entry.id == entry_id:
            return entry
    raise UsageError("there is no such entry")


def _where_to_change(visit: Visit, entry: Entry) -> dict[str, str] | None:
    """What the editor is asked for about an entry: its file, or a copy of a shipped one; None for a workspace's own."""
    if entry.place.file in visit.parts.mappings.built.set.documents:
        return {"file": entry.place.file}
    if any(each.place == entry.place for each in visit.parts.mappings.catalog.entries):
        return {"copy": entry.id}
    return None


def _switch(source: str, entry_id: str) -> str:
    return f'version: 1\nsource: {source}\nevents:\n  - {{id: "{entry_id}", enabled: true}}\n'


def last_day(connection: Connection, workspace_id: int, *, now: int) -> Mapping[str, Counter[str]]:
    """How many of each state each entry has made in the last day, of the newest of each state."""
    found: dict[str, Counter[str]] = {}
    for state in State:
        query = (
            select(deliveries.c.mapping_id)
            .where(
                deliveries.c.workspace_id == workspace_id,
                deliveries.c.state == state.value,
                deliveries.c.updated_at >= now - DAY_MS,
            )
            .order_by(deliveries.c.updated_at.desc())
            .limit(LOOKED_AT)
        )
        for mapping_id in connection.scalars(query):
            found.setdefault(mapping_id, Counter())[state.value] += 1
    return found

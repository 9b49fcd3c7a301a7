"""/console/workspace: a workspace's mode, connections, secrets' age and switches; /console/audit: who did what."""

from __future__ import annotations

from dataclasses import replace

from aiohttp import web

from connector.console import overview
from connector.console.access import Route, Visit
from connector.console.roles import Role
from connector.errors import UsageError
from connector.outbox import bulk as bulk_sql
from connector.outbox import first_run, report, selection
from connector.outbox.delivery import State
from connector.outbox.selection import Selection
from connector.workspaces import audit, endpoints, store
from connector.workspaces.endpoints import Endpoint
from connector.workspaces.modes import Mode
from connector.workspaces.store import Workspace

AT_ONCE = 100
LONGEST_SECRET = 512
LIMIT = 100
ROTATE_AFTER_MS = 365 * 86_400_000
HELD_BY_MODE = ("watching", "not_listed")


class WorkspacePages:
    """A workspace, its report before it goes live, and the audit."""

    def routes(self) -> list[Route]:
        """GET the pages; POST pause, resume, watch, go-live, and an endpoint's new secret."""
        return [
            Route("GET", "/console/workspace", Role.VIEWER, self._show),
            Route("POST", "/console/workspace/pause", Role.OPERATOR, self._pause),
            Route("POST", "/console/workspace/resume", Role.OPERATOR, self._resume),
            Route("POST", "/console/workspace/watch", Role.ADMIN, self._watch),
            Route("GET", "/console/workspace/go-live", Role.ADMIN, self._report),
            Route("POST", "/console/workspace/go-live", Role.ADMIN, self._go_live),
            Route("POST", "/console/endpoints/{endpoint}/rotate", Role.ADMIN, self._rotate),
            Route("POST", "/console/endpoints/{endpoint}/drop-old", Role.ADMIN, self._drop_old),
            Route("GET", "/console/audit", Role.VIEWER, self._audit),
        ]

    async def _show(self, visit: Visit) -> web.StreamResponse:
        if visit.here is None:
            return visit.show("nothing_yet.html", "No workspace yet")
        read, parts, now = visit.parts.database.read, visit.parts, visit.parts.now()
        workspace = await read(store.get, parts.vault, visit.workspace_id)
        return visit.show(
            "workspace.html",
            workspace.name or workspace.app_id,
            workspace=workspace,
            standing=await read(overview.standing, parts.vault, visit.here, now=now),
            now=now,
            old=now - ROTATE_AFTER_MS,
            deeds=await read(audit.page, visit.workspace_id, before=None, limit=10),
        )

    async def _pause(self, visit: Visit) -> web.StreamResponse:
        return await self._set(visit, Mode.PAUSED, "workspaces.pause", "paused")

    async def _resume(self, visit: Visit) -> web.StreamResponse:
        workspace = await _workspace(visit)
        done = await visit.parts.database.transact(store.resume, workspace, now=visit.parts.now())
        if done:
            await visit.audited("workspaces.resume", was=workspace.mode)
        await _seen(visit)
        return visit.go("/console/workspace", done="resumed" if done else "unchanged")

    async def _watch(self, visit: Visit) -> web.StreamResponse:
        answer = await self._set(visit, Mode.WATCHING, "workspaces.watch", "watching")
        database, held = visit.parts.database, 1
        while held:  # what was to be sent, in small transactions
            held = await database.transact(
                first_run.hold_due, visit.workspace_id, limit=AT_ONCE, now=database.clock.now()
            )
        return answer

    async def _set(self, visit: Visit, mode: Mode, action: str, done: str) -> web.StreamResponse:
        changed = await visit.parts.database.transact(store.set_mode, visit.workspace_id, mode, now=visit.parts.now())
        if changed:
            await visit.audited(action)
        await _seen(visit)
        return visit.go("/console/workspace", done=done if changed else "unchanged")

    async def _report(self, visit: Visit) -> web.StreamResponse:
        workspace = await _workspace(visit)
        read, now = visit.parts.database.read, visit.parts.now()
        found = await read(report.at_a_glance, workspace.id, workspace.mode, now=now)
        held = Selection(workspace.id, states=(State.HELD,), reasons=HELD_BY_MODE)
        return visit.show(
            "go_live.html",
            "Go live",
            report=found,
            workspace=workspace,
            held=await read(selection.count, held),
            newest=report.NEWEST,
        )

    async def _go_live(self, visit: Visit) -> web.StreamResponse:
        since = visit.form["since_hours"]
        if since and not (since.isascii() and since.isdigit() and len(since) <= 5):
            raise UsageError("hours are a whole number")
        answer = await self._set(visit, Mode.LIVE, "workspaces.go-live", "live")
        if not since:
            return answer
        held = Selection(visit.workspace_id, states=(State.HELD,), reasons=HELD_BY_MODE)
        now = visit.parts.now()
        chosen = replace(held, happened_from=now // 1000 - int(since) * 3600)
        job = await visit.parts.database.transact(
            bulk_sql.begin, "release", chosen, actor=visit.actor, rate=None, now=now
        )
        return visit.go(f"/console/jobs/{job.id}", done="job")

    async def _rotate(self, visit: Visit) -> web.StreamResponse:
        secret = visit.form["secret"]
        if not 8 <= len(secret) <= LONGEST_SECRET or not secret.isprintable():
            raise UsageError(f"a signing secret has 8 … {LONGEST_SECRET} printable characters")
        return await self._changed(visit, secret, drop_old=False, done="rotated")

    async def _drop_old(self, visit: Visit) -> web.StreamResponse:
        return await self._changed(visit, None, drop_old=True, done="dropped")

    async def _changed(self, visit: Visit, new: str | None, *, drop_old: bool, done: str) -> web.StreamResponse:
        endpoint = await _endpoint(visit)
        parts = visit.parts
        await parts.database.transact(
            endpoints.rotate, parts.vault, endpoint, new=new, drop_old=drop_old, now=parts.now()
        )
        await visit.audited("endpoints.rotate", endpoint=endpoint.id, drop_old=drop_old)
        await _seen(visit)
        return visit.go("/console/workspace", done=done)

    async def _audit(self, visit: Visit) -> web.StreamResponse:
        before = visit.query.get("before", "")
        place = int(before) if before.isascii() and before.isdigit() and len(before) < 16 else None
        only = visit.workspace_id if visit.query.get("of") == "workspace" else None
        found = await visit.parts.database.read(audit.page, only, before=place, limit=LIMIT + 1)
        more = len(found) > LIMIT
        older = visit.address("/console/audit", of=visit.query.get("of"), before=found[LIMIT - 1].id) if more else None
        names = {each.id: each.name for each in visit.places}
        return visit.show("audit.html", "Audit", deeds=found[:LIMIT], older=older, names=names, only=only is not None)


async def _workspace(visit: Visit) -> Workspace:
    return await visit.parts.database.read(store.get, visit.parts.vault, visit.workspace_id)


async def _endpoint(visit: Visit) -> Endpoint:
    """The endpoint of the address, if it is this workspace's. Raises UsageError."""
    number = visit.request.match_info["endpoint"]
    if number.isascii() and number.isdigit() and len(number) < 10:
        found = await visit.parts.database.read(endpoints.get, visit.parts.vault, int(number))
        if found.workspace_id == visit.workspace_id and not found.removed:
            return found
    raise UsageError("there is no such endpoint in this workspace")


async def _seen(visit: Visit) -> None:
    """Let this process see the change at once; the others do within half a second."""
    await visit.parts.directory.reload()
    visit.parts.queued()

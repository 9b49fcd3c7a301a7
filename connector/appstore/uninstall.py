"""POST /intercom/uninstall: a workspace has removed the app, or revoked its token.

In one transaction before the answer: nothing is delivered any more, every secret is erased but the restricted keys of
endpoints that we made at Stripe, nobody is in set-up, and what was still to be sent is given up. Then those endpoints
are deleted, now or by the schedule whenever Stripe answers, and their keys forgotten. Late webhooks are answered 200
and dropped; what was received stays until retention ends, so that a re-installation knows duplicates.
https://developers.intercom.com/docs/build-an-integration/learn-more/authentication/installing-uninstalling-apps
"""

from __future__ import annotations

import asyncio

from aiohttp import web
from sqlalchemy import Connection, delete, select

from connector.appstore import sessions
from connector.appstore.parts import Parts
from connector.appstore.signed import Refusal, refused, signed_object, workspace_of
from connector.appstore.stripe_account import delete_at_stripe
from connector.database.tables import deliveries, health_reports
from connector.errors import DatabaseError
from connector.events import Key
from connector.outbox import queue
from connector.outbox.delivery import State
from connector.telemetry.facts import StageFailed, Uninstalled
from connector.workspaces import audit, remote, store
from connector.workspaces.modes import Mode

OPEN = (State.WAITING, State.HELD, State.DUE, State.PARKED)
AT_ONCE = 500
REASON = "uninstalled"


class Uninstall:
    """The route, and what is finished behind it."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts
        self._tasks: set[asyncio.Task[None]] = set()

    def routes(self) -> list[web.AbstractRouteDef]:
        """POST /intercom/uninstall."""
        return [web.post("/intercom/uninstall", self._uninstall)]

    async def _uninstall(self, request: web.Request) -> web.StreamResponse:
        sent = await signed_object(request, self._parts)
        if isinstance(sent, Refusal):
            return refused(request, self._parts, sent)
        parts = self._parts
        workspace = await workspace_of(parts.database, parts.vault, sent.get("app_id") or sent.get("workspace_id"))
        if workspace is not None:
            try:
                await parts.database.transact(remove, workspace.id, now=parts.now())
            except DatabaseError as error:
                parts.tell(StageFailed("uninstall", error))
                return web.json_response({"error": "not_stored"}, status=503, headers={"Retry-After": "5"})
            await parts.directory.reload()
            parts.tell(Uninstalled(workspace.id))
            self._behind(workspace.id)
        return web.json_response({"uninstalled": workspace is not None})

    def _behind(self, workspace_id: int) -> None:
        task = asyncio.create_task(self._finish(workspace_id))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _finish(self, workspace_id: int) -> None:
        try:
            await give_up_all(self._parts, workspace_id)
            await delete_endpoints(self._parts, workspace_id)
        except Exception as error:  # noqa: BLE001 - behind an answer nobody else would hear of it
            self._parts.tell(StageFailed("uninstall", error))

    async def close(self) -> None:
        """Finish what was begun behind an answer."""
        await asyncio.gather(*self._tasks, return_exceptions=True)


def remove(connection: Connection, workspace_id: int, *, now: int) -> None:
    """Stop everything for a workspace, and forget its secrets."""
    store.remove(connection, workspace_id, now=now)
    sessions.end_all(connection, workspace_id)
    connection.execute(delete(health_reports).where(health_reports.c.workspace_id == workspace_id))
    give_up_some(connection, workspace_id, now=now)
    audit.record(connection, workspace_id, actor="Intercom", action="uninstall", detail={}, now=now)


def give_up_some(connection: Connection, workspace_id: int, *, now: int) -> int:
    """Give up some deliveries that are still to be sent, so that a re-installation starts clean; how many."""
    found: list[Key] = []
    for state in OPEN:
        query = (
            select(deliveries.c.id)
            .where(deliveries.c.workspace_id == workspace_id, deliveries.c.state == state.value)
            .limit(AT_ONCE)
        )
        found += connection.scalars(query).all()
    queue.give_up(connection, [(workspace_id, each) for each in found], State.DISCARDED, REASON, now=now)
    return len(found)


async def finish(parts: Parts) -> None:
    """Finish all removals: the schedule's job, for what a crash or a silent Stripe has left."""
    for workspace in list(parts.directory.workspaces()):
        if workspace.mode is Mode.REMOVED:
            await give_up_all(parts, workspace.id)
    await delete_endpoints(parts)


async def give_up_all(parts: Parts, workspace_id: int) -> None:
    """Give up everything that was still to be sent to a workspace that removed the app."""
    while await parts.database.transact(give_up_some, workspace_id, now=parts.now()):
        pass


async def delete_endpoints(parts: Parts, workspace_id: int | None = None) -> None:
    """Delete removed endpoints at Stripe, of one workspace or all, and forget the keys that did it."""
    for endpoint in await parts.database.read(remote.to_delete, parts.vault, workspace_id=workspace_id):
        too_late = parts.now() - (endpoint.removed_at or 0) > remote.GIVE_UP_MS
        if await delete_at_stripe(parts, endpoint) or too_late:
            await parts.database.transact(remote.forget, endpoint.id)

"""POST|HEAD /intercom/webhooks: what Intercom says about contacts wakes what waits for them, and what it says about
events is noted on the deliveries that they were.

One address for all workspaces; the body's `app_id` names the workspace. What is waited for is looked up before the
answer and woken in one transaction, so that a 200 means it is done; most notifications are about somebody nobody
waits for, and cost one read. Work that takes longer than `PATIENCE_S` is finished behind the answer: Intercom gives up
on an endpoint that is slow, and what a crash then loses is on the ladder of its own (docs/decisions/0028).

Never a 410, which would end the subscription, and never a 500.
https://developers.intercom.com/docs/webhooks/webhook-notifications
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass

from aiohttp import web
from sqlalchemy import Connection

from connector.appstore.notification import Meaning, Notification, ToldEvent, read
from connector.contacts import erasures, known
from connector.contacts.erasures import Erasure
from connector.database.engine import Database
from connector.errors import DatabaseError
from connector.events import Identifier, IdentifierKind
from connector.intercom.signature import HUB_HEADER, hub_signed
from connector.outbox import seen, waiting
from connector.outbox.seen import Seen
from connector.telemetry.facts import NotificationRefused, NotificationTaken, StageFailed, Tell
from connector.workspaces.directory import Directory
from connector.workspaces.modes import Mode

PATH = "/intercom/webhooks"
LARGEST_BODY = 1024 * 1024
BODY_DEADLINE_S = 3.0
"""Intercom itself gives up after five."""
PATIENCE_S = 0.4
"""Endpoints that answer within half a second are served first."""


@dataclass(frozen=True, slots=True)
class _Refused:
    status: int
    why: str


class Webhooks:
    """The route. `woken` is rung when deliveries are due because of it, `erase` when somebody is to be forgotten."""

    def __init__(
        self,
        database: Database,
        directory: Directory,
        *,
        client_secret: str | None,
        tell: Tell,
        woken: Callable[[], None],
        erase: Callable[[], None],
    ) -> None:
        self._database = database
        self._directory = directory
        self._secret = client_secret
        self._tell = tell
        self._woken = woken
        self._erase = erase
        self._behind: set[asyncio.Task[int]] = set()

    def routes(self) -> list[web.AbstractRouteDef]:
        """Intercom asks by HEAD whether somebody is there, before it takes the address."""
        return [web.head(PATH, _here), web.post(PATH, self._take)]

    async def close(self) -> None:
        """Finish what was answered before it was done."""
        await asyncio.gather(*self._behind, return_exceptions=True)

    async def _take(self, request: web.Request) -> web.Response:
        started = time.perf_counter()
        body = await self._body(request)
        if isinstance(body, _Refused):
            return self._refuse(body)
        notification = read(body)
        if notification is None:
            return self._taken(None, "unreadable", started)
        workspace_id = self._workspace_id(notification.app_id)
        if workspace_id is None or notification.meaning is None:
            return self._taken(workspace_id, notification.topic if notification.meaning else "other", started)
        try:
            woken = await self._act(workspace_id, notification)
        except (DatabaseError, OSError) as error:
            self._tell(StageFailed("intercom webhooks", error))
            return self._refuse(_Refused(503, "not_stored"))  # it comes again, once, in a minute
        return self._taken(workspace_id, notification.topic, started, woken)

    async def _body(self, request: web.Request) -> bytes | _Refused:
        """The signed bytes."""
        if self._secret is None:
            return _Refused(404, "no_client_secret")
        if (request.content_length or 0) > LARGEST_BODY:
            return _Refused(413, "too_large")
        try:
            async with asyncio.timeout(BODY_DEADLINE_S):
                body = await _read(request)
        except TimeoutError:
            return _Refused(408, "slow_body")
        except (web.RequestPayloadError, ConnectionError):
            return _Refused(400, "broken_body")
        if len(body) > LARGEST_BODY:
            return _Refused(413, "too_large")
        if not hub_signed(body, headers=request.headers.getall(HUB_HEADER, ()), secret=self._secret):
            return _Refused(401, "bad_signature")
        return body

    def _workspace_id(self, app_id: str) -> int | None:
        """The workspace, unless it is not, or no longer, one of ours."""
        of_it = (each for each in self._directory.workspaces() if each.app_id == app_id)
        return next((each.id for each in of_it if each.mode is not Mode.REMOVED), None)

    async def _act(self, workspace_id: int, notification: Notification) -> int | None:
        """Do what it means; how many deliveries that woke, None where that is not known yet."""
        if notification.event is not None:
            return await self._mark(workspace_id, notification, notification.event)
        if not await self._matters(workspace_id, notification):
            return 0
        task = asyncio.create_task(self._do(workspace_id, notification))
        self._behind.add(task)
        task.add_done_callback(self._behind.discard)
        done, _ = await asyncio.wait({task}, timeout=PATIENCE_S)
        if done:
            return task.result()
        task.add_done_callback(self._told_late)
        return None

    async def _mark(self, workspace_id: int, notification: Notification, event: ToldEvent) -> int:
        """Each event that is delivered comes back so: they are written many at once, and wake nothing."""
        told = Seen(workspace_id, notification.people, event.name, event.second, self._database.clock.now())
        await self._database.write(seen.mark, told)
        return 0

    async def _matters(self, workspace_id: int, notification: Notification) -> bool:
        if notification.meaning in (Meaning.DELETED, Meaning.HIDDEN):
            return True
        return await self._database.read(waiting.anybody_wants, workspace_id, notification.people)

    async def _do(self, workspace_id: int, notification: Notification) -> int:
        now = self._database.clock.now()
        woken = await self._database.transact(apply, workspace_id, notification, now=now)
        if woken:
            self._woken()
        if notification.meaning is Meaning.DELETED:
            self._erase()
        return woken

    def _told_late(self, task: asyncio.Task[int]) -> None:
        if not task.cancelled() and (error := task.exception()) is not None:
            self._tell(StageFailed("intercom webhooks", error))

    def _taken(self, workspace_id: int | None, topic: str, started: float, woken: int | None = 0) -> web.Response:
        self._tell(NotificationTaken(topic, workspace_id, woken, time.perf_counter() - started))
        return web.json_response({"received": True})

    def _refuse(self, refused: _Refused) -> web.Response:
        self._tell(NotificationRefused(refused.status, refused.why))
        return web.json_response({"error": refused.why}, status=refused.status)


def apply(connection: Connection, workspace_id: int, notification: Notification, *, now: int) -> int:
    """What a notification means to a workspace's deliveries; how many it woke."""
    contact_id, people = notification.contact_id, notification.people
    for gone in (notification.gone_id, contact_id if notification.meaning in _LEADS_NOWHERE else None):
        if gone:
            known.forget(connection, workspace_id, gone)
    match notification.meaning:
        case Meaning.APPEARED | Meaning.MERGED:
            if contact_id:
                names = [each for each in people if each.kind is not IdentifierKind.ID]
                known.learn(connection, workspace_id, names, contact_id, now=now)
            return waiting.appeared(connection, workspace_id, people, now=now)
        case Meaning.DELETED:
            erasures.ask(connection, [Erasure(workspace_id, each, "intercom", now) for each in _theirs(people)])
    return 0


_LEADS_NOWHERE = (Meaning.HIDDEN, Meaning.DELETED)


def _theirs(people: tuple[Identifier, ...]) -> list[Identifier]:
    """What is a contact's alone: an address may be that of another contact, too, who is still there."""
    return [each for each in people if each.kind is not IdentifierKind.EMAIL]


async def _here(_request: web.Request) -> web.Response:
    return web.Response()


async def _read(request: web.Request) -> bytes:
    """The body, or a little more than is taken."""
    chunks: list[bytes] = []
    size = 0
    async for chunk in request.content.iter_any():
        chunks.append(chunk)
        size += len(chunk)
        if size > LARGEST_BODY:
            break
    return b"".join(chunks)

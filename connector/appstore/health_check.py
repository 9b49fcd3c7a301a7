"""POST /intercom/health, and the same told to Intercom unasked when it changes.

Intercom asks at least once a day; a change is pushed within minutes (POST /app_install/status). What was last told is
kept, so that nothing is told twice, also by several processes.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence

from aiohttp import web
from sqlalchemy import Connection, func, select
from sqlalchemy.exc import SQLAlchemyError

from connector.appstore import links
from connector.appstore.condition import UNKNOWN, Condition, Facts, condition
from connector.appstore.parts import Parts
from connector.appstore.signed import Refusal, refused, signed_object, workspace_of
from connector.appstore.stripe_account import types, update_types
from connector.database.rows import upsert
from connector.database.tables import alerts, deliveries, health_reports, received_events
from connector.errors import DatabaseError
from connector.outbox.alerts import close_alert, open_alert
from connector.outbox.delivery import State
from connector.stripe_api import endpoints as stripe_endpoints
from connector.stripe_api.answers import Found, Missing
from connector.telemetry.facts import AlertClosed, AlertOpened, Fact, StageFailed
from connector.workspaces import endpoints
from connector.workspaces.endpoints import Endpoint
from connector.workspaces.modes import Mode
from connector.workspaces.store import Workspace

DAY_MS = 86_400_000
LINK_LIFETIME_MS = 3 * DAY_MS
"""An admin reads the e-mail about it a day later."""
DISABLED = "stripe_endpoint"
"""The kind of alert that says an endpoint is not well at Stripe."""
AT_STRIPE = "disabled or gone at Stripe"


class HealthCheck:
    """The route, and the schedule's job."""

    def __init__(self, parts: Parts) -> None:
        self.parts = parts

    def routes(self) -> list[web.AbstractRouteDef]:
        """POST /intercom/health."""
        return [web.post("/intercom/health", self._answer)]

    async def _answer(self, request: web.Request) -> web.StreamResponse:
        sent = await signed_object(request, self.parts)
        if isinstance(sent, Refusal):
            return refused(request, self.parts, sent)
        parts = self.parts
        try:
            workspace = await workspace_of(parts.database, parts.vault, sent.get("workspace_id") or sent.get("app_id"))
            found = UNKNOWN if workspace is None else await self.of(workspace)
        except (DatabaseError, SQLAlchemyError, OSError) as error:
            parts.tell(StageFailed("health check", error))
            return web.json_response(UNKNOWN.as_json(""))
        return web.json_response(found.as_json("" if workspace is None else self._link(workspace)))

    async def of(self, workspace: Workspace) -> Condition:
        """How a workspace's installation is, by what the database holds."""
        return condition(await self.parts.database.read(facts, self.parts, workspace, now=self.parts.now()))

    async def push_changes(self) -> None:
        """Tell Intercom of every workspace whose state is not what it was last told."""
        if self.parts.app is None:
            return
        for workspace in list(self.parts.directory.workspaces()):
            if workspace.mode is not Mode.REMOVED and workspace.token is not None:
                await self._push(workspace)

    async def look_at_stripe(self) -> None:
        """Ask Stripe how the endpoints are that we made there, and open or close an alert for each."""
        parts = self.parts
        for endpoint in await parts.database.read(_ours_at_stripe, parts):
            answer = await stripe_endpoints.status(
                parts.stripe, endpoint.restricted_key or "", endpoint.remote_id or ""
            )
            match answer:
                case Found(value=there):
                    await self._mend_types(endpoint, there.types)
                    await self._note(endpoint, well=there.enabled)
                case Missing():
                    await self._note(endpoint, well=False)

    async def _note(self, endpoint: Endpoint, *, well: bool) -> None:
        parts = self.parts
        if fact := await parts.database.transact(_noted, endpoint, well=well, now=parts.now()):
            parts.tell(fact)

    async def _mend_types(self, endpoint: Endpoint, sent: tuple[str, ...]) -> None:
        """A mapping that was deployed since may ask for other types."""
        workspace = self.parts.directory.workspace(endpoint.workspace_id)
        if workspace is not None and set(sent) != set(types(self.parts, workspace)):
            await update_types(self.parts, workspace)

    async def _push(self, workspace: Workspace) -> None:
        parts = self.parts
        found = await self.of(workspace)
        said = json.dumps(found.as_json(""), sort_keys=True)
        last = await parts.database.read(_last, workspace.id)
        if said == last or (last is None and found.state == "OK") or found.reinstall:
            return  # a token that is refused cannot say so: Intercom asks, and is answered
        body = json.dumps(found.as_json(self._link(workspace))).encode()
        answer = await parts.intercom.post(workspace.region, workspace.token or "", "/app_install/status", body)
        if answer.status is not None and 200 <= answer.status < 300:
            row = {"workspace_id": workspace.id, "report": said, "told_at": parts.now()}
            await parts.database.transact(upsert, health_reports, [row], changes=["report", "told_at"])

    def _link(self, workspace: Workspace) -> str:
        parts = self.parts
        actor = "from Intercom's health notice"
        link = links.make(parts.vault, workspace.id, actor=actor, now=parts.now(), lifetime_ms=LINK_LIFETIME_MS)
        return f"{parts.settings.public_url}/setup/enter/{link}"


def facts(connection: Connection, parts: Parts, workspace: Workspace, *, now: int) -> Facts:
    """What `condition` judges by; each is a look along an index."""
    theirs = endpoints.page(connection, parts.vault, workspace_id=workspace.id, removed=False)
    connected = max((each.created_at for each in theirs), default=None)
    last = connection.scalar(
        select(func.max(received_events.c.received_at)).where(received_events.c.workspace_id == workspace.id)
    )
    heard = max((at for at in (last, connected) if at is not None), default=None)
    open_alerts = select(alerts.c.subject).where(
        alerts.c.workspace_id == workspace.id, alerts.c.kind == DISABLED, alerts.c.closed_at.is_(None)
    )
    return Facts(
        authorized=workspace.mode is not Mode.NEEDS_REAUTHORIZATION,
        endpoints=len(theirs),
        quiet_ms=None if heard is None else now - heard,
        dead_today=_dead(connection, workspace.id, now - DAY_MS, now),
        dead_yesterday=_dead(connection, workspace.id, now - 2 * DAY_MS, now - DAY_MS),
        disabled=tuple(sorted(set(connection.scalars(open_alerts)) & {each.label for each in theirs})),
    )


def _dead(connection: Connection, workspace_id: int, since: int, until: int) -> int:
    columns = deliveries.c
    query = select(func.count()).where(
        columns.workspace_id == workspace_id,
        columns.state == State.DEAD.value,
        columns.updated_at > since,
        columns.updated_at <= until,
    )
    return connection.scalar(query) or 0


def _ours_at_stripe(connection: Connection, parts: Parts) -> list[Endpoint]:
    return list(_made(endpoints.page(connection, parts.vault, removed=False)))


def _made(found: Sequence[Endpoint]) -> Iterator[Endpoint]:
    for each in found:
        if each.remote_id is not None and each.restricted_key is not None:
            yield each


def _noted(connection: Connection, endpoint: Endpoint, *, well: bool, now: int) -> Fact | None:
    """Open or close the alert of one endpoint; what changed by that."""
    workspace_id, subject = endpoint.workspace_id, endpoint.label
    if well:
        closed = close_alert(connection, workspace_id, DISABLED, subject, now=now)
        return AlertClosed(workspace_id, DISABLED, subject) if closed else None
    if open_alert(connection, workspace_id, DISABLED, subject, AT_STRIPE, now=now):
        return AlertOpened(workspace_id, DISABLED, subject, AT_STRIPE)
    return None


def _last(connection: Connection, workspace_id: int) -> str | None:
    return connection.scalar(select(health_reports.c.report).where(health_reports.c.workspace_id == workspace_id))

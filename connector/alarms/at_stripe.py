"""The daily question to Stripe, with each endpoint's restricted key: is the webhook endpoint still as it was?

Endpoints that were made by hand are found by their address. A key that may not read webhook endpoints asks nothing;
where Stripe does not answer, alerts stay as they are.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import TypeAlias

from sqlalchemy import Connection, select, update

from connector.alarms.rules import DAY_MS, StripeNow, kinds_about
from connector.alarms.watch import MOST, Subject, settle
from connector.database import ticks
from connector.database.clock import wall
from connector.database.engine import Database
from connector.database.tables import endpoints as endpoints_table
from connector.database.tables import received_events
from connector.mapping.catalog import Catalog
from connector.outbox import alerts
from connector.stripe_api import endpoints as at_stripe
from connector.stripe_api.answers import Found
from connector.stripe_api.client import StripeApi
from connector.stripe_api.endpoints import StripeEndpoint
from connector.sync.reconcile import with_key
from connector.sync.wanted_types import wanted_types
from connector.telemetry.facts import Tell
from connector.workspaces import changes
from connector.workspaces.directory import Directory
from connector.workspaces.endpoints import Endpoint

EVERY_MS = DAY_MS
TASK = "ask Stripe about endpoints"
USUAL_AFTER_MS = 7 * DAY_MS
"""A version that has been sent for so long is the usual one."""
ENDPOINT, VERSION = "stripe_endpoint", "stripe_version"

LOOKED_AT = 2_000
"""The newest events among which an endpoint's last one is looked for."""

Looked: TypeAlias = StripeEndpoint | None
"""What is there; None for nothing."""


@dataclass
class AskStripe:
    """Asks about every endpoint that has a key; `catalog` says which types are wanted."""

    database: Database
    directory: Directory
    api: StripeApi
    catalog: Callable[[], Catalog]
    tell: Tell
    now: Callable[[], int] = field(default=wall)

    async def turn(self) -> None:
        """Ask once a day, unless another process does."""
        if await self.database.transact(ticks.take, TASK, every_ms=EVERY_MS, now=self.now()):
            await self.look()

    async def look(self) -> None:
        """Ask about all, one workspace after the other, and open and close what that asks for."""
        by_workspace: dict[int, list[Endpoint]] = {}
        for each in list(self.directory.endpoints()):
            if with_key(each):
                by_workspace.setdefault(each.workspace_id, []).append(each)
        for workspace_id, theirs in by_workspace.items():
            await self._look_at(workspace_id, theirs)

    async def _look_at(self, workspace_id: int, theirs: Sequence[Endpoint]) -> None:
        # whether one that we made there is well is looked at by set-up's own job
        subjects, unknown = [], {(ENDPOINT, each.label) for each in theirs if each.remote_id is not None}
        for endpoint in theirs:
            found = await at_stripe.everyone(self.api, endpoint.restricted_key or "")
            if not isinstance(found, Found):
                unknown |= {(kind, endpoint.label) for kind in kinds_about(StripeNow)}
                continue
            subjects.append(await self._subject(endpoint, ours(endpoint, found.value)))
        now = self.now()
        kept = frozenset(unknown)
        await settle(self.database, self.tell, workspace_id, subjects, about=(StripeNow,), now=now, keep=kept)

    async def _subject(self, endpoint: Endpoint, there: Looked) -> Subject:
        if there is None:
            return Subject(endpoint.label, StripeNow(False, watched=endpoint.remote_id is not None))
        sent = there.version or await self.database.read(_latest_version, endpoint)
        used_to = await self.database.transact(_used_to, endpoint, sent, now=self.now())
        unsent = _unsent(there.types, wanted_types(self.catalog()))
        return Subject(
            endpoint.label,
            StripeNow(True, there.enabled, endpoint.remote_id is not None, unsent, sent, used_to),
        )


def ours(endpoint: Endpoint, found: Sequence[StripeEndpoint]) -> Looked:
    """The one that sends to `endpoint`: by its id, or by its address."""
    for each in found:
        if each.id == endpoint.remote_id or each.url.rstrip("/").endswith(endpoint.path):
            return each
    return None


def _unsent(types: Sequence[str], wanted: Sequence[str]) -> tuple[str, ...]:
    """What is asked for and not sent; `wanted` is empty where everything is asked for."""
    if "*" in types:
        return ()
    return tuple(sorted(set(wanted) - set(types))) if wanted else ("*",)


def _latest_version(connection: Connection, endpoint: Endpoint) -> str | None:
    """The version of the last event that came, where the endpoint has the account's."""
    columns = received_events.c
    newest = (
        select(columns.endpoint_id, columns.api_version, columns.received_at)
        .where(columns.workspace_id == endpoint.workspace_id)
        .order_by(columns.received_at.desc())
        .limit(LOOKED_AT)
        .subquery()
    )
    query = select(newest.c.api_version).where(newest.c.endpoint_id == endpoint.id)
    found: str | None = connection.scalar(query.order_by(newest.c.received_at.desc()).limit(1))
    return found


def _used_to(connection: Connection, endpoint: Endpoint, version: str | None, *, now: int) -> str | None:
    """The usual version; the first one that is seen becomes it, and one that has been sent for a week."""
    column = endpoints_table.c.api_version
    known: str | None = connection.scalar(select(column).where(endpoints_table.c.id == endpoint.id))
    if version is None or version == known:
        return known
    open_now = alerts.open_alerts(connection, endpoint.workspace_id, limit=MOST)
    since = [each.opened_at for each in open_now if each.kind == VERSION and each.subject == endpoint.label]
    if known is None or any(now - at >= USUAL_AFTER_MS for at in since):
        connection.execute(
            update(endpoints_table).where(endpoints_table.c.id == endpoint.id).values(api_version=version)
        )
        changes.bump(connection)
        return version
    return known

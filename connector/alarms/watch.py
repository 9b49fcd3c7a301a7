"""The scheduled look at every workspace: counts are read, judged by the rules, and alerts opened and closed.

One process does a turn (`ticks`). A workspace is one read and, where something has changed, one transaction.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from sqlalchemy import Connection, select

from connector.alarms import counts
from connector.alarms.counts import HOUR_MS, WHOLE_WORKSPACE
from connector.alarms.rules import DAY_MS, EndpointNow, EntryNow, Look, StripeNow, WorkspaceNow, judge, kinds_about
from connector.catalogues import store as catalogues
from connector.catalogues.built import Built
from connector.database import ticks
from connector.database.clock import wall
from connector.database.engine import Database
from connector.database.tables import lanes, queue, sync_state
from connector.events import Priority
from connector.outbox import alerts
from connector.outbox.alerts import THE_SERVICE
from connector.outbox.lanes import SERVED
from connector.telemetry.facts import AlertClosed, AlertOpened, Fact, Tell
from connector.workspaces.directory import Directory
from connector.workspaces.endpoints import Endpoint
from connector.workspaces.modes import Mode
from connector.workspaces.store import Workspace

EVERY_MS = 300_000
TASK = "alarms"
UNAUTHORIZED = "needs_reauthorization"
"""Opened where Intercom refuses the token."""
LOOKED_BACK_MS = 7 * DAY_MS


@dataclass(frozen=True, slots=True)
class Subject:
    """Something that is judged, under the name that its alerts have."""

    name: str
    now: EndpointNow | WorkspaceNow | StripeNow | EntryNow


@dataclass
class Watch:
    """Looks at all workspaces; `built` is the mapping set in use, `reconciles` whether anybody asks Stripe."""

    database: Database
    directory: Directory
    built: Callable[[], Built]
    tell: Tell
    reconciles: bool = True
    now: Callable[[], int] = field(default=wall)

    async def turn(self) -> None:
        """Look once, unless another process does."""
        if await self.database.transact(ticks.take, TASK, every_ms=EVERY_MS, now=self.now()):
            await self.look()

    async def look(self) -> None:
        """Judge everything, and open and close what that asks for."""
        now = self.now()
        endpoints = list(self.directory.endpoints())
        for workspace in list(self.directory.workspaces()):
            theirs = [each for each in endpoints if each.workspace_id == workspace.id and not each.removed]
            subjects = await self.database.read(_subjects, workspace, theirs, self.reconciles, now=now)
            await self._settle(workspace.id, subjects, (EndpointNow, WorkspaceNow), now)
            if workspace.mode is not Mode.NEEDS_REAUTHORIZATION:
                await self._close(workspace.id, UNAUTHORIZED, now)
        await self._settle(THE_SERVICE, await self.database.read(_entries, self.built(), now=now), (EntryNow,), now)
        await self.database.transact(counts.prune, now=now)

    async def _settle(self, workspace_id: int, subjects: Sequence[Subject], about: Sequence[type], now: int) -> None:
        await settle(self.database, self.tell, workspace_id, subjects, about=about, now=now)

    async def _close(self, workspace_id: int, kind: str, now: int) -> None:
        open_now = await self.database.read(alerts.open_alerts, workspace_id, limit=MOST)
        if any(each.kind == kind for each in open_now):
            await self.database.transact(alerts.close_alerts, kind, workspace_id=workspace_id, now=now)
            self.tell(AlertClosed(workspace_id, kind, ""))


MOST = 10_000
"""Open alerts of one workspace that are read."""


async def settle(
    database: Database,
    tell: Tell,
    workspace_id: int,
    subjects: Sequence[Subject],
    *,
    about: Sequence[type],
    now: int,
    keep: frozenset[tuple[str, str]] = frozenset(),
) -> None:
    """Open what the rules say about `subjects`, and close the rest of the kinds that such rules open.

    `keep` are kinds and subjects that nothing is known of now: their alerts stay as they are.
    """
    open_now = await database.read(alerts.open_alerts, workspace_id, limit=MOST)
    kinds = {kind for each in about for kind in kinds_about(each)}
    before = {(each.kind, each.subject): each.detail for each in open_now if each.kind in kinds}
    found = dict(_found(subjects, before))
    gone = [place for place in before if place not in found and place not in keep]
    new = {place: words for place, words in found.items() if before.get(place) != words}
    if gone or new:
        for fact in await database.transact(_write, workspace_id, new, gone, now=now):
            tell(fact)


def _found(subjects: Sequence[Subject], before: Mapping[tuple[str, str], str]) -> Iterator[tuple[tuple[str, str], str]]:
    for subject in subjects:
        open_kinds = frozenset(kind for kind, name in before if name == subject.name)
        for verdict in judge(subject.now, open_kinds):
            if verdict.words is not None:
                yield (verdict.kind, subject.name), verdict.words


def _write(
    connection: Connection,
    workspace_id: int,
    new: Mapping[tuple[str, str], str],
    gone: Sequence[tuple[str, str]],
    *,
    now: int,
) -> list[Fact]:
    facts: list[Fact] = [
        AlertOpened(workspace_id, kind, subject, words)
        for (kind, subject), words in sorted(new.items())
        if alerts.open_alert(connection, workspace_id, kind, subject, words, now=now)
    ]
    facts += [
        AlertClosed(workspace_id, kind, subject)
        for kind, subject in sorted(gone)
        if alerts.close_alert(connection, workspace_id, kind, subject, now=now)
    ]
    return facts


def _subjects(
    connection: Connection, workspace: Workspace, endpoints: Sequence[Endpoint], reconciles: bool, *, now: int
) -> list[Subject]:
    """A workspace and its endpoints, as they are now."""
    if workspace.mode is Mode.REMOVED:
        return []
    looks = counts.looks(connection, workspace.id, now=now)
    behind = _behind(connection, workspace.id, now) if reconciles else {}
    overdue, held_up = _overdue(connection, workspace, now)
    return [
        Subject("", WorkspaceNow(looks.get(WHOLE_WORKSPACE, Look()), overdue, held_up)),
        *(
            Subject(
                f"{each.source} {each.label}",
                EndpointNow(
                    looks.get(each.id, Look()), now // HOUR_MS, behind.get(each.id) if each.restricted_key else None
                ),
            )
            for each in endpoints
        ),
    ]


def _behind(connection: Connection, workspace_id: int, now: int) -> dict[int, int]:
    """For how long each endpoint has not been compared with Stripe's list."""
    columns = sync_state.c
    query = select(columns.endpoint_id, columns.reconciled_until).where(
        columns.workspace_id == workspace_id, columns.reconciled_until.is_not(None)
    )
    return {row.endpoint_id: max(0, now - row.reconciled_until) for row in connection.execute(query)}


def _overdue(connection: Connection, workspace: Workspace, now: int) -> tuple[int, str | None]:
    """For how long the oldest live delivery could have been sent, and what holds it up. History may wait."""
    if workspace.mode.value not in SERVED:
        return 0, None
    here = (queue.c.workspace_id == workspace.id, queue.c.priority == Priority.LIVE.value)
    due = connection.scalar(select(queue.c.due).where(*here).order_by(queue.c.due).limit(1))
    if due is None or due >= now:
        return 0, None
    lane = connection.execute(select(lanes).where(lanes.c.workspace_id == workspace.id)).mappings().one_or_none()
    if lane is not None and (lane["breaker_until"] or 0) > now:
        return now - due, "Intercom did not answer usably, and is tried at intervals"
    if lane is not None and (lane["blocked_until"] or 0) > now:
        return now - due, "Intercom's rate limit is used up"
    return now - due, None


def _entries(connection: Connection, built: Built, *, now: int) -> list[Subject]:
    """The operator's own entries that are on, as far as they have not matched lately."""
    digest = catalogues.active_digest(connection)
    if digest is None or len(built.layers) < 2:
        return []
    in_use_ms = now - catalogues.starting_with(connection, digest).deployed_at
    written = {entry.id for read in built.layers[1] for entry in read.entries}
    own = {entry.id: entry for entry in built.catalog.entries if entry.enabled and entry.id in written}
    since = now - max(in_use_ms, LOOKED_BACK_MS)
    idle = counts.never_matched(connection, list(own), since=since)
    events = counts.stored_since(connection, since=now - min(in_use_ms, LOOKED_BACK_MS)) if idle else 0
    return [Subject(each, EntryNow(False, in_use_ms, events, ", ".join(own[each].triggers))) for each in idle]

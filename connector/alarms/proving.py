"""A small sample of each workspace's deliveries, read back from Intercom daily: a figure, and an alert if it is off.

Only where the operator asks for it (`CONNECTOR_VERIFY_SAMPLE`), because the token must be allowed to read events.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from sqlalchemy import Connection, func, select

from connector.alarms.rules import DAY_MS
from connector.database import ticks
from connector.database.clock import wall
from connector.database.engine import Database
from connector.database.rows import upsert
from connector.database.tables import verifications
from connector.intercom.client import IntercomClient
from connector.outbox import alerts
from connector.outbox.matching import Trouble
from connector.sync import verify
from connector.sync.verify import GRACE_MS, Verification, Verifier
from connector.telemetry.facts import AlertClosed, AlertOpened, Tell, Verified
from connector.workspaces.directory import Directory
from connector.workspaces.modes import Mode
from connector.workspaces.store import Workspace

EVERY_MS = DAY_MS
DIFFERS = "verify_differs"


@dataclass
class Proving:
    """Looks at `size` deliveries of each workspace."""

    database: Database
    directory: Directory
    client: IntercomClient
    tell: Tell
    size: int
    now: Callable[[], int] = field(default=wall)

    async def turn(self) -> None:
        """Look at each workspace once a day, unless another process does."""
        for workspace in list(self.directory.workspaces()):
            if workspace.mode is not Mode.LIVE or workspace.token is None:
                continue
            task = f"verify {workspace.id}"
            if await self.database.transact(ticks.take, task, every_ms=EVERY_MS, now=self.now()):
                await self.prove(workspace)

    async def prove(self, workspace: Workspace) -> Verification:
        """Look at one workspace, and keep what came of it."""
        now = self.now()
        until = now - GRACE_MS
        asked = await self.database.read(
            verify.sample, workspace.id, size=self.size, since=until - 2 * DAY_MS, until=until
        )
        result = Verification(len(asked))
        try:
            async for checked in Verifier(self.database, self.client, workspace, self.now).verify(asked):
                result.add(checked)
        except Trouble as trouble:
            result.why_not = trouble.why
        opened, closed = await self.database.transact(_keep, workspace.id, result, now=now)
        outcome = "differs" if result.differences else "stopped" if result.why_not else "as_sent"
        self.tell(Verified(workspace.id, outcome, result.checked, result.as_sent))
        if opened:
            self.tell(AlertOpened(workspace.id, DIFFERS, "", _words(result)))
        if closed:
            self.tell(AlertClosed(workspace.id, DIFFERS, ""))
        return result


def _keep(connection: Connection, workspace_id: int, result: Verification, *, now: int) -> tuple[bool, bool]:
    """Write it down; whether that opened, and whether it closed, the alert."""
    row = {
        "workspace_id": workspace_id,
        "verified_at": now,
        "checked": result.checked,
        "found": result.as_sent,
        "why_not": result.why_not and result.why_not[:255],
    }
    upsert(connection, verifications, [row], changes=["verified_at", "checked", "found", "why_not"])
    if result.differences:
        return alerts.open_alert(connection, workspace_id, DIFFERS, "", _words(result), now=now), False
    if result.checked:
        return False, alerts.close_alert(connection, workspace_id, DIFFERS, "", now=now)
    return False, False


def _words(result: Verification) -> str:
    first = result.differences[0]
    wrong = len({each.delivery for each in result.differences})
    return f"{wrong} of {result.checked} deliveries; the first: {first.delivery} is {first.what.value}: {first.detail}"


@dataclass(frozen=True, slots=True)
class Proved:
    """All workspaces' last looks together; `oldest_at` in milliseconds."""

    checked: int = 0
    found: int = 0
    oldest_at: int | None = None

    @property
    def share(self) -> float:
        """Of what was looked up, how much is there as it was sent; 1 where nothing was."""
        return self.found / self.checked if self.checked else 1.0


def proved(connection: Connection) -> Proved:
    """How the last looks ended."""
    columns = verifications.c
    query = select(func.sum(columns.checked), func.sum(columns.found), func.min(columns.verified_at))
    checked, found, oldest = connection.execute(query).one()
    return Proved(int(checked or 0), int(found or 0), oldest)

"""/setup/live: from watching over trying with listed contacts to going live, with what would have happened."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from aiohttp import web
from sqlalchemy import Connection

from connector.appstore.setup.desk import Desk, go
from connector.appstore.web import Door, Visit
from connector.events import DISPLAY_LENGTH, Identifier, IdentifierKind
from connector.outbox import history, matching, report
from connector.outbox.first_run import hold_due
from connector.outbox.readiness import listing
from connector.outbox.report import Match
from connector.workspaces import store
from connector.workspaces.modes import Mode

MOST_LISTED = 50
AT_ONCE = 500
PATIENCE_S = 20.0
"""What is asked meanwhile is remembered: asking again goes on from there."""
CHOICES = (Mode.WATCHING, Mode.TRYING, Mode.LIVE, Mode.PAUSED)


class LivePage:
    """The form."""

    def __init__(self, desk: Desk, door: Door) -> None:
        self._desk = desk
        self._door = door

    def routes(self) -> list[web.AbstractRouteDef]:
        """GET|POST /setup/live."""
        page = self._door.page
        return [web.get("/setup/live", page(self._show)), web.post("/setup/live", page(self._set))]

    async def _show(self, visit: Visit) -> web.StreamResponse:
        return await self._page(visit)

    async def _page(self, visit: Visit, error: str | None = None) -> web.Response:
        parts = self._desk.parts
        rate = await parts.database.read(match_rate, visit.workspace.id)
        listed = visit.form["listed"] or "\n".join(written(visit.workspace.settings.get("try_contacts", ())))
        found = await self._asked(visit) if visit.request.query.get("ask") == "intercom" else None
        return self._desk.show(
            visit, "live.html", "Go live", error=error, rate=rate, listed=listed, modes=Mode, match=found
        )

    async def _asked(self, visit: Visit) -> Match | None:
        """Whom of the last customers Intercom knows; None where that takes too long to wait for."""
        parts = self._desk.parts
        people = await parts.database.read(report.people, visit.workspace.id)
        try:
            async with asyncio.timeout(PATIENCE_S):
                return await matching.match(parts.database, parts.intercom, visit.workspace, people)
        except TimeoutError:
            return None

    async def _set(self, visit: Visit) -> web.StreamResponse:
        mode = visit.form["mode"]
        if visit.workspace.mode is Mode.NEEDS_REAUTHORIZATION:
            return await self._page(visit, "Intercom refuses this app's access. Install the app again first.")
        if mode not in CHOICES:
            return await self._page(visit, "Choose what is to happen.")
        listed = _listed(visit.form["listed"])
        if listed is None:
            return await self._page(
                visit, f"List 1 to {MOST_LISTED} contacts, one in each line, by e-mail address or user id."
            )
        if mode == Mode.TRYING and not listed:
            return await self._page(visit, "List the contacts that it is to be tried with.")
        parts = self._desk.parts
        await parts.database.transact(_change, visit.workspace.id, Mode(mode), listed, now=parts.now())
        await self._desk.changed(visit, "mode", mode=mode, listed=len(listed))
        if mode == Mode.WATCHING:
            while await parts.database.transact(hold_due, visit.workspace.id, limit=AT_ONCE, now=parts.now()):
                pass
        parts.queued()
        return go("/setup/live", "mode")


def _listed(text: str) -> list[str] | None:
    """The contacts of a list, None where it is none that can be kept."""
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    if len(lines) > MOST_LISTED or any(len(line) > DISPLAY_LENGTH or not line.isprintable() for line in lines):
        return None
    return list(dict.fromkeys(lines))


KINDS = ("email", "user_id", "id")


def compared(listed: Sequence[str]) -> list[str]:
    """Contacts as people write them, as `readiness` compares them: what is no e-mail address may be either id."""
    forms: list[str] = []
    for each in listed:
        kinds = (IdentifierKind.EMAIL,) if "@" in each else (IdentifierKind.USER_ID, IdentifierKind.ID)
        forms += [listing(Identifier(kind, each)) for kind in kinds]
    return list(dict.fromkeys(forms))


def written(forms: Sequence[str]) -> list[str]:
    """The same contacts as people write them."""
    return list(dict.fromkeys(each.partition(":")[2] if each.partition(":")[0] in KINDS else each for each in forms))


def _change(connection: Connection, workspace_id: int, mode: Mode, listed: Sequence[str], *, now: int) -> None:
    store.set_choice(connection, workspace_id, "try_contacts", compared(listed), now=now)
    store.set_mode(connection, workspace_id, mode, now=now)


class Rate:
    """How many events found somebody, of those that became deliveries."""

    def __init__(self, by_state: dict[str, int]) -> None:
        self.delivered = by_state.get("delivered", 0)
        self.held = by_state.get("held", 0)
        self.waiting = by_state.get("waiting", 0)
        self.parked = by_state.get("parked", 0)
        self.dead = by_state.get("dead", 0)
        self.total = self.delivered + self.held + self.waiting + self.parked + self.dead

    @property
    def addressed(self) -> int:
        """Those that say whom they are for."""
        return self.total - self.waiting

    @property
    def percent(self) -> int | None:
        """Of all, rounded down; None where there is nothing to reckon with."""
        return None if self.total == 0 else 100 * self.addressed // self.total


def match_rate(connection: Connection, workspace_id: int) -> Rate:
    """What became of a workspace's events so far."""
    return Rate(history.count_by_state(connection, workspace_id))

"""Counts by the hour that facts keep: what the rules judge by, without a look at the big tables.  [SQL]

A fact costs one dictionary entry; every few seconds what has come together is added to the database. A process that is
killed loses the counts of those seconds, which no rule minds.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from sqlalchemy import ColumnElement, Connection, Integer, bindparam, case, delete, func, select, update

from connector.alarms.rules import Look, Past, Window
from connector.database.clock import wall
from connector.database.engine import Database
from connector.database.rows import insert_new, run_many, upsert
from connector.database.tables import entry_matches, hourly_counts
from connector.events import digest
from connector.telemetry.facts import AttemptMade, EventMapped, Fact, Reconciled, WebhookRefused, WebhookStored

HOUR_MS = 3_600_000
KEPT_HOURS = 15 * 24
RECENT_HOURS, DAY_HOURS, PAST_HOURS = 2, 24, 14 * 24
SILENT_HOURS = 3
"""After so many without traffic it is looked at when there was some."""
WHOLE_WORKSPACE, ANY_WORKSPACE = 0, 0
COUNTED = ("stored", "bad_signature", "listed", "missed", "tried", "not_found", "dead")
_PLACES = {name: place for place, name in enumerate(COUNTED)}

Place = tuple[int, int]
"""Workspace and endpoint; endpoint 0 is the workspace as a whole."""


class Counts:
    """What this process has counted since the last beat."""

    def __init__(self, database: Database, *, now: Callable[[], int] = wall) -> None:
        self._database = database
        self._now = now
        self._counted: dict[Place, list[int]] = {}
        self._matched: set[str] = set()
        self._matched_before: set[str] = set()
        self._hour = 0
        self._count: Mapping[type[Fact], Callable[[Any], None]] = {
            WebhookStored: self._stored,
            WebhookRefused: self._refused,
            Reconciled: self._reconciled,
            AttemptMade: self._attempted,
            EventMapped: self._mapped,
        }

    def note(self, fact: Fact) -> None:
        """Count a fact, if it is one that rules judge by."""
        if count := self._count.get(type(fact)):
            count(fact)

    async def beat(self) -> None:
        """Add what was counted to the database; what that fails for is added with the next beat."""
        hour = self._now() // HOUR_MS
        if hour != self._hour:
            self._hour, self._matched_before = hour, set()
        counted, self._counted = self._counted, {}
        matched, self._matched = self._matched, set()
        if not counted and not matched:
            return
        try:
            await self._database.transact(add, counted, matched, hour=hour)
        except BaseException:
            self._take_back(counted, matched)
            raise
        self._matched_before |= matched

    def _take_back(self, counted: Mapping[Place, Sequence[int]], matched: set[str]) -> None:
        for place, counts in counted.items():
            here = self._here(*place)
            here[:] = [one + other for one, other in zip(here, counts, strict=True)]
        self._matched |= matched

    def _here(self, workspace_id: int, endpoint_id: int) -> list[int]:
        if (found := self._counted.get((workspace_id, endpoint_id))) is None:
            found = self._counted[workspace_id, endpoint_id] = [0] * len(COUNTED)
        return found

    def _stored(self, fact: WebhookStored) -> None:
        self._here(fact.workspace_id, fact.endpoint_id)[_PLACES["stored"]] += fact.events

    def _refused(self, fact: WebhookRefused) -> None:
        if fact.status == 401 and fact.workspace_id is not None and fact.endpoint_id is not None:
            self._here(fact.workspace_id, fact.endpoint_id)[_PLACES["bad_signature"]] += 1

    def _reconciled(self, fact: Reconciled) -> None:
        if fact.listed:
            here = self._here(fact.workspace_id, fact.endpoint_id)
            here[_PLACES["listed"]] += fact.listed
            here[_PLACES["missed"]] += fact.found

    def _attempted(self, fact: AttemptMade) -> None:
        here = self._here(fact.workspace_id, WHOLE_WORKSPACE)
        if fact.number == 1:
            here[_PLACES["tried"]] += 1
            here[_PLACES["not_found"]] += fact.outcome == "contact_not_found"
        here[_PLACES["dead"]] += fact.step == "dead"

    def _mapped(self, fact: EventMapped) -> None:
        for entry in fact.entries:
            if entry not in self._matched_before:
                self._matched.add(entry)


def add(connection: Connection, counted: Mapping[Place, Sequence[int]], matched: set[str], *, hour: int) -> None:
    """Add counts to an hour, and that these entries have matched in it."""
    rows = [
        {"workspace_id": place[0], "endpoint_id": place[1], "hour": hour, **dict.fromkeys(COUNTED, 0)}
        for place in sorted(counted)
    ]
    insert_new(connection, hourly_counts, rows)
    more = [
        {"the_workspace": place[0], "the_endpoint": place[1], "the_hour": hour}
        | {f"more_{name}": count for name, count in zip(COUNTED, counts, strict=True)}
        for place, counts in sorted(counted.items())
    ]
    run_many(connection, _ADD, more)
    seen = [{"workspace_id": ANY_WORKSPACE, "key": digest(entry), "matched_at": hour * HOUR_MS} for entry in matched]
    upsert(connection, entry_matches, sorted(seen, key=lambda row: row["key"]), changes=["matched_at"])


_ADD = (
    update(hourly_counts)
    .where(
        hourly_counts.c.workspace_id == bindparam("the_workspace"),
        hourly_counts.c.endpoint_id == bindparam("the_endpoint"),
        hourly_counts.c.hour == bindparam("the_hour"),
    )
    .values({name: hourly_counts.c[name] + bindparam(f"more_{name}") for name in COUNTED})
)


def looks(connection: Connection, workspace_id: int, *, now: int) -> dict[int, Look]:
    """What was counted of a workspace, by endpoint: one walk along its rows of fifteen days."""
    hour = now // HOUR_MS
    found: dict[int, Look] = {}
    for row in connection.execute(_SUMS, {"the_workspace": workspace_id, "now": hour}):
        endpoint_id, first, last, *sums = row
        size = len(COUNTED)
        recent, day, past = (Window(*map(int, sums[start : start + size])) for start in (0, size, 2 * size))
        days = max(1.0, min(PAST_HOURS, hour - DAY_HOURS + 1 - first) / 24)
        silent = last is not None and hour - last >= SILENT_HOURS
        active = _active(connection, workspace_id, endpoint_id) if silent else ()
        found[endpoint_id] = Look(recent, day, Past(past, days), active)
    return found


def _sums_of(when: ColumnElement[bool]) -> list[ColumnElement[int]]:
    return [func.sum(case((when, hourly_counts.c[name]), else_=0)) for name in COUNTED]


_HOUR, _NOW = hourly_counts.c.hour, bindparam("now", type_=Integer)
_SUMS = (
    select(
        hourly_counts.c.endpoint_id,
        func.min(_HOUR),
        func.max(case((hourly_counts.c.stored > 0, _HOUR))),
        *_sums_of(_HOUR > _NOW - RECENT_HOURS),
        *_sums_of(_HOUR > _NOW - DAY_HOURS),
        *_sums_of((_HOUR <= _NOW - DAY_HOURS) & (_HOUR > _NOW - DAY_HOURS - PAST_HOURS)),
    )
    .where(hourly_counts.c.workspace_id == bindparam("the_workspace"))
    .group_by(hourly_counts.c.endpoint_id)
)


def _active(connection: Connection, workspace_id: int, endpoint_id: int) -> tuple[int, ...]:
    """The hours in which something came."""
    columns = hourly_counts.c
    here = (columns.workspace_id == workspace_id, columns.endpoint_id == endpoint_id, columns.stored > 0)
    return tuple(connection.scalars(select(columns.hour).where(*here).order_by(columns.hour)))


def never_matched(connection: Connection, entries: Sequence[str], *, since: int) -> list[str]:
    """Those of `entries` that have not matched since then (milliseconds)."""
    keys = {digest(entry): entry for entry in entries}
    query = select(entry_matches.c.key).where(
        entry_matches.c.workspace_id == ANY_WORKSPACE, entry_matches.c.matched_at >= since
    )
    matched = set(connection.scalars(query))
    return [entry for key, entry in keys.items() if key not in matched]


def stored_since(connection: Connection, *, since: int) -> int:
    """Events that came, to anybody, since then (milliseconds)."""
    query = select(func.sum(hourly_counts.c.stored)).where(hourly_counts.c.hour >= since // HOUR_MS)
    return int(connection.scalar(query) or 0)


def prune(connection: Connection, *, now: int) -> None:
    """Forget what no rule looks at any more."""
    connection.execute(delete(hourly_counts).where(hourly_counts.c.hour < now // HOUR_MS - KEPT_HOURS))

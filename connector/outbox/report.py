"""What a workspace would get, or gets, in numbers: for the command line, the setup pages and the console alike.

`summary` is pure; `read` gathers what it needs from the database. Asking Intercom who is known there is `matching`'s.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from sqlalchemy import Connection, RowMapping, select

from connector.database.tables import deliveries
from connector.events import Identifier
from connector.outbox import browse, history, reasons, selection
from connector.outbox.delivery import State, from_row
from connector.workspaces.modes import Mode

DAYS = 7
DAY_MS = 86_400_000
PEOPLE = 100
NEWEST = 5_000
LOOKED_AT = 2_000
"""Deliveries of each state in which people are looked for: more would take long where one customer made them all."""

Person = tuple[Identifier, ...]
"""The ways to name one person that Intercom takes, most trusted first; empty for somebody nobody is known for."""


@dataclass(frozen=True, slots=True)
class Volume:
    """One event name: how many a day, the oldest day first, today last."""

    name: str
    per_day: tuple[int, ...]

    @property
    def total(self) -> int:
        """All of them."""
        return sum(self.per_day)


@dataclass(frozen=True, slots=True)
class Standing:
    """How many deliveries are in a state for a reason, and what that means."""

    state: State
    reason: str | None
    count: int
    what: str
    remedy: str | None


@dataclass(frozen=True, slots=True)
class Match:
    """How many of the last distinct customers Intercom knows. `why_not` says why some were not asked about."""

    people: int
    matched: int
    by: tuple[tuple[str, int], ...] = ()
    """(kind of identifier, how many were found by it)."""
    unmatched: int = 0
    """Intercom was asked and knows none of their identifiers: their events would wait."""
    nameless: int = 0
    """Nobody is known by what their events say, yet."""
    unasked: int = 0
    why_not: str | None = None

    @property
    def rate(self) -> float | None:
        """Of those who were asked about and those who have no name; None for nobody."""
        known = self.people - self.unasked
        return self.matched / known if known else None


@dataclass(frozen=True, slots=True)
class Report:
    """One workspace in numbers; `days` are days since 1970 (UTC), the last is today."""

    mode: Mode
    days: tuple[int, ...]
    volumes: tuple[Volume, ...]
    standings: tuple[Standing, ...]
    match: Match | None = None


def summary(
    mode: Mode,
    made: Sequence[tuple[int, str, int]],
    counts: Sequence[tuple[str, str | None, int]],
    *,
    now: int,
    match: Match | None = None,
) -> Report:
    """The report on (day, name, count) of what was made and (state, reason, count) of where all stands."""
    today = now // DAY_MS
    days = tuple(range(today - DAYS + 1, today + 1))
    by_name: dict[str, Counter[int]] = {}
    for day, name, count in made:
        by_name.setdefault(name, Counter())[day] += count
    volumes = [Volume(name, tuple(found[day] for day in days)) for name, found in by_name.items()]
    return Report(
        mode,
        days,
        tuple(sorted(volumes, key=lambda volume: (-volume.total, volume.name))),
        tuple(
            _standing(State(state), reason, count) for state, reason, count in sorted(counts, key=lambda row: -row[2])
        ),
        match,
    )


def _standing(state: State, reason: str | None, count: int) -> Standing:
    meaning = reasons.of_delivery(state, reason)
    return Standing(state, reason, count, meaning.what, meaning.remedy)


def read(connection: Connection, workspace_id: int, mode: Mode, *, now: int, match: Match | None = None) -> Report:
    """The report on what the database holds."""
    made = selection.count_by_day(connection, workspace_id, since=_since(now))
    counts = history.count_by_reason(connection, workspace_id, list(State))
    found = [(state, reason or None, count) for (state, reason), count in counts.items()]
    return summary(mode, made, found, now=now, match=match)


def at_a_glance(connection: Connection, workspace_id: int, mode: Mode, *, now: int) -> Report:
    """The same in no time, for a page: days of the newest `NEWEST` of each state, counts as far as `browse` counts."""
    made = selection.count_by_day(connection, workspace_id, since=_since(now), newest=NEWEST)
    return summary(mode, made, list(_standing_at_a_glance(connection, workspace_id)), now=now)


def _standing_at_a_glance(connection: Connection, workspace_id: int) -> Iterator[tuple[str, str | None, int]]:
    with_reason = Counter[State]()
    for group in browse.groups(connection, workspace_id, list(State)):
        with_reason[group.state] += group.count
        yield group.state.value, group.reason, group.count
    for state in State:
        left = browse.count_up_to(connection, workspace_id, state) - with_reason[state]
        if left > 0:
            yield state.value, None, left


def _since(now: int) -> int:
    return (now // DAY_MS - DAYS + 1) * DAY_MS


def people(connection: Connection, workspace_id: int, *, limit: int = PEOPLE) -> list[Person]:
    """The last distinct customers that deliveries were made for, the latest first."""
    columns = deliveries.c
    rows: list[RowMapping] = []
    for state in State:
        query = select(deliveries).where(columns.workspace_id == workspace_id, columns.state == state.value)
        rows += connection.execute(query.order_by(columns.updated_at.desc()).limit(LOOKED_AT)).mappings().all()
    found: dict[tuple[object, ...], Person] = {}
    for row in sorted(rows, key=lambda row: -row["mapped_at"]):
        delivery = from_row(row)
        ways = [way for way in (*delivery.contact, delivery.identifier) if way and way.kind.addresses]
        found.setdefault(tuple(ways) or delivery.contact, tuple(dict.fromkeys(ways)))
        if len(found) == limit:
            break
    return list(found.values())

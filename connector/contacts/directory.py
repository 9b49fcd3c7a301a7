"""The directory of who is who: keeps evidence, and resolves an event that carries no identifier of its own.

People are linked by what events say, one directed step at a time, never by closure: that two customers once shared a
billing address never sends the one's refund to the other. Where two live statements of equal weight disagree, nobody
is picked.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

from sqlalchemy import Connection, bindparam, func, select, update

from connector.contacts.evidence import Evidence
from connector.database.rows import ByKeys, insert_new, run_many
from connector.database.tables import identities
from connector.events import Identifier, IdentifierKind, Key

PASSING_KEPT = 8
"""Statements in passing that are kept of one thing; from the second on, nobody is picked anyway."""
STEPS = 4
"""From a refund by its payment intent and its charge to the customer, and on to the person."""
_TURNS = 5_213_907
"""The first half of PostgreSQL's advisory locks on workspaces: any number that is ours alone."""


@dataclass(frozen=True, slots=True)
class Statement:
    """One piece of evidence, where it was seen and when its sender said it (milliseconds)."""

    workspace_id: int
    evidence: Evidence
    seen_in: Key
    said_at: int


@dataclass(frozen=True, slots=True)
class Resolved:
    """The person has this identifier, which Intercom takes; `also` are all that evidence tells of the same person."""

    identifier: Identifier
    also: tuple[Identifier, ...] = ()


@dataclass(frozen=True, slots=True)
class Unresolved:
    """Nobody yet; evidence that leads on from one of `wanted` may change that. `reason`: unknown or ambiguous."""

    reason: str
    wanted: tuple[Identifier, ...]


Resolution: TypeAlias = Resolved | Unresolved


def take_turns(connection: Connection, *, asking: Collection[int], learning: Collection[int]) -> None:
    """Who asks for somebody in a workspace and who learns there wait for each other until the transaction ends.

    Between processes each could otherwise miss what the other has not committed yet: a delivery would wait for somebody
    who is known. Those who only learn do not wait for each other. SQLite has one writer anyway.
    """
    if connection.dialect.name != "postgresql":
        return
    for workspace_id in sorted({*asking, *learning}):
        lock = func.pg_advisory_xact_lock if workspace_id in asking else func.pg_advisory_xact_lock_shared
        connection.execute(select(lock(_TURNS, workspace_id)))


def record(connection: Connection, statements: Sequence[Statement], *, now: int) -> list[tuple[int, Key]]:
    """Keep what is new in `statements`; (workspace, source key) of each thing that more is now known of."""
    page = _Page(connection, statements)
    news = [
        (statement.workspace_id, statement.evidence.source.key)
        for statement in sorted(statements, key=lambda statement: statement.said_at)
        if page.keep(statement, now)
    ]
    page.save(connection)
    return news


class _Page:
    """The rows that some statements are about, read and written at once, however many there are."""

    def __init__(self, connection: Connection, statements: Sequence[Statement]) -> None:
        self._rows: dict[tuple[int, Key], list[dict[str, Any]]] = {}
        self._new: list[dict[str, Any]] = []
        self._changed: dict[int, dict[str, Any]] = {}
        for workspace_id in {statement.workspace_id for statement in statements}:
            sources = {s.evidence.source.key for s in statements if s.workspace_id == workspace_id}
            for row in _known(connection, workspace_id, sources):
                self._rows.setdefault((workspace_id, row["source_key"]), []).append(row)

    def keep(self, statement: Statement, now: int) -> bool:
        """Whether the directory now says something that it did not say before."""
        told = statement.evidence
        rows = self._rows.setdefault((statement.workspace_id, told.source.key), [])
        target = told.target.key
        same = next((row for row in rows if row["target_key"] == target), None)
        rivals = [row for row in rows if row is not same and row["target_kind"] == told.target.kind.value]
        if any(row["firm"] and (row["said_at"] > statement.said_at or not told.firm) for row in rivals if _live(row)):
            return False  # something newer, or firmer, is known
        if told.firm:
            for row in rivals:
                self._change(row, gone_at=row["gone_at"] or now)
        if same is not None:
            return self._repeat(statement, same)
        if not told.firm and len(rivals) >= PASSING_KEPT:
            return False  # so many are said to be it that one more says nothing
        row = _row(statement, now)
        rows.append(row)
        self._new.append(row)
        return True

    def _repeat(self, statement: Statement, same: dict[str, Any]) -> bool:
        news = not _live(same) or (statement.evidence.firm and not same["firm"])
        if news or statement.said_at > same["said_at"]:
            firm = same["firm"] or statement.evidence.firm
            said_at = max(same["said_at"], statement.said_at)
            self._change(same, gone_at=None, firm=firm, said_at=said_at, seen_in=statement.seen_in)
        return news

    def _change(self, row: dict[str, Any], **values: object) -> None:
        row.update(values)
        self._changed[id(row)] = row

    def save(self, connection: Connection) -> None:
        # in the order of their keys, so that two processes cannot wait for each other
        insert_new(connection, identities, sorted(self._new, key=_key))
        fresh = {id(row) for row in self._new}
        changed = [row for row in self._changed.values() if id(row) not in fresh]
        run_many(connection, _UPDATE, [_changes(row) for row in sorted(changed, key=_key)])


def _key(row: dict[str, Any]) -> tuple[int, Key, Key]:
    return row["workspace_id"], row["source_key"], row["target_key"]


_UPDATE = (
    update(identities)
    .where(
        identities.c.workspace_id == bindparam("the_workspace"),
        identities.c.source_key == bindparam("the_source"),
        identities.c.target_key == bindparam("the_target"),
    )
    .values({name: bindparam(name) for name in ("gone_at", "firm", "said_at", "seen_in")})
)


def _changes(row: dict[str, Any]) -> dict[str, Any]:
    return {
        "the_workspace": row["workspace_id"],
        "the_source": row["source_key"],
        "the_target": row["target_key"],
        **{name: row[name] for name in ("gone_at", "firm", "said_at", "seen_in")},
    }


def _live(row: Mapping[str, Any]) -> bool:
    return row["gone_at"] is None


def _row(statement: Statement, now: int) -> dict[str, Any]:
    told = statement.evidence
    return {
        "workspace_id": statement.workspace_id,
        "source_key": told.source.key,
        "target_key": told.target.key,
        "source_kind": told.source.kind.value,
        "source_value": told.source.value,
        "target_kind": told.target.kind.value,
        "target_value": told.target.value,
        "firm": told.firm,
        "seen_in": statement.seen_in,
        "first_seen_at": now,
        "said_at": statement.said_at,
        "gone_at": None,
    }


def _known(connection: Connection, workspace_id: int, sources: Iterable[Key]) -> list[dict[str, Any]]:
    rows = _KNOWN.rows(connection, sorted(sources), workspace=workspace_id)
    return [dict(zip(_COLUMNS, row, strict=True)) for row in rows]


_COLUMNS = tuple(column.name for column in identities.c)
_KNOWN = ByKeys(
    lambda among: select(identities).where(
        identities.c.workspace_id == bindparam("workspace"), among(identities.c.source_key)
    )
)


def known_people(connection: Connection, workspace_id: int, things: Iterable[Identifier]) -> dict[Key, frozenset[Key]]:
    """By the key of each of `things`: the keys of whoever it is said to be, be it in passing or one of several."""
    people: dict[Key, frozenset[Key]] = {}
    for row in _known(connection, workspace_id, {thing.key for thing in things}):
        if _live(row) and IdentifierKind(row["target_kind"]).addresses:
            people[row["source_key"]] = people.get(row["source_key"], frozenset()) | {row["target_key"]}
    return people


def keys_of(connection: Connection, workspace_id: int, ways: Sequence[Identifier]) -> set[Key]:
    """The keys of everyone that one of `ways` is, or is said to be, as far as Intercom takes those."""
    said = known_people(connection, workspace_id, [way for way in ways if way.kind in LEADING])
    return {way.key for way in ways if way.kind.addresses}.union(*said.values())


LEADING = tuple(kind for kind in IdentifierKind if kind not in (IdentifierKind.ID, IdentifierKind.EMAIL))
"""The kinds that evidence leads on from."""


def resolve(connection: Connection, workspace_id: int, contact: Sequence[Identifier]) -> Resolution:
    """Whom an event is for: the first of `contact` that Intercom takes, else whom the others lead to."""
    for identifier in contact:
        if identifier.kind.addresses:
            return Resolved(identifier)
    visited: dict[Key, Identifier] = {}
    for identifier in contact:
        match _follow(connection, workspace_id, identifier, visited, STEPS):
            case _People((one,), also):
                return Resolved(one, also)
            case _People():
                return Unresolved("contact_ambiguous", tuple(visited.values()))
    return Unresolved("contact_unknown" if contact else "no_contact_in_event", tuple(visited.values()))


@dataclass(frozen=True, slots=True)
class _People:
    """Whom a thing is said to be: those said with the most weight, several where they disagree; and all of them."""

    weightiest: tuple[Identifier, ...]
    all: tuple[Identifier, ...]


def _follow(
    connection: Connection, workspace_id: int, start: Identifier, visited: dict[Key, Identifier], steps: int
) -> _People | None:
    """The persons that `start` leads to, or that what it leads to leads to."""
    if steps == 0 or start.key in visited:
        return None
    visited[start.key] = start
    known = _known(connection, workspace_id, [start.key])
    live = sorted((row for row in known if _live(row)), key=_nearest_to_a_person)
    people = [row for row in live if IdentifierKind(row["target_kind"]).addresses]
    for kind in (IdentifierKind.USER_ID, IdentifierKind.EMAIL):
        if weightiest := _weightiest([row for row in people if row["target_kind"] == kind.value]):
            return _People(weightiest, tuple(map(_target, people)))
    for row in live:
        if found := _follow(connection, workspace_id, _target(row), visited, steps - 1):
            return found
    return None


def _nearest_to_a_person(row: Mapping[str, Any]) -> tuple[int, Key]:
    """A customer before a charge: the same on every database, in whatever order the statements came."""
    return list(IdentifierKind).index(IdentifierKind(row["target_kind"])), row["target_key"]


def _weightiest(rows: Sequence[Mapping[str, Any]]) -> tuple[Identifier, ...]:
    firm = [row for row in rows if row["firm"]]
    return tuple(map(_target, firm or rows))


def _target(row: Mapping[str, Any]) -> Identifier:
    return Identifier(IdentifierKind(row["target_kind"]), row["target_value"])

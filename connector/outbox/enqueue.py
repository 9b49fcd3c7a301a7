"""From translations to deliveries, in one transaction: state, evidence, delivery, second, queue row, lane.

Whatever happens to the process, a received event is either still to be mapped or has all of this.  [SQL of the outbox]
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, bindparam, select

from connector import names
from connector.contacts import directory
from connector.contacts.directory import Resolved, Statement, Unresolved
from connector.database.rows import ANY_KEY, ByKeys, insert_new
from connector.database.tables import deliveries
from connector.events import Identifier, IntercomEvent, Key, Priority, ReceivedState
from connector.inbox.store import ReceivedEvent, settle, still_to_map
from connector.outbox import asides, event_names, queue, readiness, seconds, waiting
from connector.outbox.delivery import State, as_row, delivery_id, name_key
from connector.outbox.seconds import Wish
from connector.outbox.summary import FOR_SUMMARY
from connector.outbox.translation import Translation


@dataclass(frozen=True, slots=True)
class Stored:
    """A translation as it was stored: the state of its event, and the deliveries that are new because of it."""

    translation: Translation
    state: ReceivedState
    reason: str | None
    deliveries: tuple[Key, ...]
    waiting: tuple[Key, ...] = ()
    """Those of them that wait until it is known whom they are for."""


@dataclass(frozen=True, slots=True)
class _New:
    """A delivery that may be inserted: its event, its row so far, and the event it came of."""

    received: ReceivedEvent
    event: IntercomEvent
    row: dict[str, Any]

    @property
    def id(self) -> queue.Id:
        return self.received.workspace_id, self.row["id"]


def enqueue(
    connection: Connection, translations: Sequence[Translation], *, now: int, just_picked: bool = False
) -> list[Stored]:
    """Store what came of some received events. One that another has mapped meanwhile is passed over; none has where
    they were `just_picked` in this transaction.
    """
    mine = translations if just_picked else _still_to_map(connection, translations)
    directory.take_turns(connection, asking=_asking(mine), learning=_learning(mine))
    names.record(connection, [name for each in mine for name in each.names], now=now)
    news = directory.record(connection, list(_statements(mine)), now=now)
    new = _insertable(connection, [_new(each, event, now) for each in mine for event in each.events])
    wants = _address(connection, new)
    inserted = _insert(connection, new)
    _queue(connection, inserted, wants, now)
    waiting.address(connection, news, now=now)
    asides.heed(connection, mine, now=now)
    stored = list(_stored(connection, mine, inserted))
    settle(connection, [(each.translation.received, each.state, each.reason) for each in stored])
    return stored


def _still_to_map(connection: Connection, translations: Sequence[Translation]) -> Sequence[Translation]:
    current = still_to_map(connection, [each.received for each in translations])
    return [each for each in translations if (each.received.workspace_id, each.received.key) in current]


def _asking(translations: Iterable[Translation]) -> set[int]:
    """The workspaces in which somebody is to be found by evidence."""
    return {
        each.received.workspace_id
        for each in translations
        if any(event.contact and not any(way.kind.addresses for way in event.contact) for event in each.events)
    }


def _learning(translations: Iterable[Translation]) -> set[int]:
    return {each.received.workspace_id for each in translations if each.evidence}


def _statements(translations: Iterable[Translation]) -> Iterator[Statement]:
    for each in translations:
        said_at = (each.received.occurred_at or 0) * 1000 or each.received.received_at
        for evidence in each.evidence:
            yield Statement(each.received.workspace_id, evidence, each.received.key, said_at)


def _new(translation: Translation, event: IntercomEvent, now: int) -> _New:
    received = translation.received
    row = as_row(
        event,
        workspace_id=received.workspace_id,
        received=received.key,
        digest_of_catalogue=translation.catalogue,
        now=now,
    )
    return _New(received, event, row)


def _insertable(connection: Connection, new: Sequence[_New]) -> list[_New]:
    """Those that no earlier event, and none before it in this batch, has made already."""
    free: list[_New] = []
    for workspace_id in sorted({each.received.workspace_id for each in new}):
        group = [each for each in new if each.received.workspace_id == workspace_id]
        taken = _there(connection, workspace_id, group)
        for each in group:
            keys = {each.row["id"], each.row["once_key"]} - {None}
            if not keys & taken:
                free.append(each)
                taken |= keys
    return free


def _there(connection: Connection, workspace_id: int, group: Sequence[_New]) -> set[Key]:
    here = {"workspace": workspace_id}
    ids = _IDS.rows(connection, [each.row["id"] for each in group], **here)
    keys = [each.row["once_key"] for each in group if each.row["once_key"]]
    return {key for (key,) in [*ids, *_ONCE_KEYS.rows(connection, keys, **here)]}


_HERE = deliveries.c.workspace_id == bindparam("workspace")
_IDS = ByKeys(lambda among: select(deliveries.c.id).where(_HERE, among(deliveries.c.id)))
_ONCE_KEYS = ByKeys(
    lambda among: select(deliveries.c.once_key).where(_HERE, among(deliveries.c.once_key), deliveries.c.generation == 0)
)


def _address(connection: Connection, new: Sequence[_New]) -> dict[queue.Id, tuple[Identifier, ...]]:
    """Give each its identifier, its second and its state; whom those want that nobody is known for."""
    stopped = event_names.stopped(connection, {(each.received.workspace_id, name_key(each.event.name)) for each in new})
    standings = readiness.standings(connection, {each.received.workspace_id for each in new})
    people = _people(connection, new)
    wishes: list[Wish] = []
    wants: dict[queue.Id, tuple[Identifier, ...]] = {}
    for each in new:
        workspace_id, contact = each.received.workspace_id, each.event.contact
        match directory.resolve(connection, workspace_id, contact):
            case Resolved(identifier, also):
                _set_identifier(each.row, identifier)
                state, reason = readiness.ready(standings.get(workspace_id), (*contact, identifier))
                each.row.update(state=state.value, reason=reason)
                wishes.append(_wish(each, {way.key for way in (identifier, *also)}, people))
            case Unresolved(reason, wanted):
                each.row.update(reason=reason)
                wants[each.id] = wanted
        why = stopped.get((workspace_id, name_key(each.event.name)))
        if why is not None and each.row["state"] == State.DUE.value:
            each.row.update(state=State.HELD.value, reason=why)
        elif each.received.priority is Priority.SUMMARY and each.row["state"] == State.DUE.value:
            each.row.update(state=State.HELD.value, reason=FOR_SUMMARY)
    given = seconds.reserve(connection, wishes)
    for each in new:
        if each.row["id"] in given:
            _set_second(each.row, given[each.row["id"]])
    return wants


def _people(connection: Connection, new: Sequence[_New]) -> dict[tuple[int, Key], frozenset[Key]]:
    """Whom evidence takes the users, customers, charges … in these contacts for, by (workspace, key)."""
    things: dict[int, set[Identifier]] = {}
    for each in new:
        others = {way for way in each.event.contact if way.kind in directory.LEADING}
        things.setdefault(each.received.workspace_id, set()).update(others)
    return {
        (workspace_id, thing): people
        for workspace_id, group in sorted(things.items())
        if group
        for thing, people in directory.known_people(connection, workspace_id, group).items()
    }


def _wish(each: _New, known: set[Key], people: Mapping[tuple[int, Key], frozenset[Key]]) -> Wish:
    """A second for whoever the event names, and whoever that is known to be."""
    workspace_id = each.received.workspace_id
    for way in each.event.contact:
        known |= ({way.key} if way.kind.addresses else set()) | people.get((workspace_id, way.key), frozenset())
    return Wish(
        workspace_id,
        each.row["id"],
        tuple(sorted(known)),
        name_key(each.event.name),
        each.event.created_at,
        each.received.received_at // 1000,
    )


def _set_identifier(row: dict[str, Any], identifier: Identifier) -> None:
    row.update(identifier_kind=identifier.kind.value, identifier_value=identifier.value)


def _set_second(row: dict[str, Any], second: int | None) -> None:
    if second is None:
        row.update(state=State.DEAD.value, reason="no_free_second")
    else:
        row.update(created_at=second)


def _insert(connection: Connection, new: Sequence[_New]) -> list[_New]:
    """Insert them; those that are there now. Between processes the unique keys decide; who loses needs no second."""
    rows = [each.row for each in sorted(new, key=lambda each: each.id)]
    if insert_new(connection, deliveries, rows, key=ANY_KEY) == len(rows):
        return list(new)
    inserted: list[_New] = []
    for workspace_id in sorted({each.received.workspace_id for each in new}):
        group = [each for each in new if each.received.workspace_id == workspace_id]
        ids = {each.row["id"] for each in group}
        there = {key for (key,) in _IDS.rows(connection, sorted(ids), workspace=workspace_id)}
        inserted += [each for each in group if each.row["id"] in there]
        if lost := ids - there:
            seconds.release(connection, workspace_id, lost)
    return inserted


def _queue(
    connection: Connection, inserted: Sequence[_New], wants: Mapping[queue.Id, tuple[Identifier, ...]], now: int
) -> None:
    for priority in Priority:
        due = [each for each in inserted if each.row["state"] == State.DUE.value and each.received.priority is priority]
        if due:
            queue.put(connection, {each.id: now for each in due}, priority=priority)
    for each in inserted:
        if each.row["state"] == State.WAITING.value:
            queue.want(connection, each.id, wants[each.id])


def _stored(connection: Connection, mine: Sequence[Translation], inserted: Sequence[_New]) -> Iterator[Stored]:
    """A fact that another event has told already makes its event `ignored`, not `mapped`."""
    made: dict[tuple[int, Key], list[_New]] = {}
    for each in inserted:
        made.setdefault((each.received.workspace_id, each.received.key), []).append(each)
    for translation in mine:
        new = made.get((translation.received.workspace_id, translation.received.key), ())
        state, reason = translation.state, translation.reason
        if state is ReceivedState.MAPPED and not new:
            state, reason = _told_already(connection, translation)
        waiting = tuple(each.row["id"] for each in new if each.row["state"] == State.WAITING.value)
        yield Stored(translation, state, reason, tuple(each.row["id"] for each in new), waiting)


def _told_already(connection: Connection, translation: Translation) -> tuple[ReceivedState, str | None]:
    received = translation.received
    own = [delivery_id(received.key, event.mapping_id, 0) for event in translation.events]
    query = select(deliveries.c.id).where(deliveries.c.workspace_id == received.workspace_id, deliveries.c.id.in_(own))
    if connection.execute(query.limit(1)).first() is not None:
        return ReceivedState.MAPPED, None  # a replay: its deliveries were there before
    return ReceivedState.IGNORED, "told_already"

"""A contact's latest deliveries, by any of its identifiers.  [SQL, reading only]

Found through `seconds`, which has a row for every identifier that is known of a delivery's contact: a walk from one of
the contact's names to the next, a look for the latest second of each, then a few rows of the newest names. That is
a few steps along a primary key for each name, whatever the number of deliveries.
"""

from __future__ import annotations

import heapq
from collections.abc import Sequence

from sqlalchemy import BigInteger, Connection, Integer, Select, bindparam, func, select

from connector.canvas.person import Person
from connector.database.tables import deliveries, seconds, wanted
from connector.events import Key
from connector.outbox.delivery import Delivery, from_row

_HERE = bindparam("the_workspace", type_=Integer)
_WHO = bindparam("who", type_=seconds.c.identifier.type)
_THEIRS = (seconds.c.workspace_id == _HERE, seconds.c.identifier == _WHO)


def _names() -> Select[tuple[bytes, int]]:
    """Each name that the contact has events of, with its latest second: from name to name along the key."""
    first = select(seconds.c.name).where(*_THEIRS).order_by(seconds.c.name).limit(1).scalar_subquery()
    walk = select(first.label("name")).cte("walk", recursive=True)
    following = (
        select(seconds.c.name)
        .where(*_THEIRS, seconds.c.name > walk.c.name)
        .order_by(seconds.c.name)
        .limit(1)
        .correlate(walk)
        .scalar_subquery()
    )
    walk = walk.union_all(select(following).where(walk.c.name.is_not(None)))
    newest = (
        select(func.max(seconds.c.second))
        .where(*_THEIRS, seconds.c.name == walk.c.name)
        .correlate(walk)
        .scalar_subquery()
    )
    return select(walk.c.name, newest.label("newest")).where(walk.c.name.is_not(None))


NAMES = _names()
ROWS = (
    select(seconds.c.delivery_id, seconds.c.second)
    .where(
        seconds.c.workspace_id == _HERE,
        seconds.c.identifier == _WHO,
        seconds.c.name == bindparam("name", type_=seconds.c.name.type),
    )
    .order_by(seconds.c.second.desc())
    .limit(bindparam("most", type_=BigInteger))
)
WAITING = (
    select(wanted.c.delivery_id)
    .where(wanted.c.workspace_id == _HERE, wanted.c.identifier == _WHO)
    .order_by(wanted.c.delivery_id)
    .limit(bindparam("most", type_=BigInteger))
)


def latest(connection: Connection, workspace_id: int, person: Person, *, most: int) -> list[Delivery]:
    """Up to `most` deliveries of `person`, the latest to happen first."""
    ids = _ids(connection, workspace_id, person, most)
    found = [each for each in _deliveries(connection, workspace_id, ids) if person.is_meant_by(each.identifier)]
    return sorted(found, key=lambda each: (each.created_at, each.id), reverse=True)[:most]


def one(connection: Connection, workspace_id: int, person: Person, delivery_id: Key) -> Delivery | None:
    """One of the person's deliveries; None where it is somebody else's."""
    found = next(iter(_deliveries(connection, workspace_id, [delivery_id])), None)
    if found is None:
        return None
    return found if person.is_meant_by(found.identifier) and _concerns(connection, person, found) else None


def _concerns(connection: Connection, person: Person, found: Delivery) -> bool:
    """Whether it names this person at all: what waits for nobody known names somebody else."""
    if found.identifier is not None:
        return True
    keys = {each.key for each in person.identifiers}
    query = select(wanted.c.identifier).where(
        wanted.c.workspace_id == found.workspace_id, wanted.c.delivery_id == found.id
    )
    return not keys.isdisjoint(connection.scalars(query))


def _ids(connection: Connection, workspace_id: int, person: Person, most: int) -> set[Key]:
    spread = most * max(1, len(person.identifiers))
    newest: list[tuple[int, Key, Key]] = []
    waiting: set[Key] = set()
    for identifier in person.identifiers:
        given = {"the_workspace": workspace_id, "who": identifier.key}
        rows = connection.execute(NAMES, given)
        newest += [(row.newest, row.name, identifier.key) for row in rows]
        waiting |= set(connection.scalars(WAITING, {**given, "most": most}))
    dated: list[tuple[int, Key]] = []
    for _, name, who in heapq.nlargest(spread, newest):
        given = {"the_workspace": workspace_id, "who": who, "name": name, "most": most}
        dated += [(row.second, row.delivery_id) for row in connection.execute(ROWS, given)]
    return {delivery for _, delivery in heapq.nlargest(spread, set(dated))} | waiting


def _deliveries(connection: Connection, workspace_id: int, ids: Sequence[Key] | set[Key]) -> list[Delivery]:
    query = select(deliveries).where(deliveries.c.workspace_id == workspace_id, deliveries.c.id.in_(sorted(ids)))
    return [from_row(row) for row in connection.execute(query).mappings()]

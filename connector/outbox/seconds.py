"""A second for each event: Intercom takes two events of one contact, one name and one second for one.

So each delivery reserves its second for every identifier that is known of its contact. Where the second it wished for
is taken by another event, it takes the next one up to the moment it was received, then earlier ones within an hour;
a reordering by seconds harms nobody, a swallowed event does.  [SQL of `seconds`]
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from sqlalchemy import BigInteger, Connection, bindparam, select

from connector.database.rows import ByKeys, insert_new
from connector.database.tables import seconds
from connector.events import Key

EARLIER_S = 3600


@dataclass(frozen=True, slots=True)
class Wish:
    """A delivery asks for `second`, or one near it that is not after `latest`, for all of `identifiers`."""

    workspace_id: int
    delivery_id: Key
    identifiers: tuple[Key, ...]
    name: Key
    second: int
    latest: int


def reserve(connection: Connection, wishes: Sequence[Wish]) -> dict[Key, int | None]:
    """A second for each delivery; None where an hour holds no free one.

    A delivery that has one keeps it. Between processes the primary key decides: who loses goes round again.
    """
    given: dict[Key, int | None] = dict(_held(connection, wishes))
    open_wishes = [wish for wish in wishes if wish.delivery_id not in given]
    while open_wishes:
        chosen = _choose(connection, open_wishes)
        given.update({wish.delivery_id: None for wish in open_wishes if wish.delivery_id not in chosen})
        rows = sorted(_rows(open_wishes, chosen), key=_order)
        all_won = insert_new(connection, seconds, rows) == len(rows)
        won = set(chosen) if all_won else _won(connection, open_wishes, chosen)
        given.update({wish.delivery_id: chosen[wish.delivery_id] for wish in open_wishes if wish.delivery_id in won})
        open_wishes = [wish for wish in open_wishes if wish.delivery_id in chosen and wish.delivery_id not in won]
        for wish in open_wishes:
            release(connection, wish.workspace_id, [wish.delivery_id])
    return given


def release(connection: Connection, workspace_id: int, deliveries: Iterable[Key]) -> None:
    """Let others have the seconds of deliveries that Intercom surely never accepted."""
    connection.execute(
        seconds.delete().where(seconds.c.workspace_id == workspace_id, seconds.c.delivery_id.in_(list(deliveries)))
    )


def identifiers(connection: Connection, workspace_id: int, delivery_id: Key) -> set[Key]:
    """For whom a delivery holds its second."""
    query = select(seconds.c.identifier).where(
        seconds.c.workspace_id == workspace_id, seconds.c.delivery_id == delivery_id
    )
    return set(connection.scalars(query))


def _held(connection: Connection, wishes: Sequence[Wish]) -> Iterator[tuple[Key, int]]:
    for workspace_id, group in _by_workspace(wishes):
        found = _HELD.rows(connection, [wish.delivery_id for wish in group], workspace=workspace_id)
        yield from ((delivery_id, second) for delivery_id, second in found)


def _choose(connection: Connection, wishes: Sequence[Wish]) -> dict[Key, int]:
    """The nearest second that is free for all of a wish's identifiers, and that no wish before it has chosen."""
    chosen: dict[Key, int] = {}
    for workspace_id, group in _by_workspace(wishes):
        taken = _taken(connection, workspace_id, group)
        searches: dict[tuple[tuple[Key, ...], Key, int, int], Iterator[int]] = {}
        for wish in group:
            slots = [(identifier, wish.name) for identifier in wish.identifiers]
            # equal wishes search on from where the last one stopped: a burst of one second is one walk, not many
            search = searches.setdefault((wish.identifiers, wish.name, wish.second, wish.latest), _candidates(wish))
            second = next((at for at in search if not any((*slot, at) in taken for slot in slots)), None)
            if second is not None:
                chosen[wish.delivery_id] = second
                taken.update((*slot, second) for slot in slots)
    return chosen


def _candidates(wish: Wish) -> Iterator[int]:
    yield from range(wish.second, max(wish.second, wish.latest) + 1)
    yield from range(wish.second - 1, wish.second - EARLIER_S - 1, -1)


def _taken(connection: Connection, workspace_id: int, wishes: Sequence[Wish]) -> set[tuple[Key, Key, int]]:
    """What stands in the way of some wishes of one workspace, read once for each name."""
    by_name: dict[Key, list[Wish]] = {}
    for wish in wishes:
        by_name.setdefault(wish.name, []).append(wish)
    return {
        (identifier, name, second)
        for name, group in sorted(by_name.items())
        for identifier, second in _TAKEN.rows(
            connection,
            sorted({identifier for wish in group for identifier in wish.identifiers}),
            workspace=workspace_id,
            the_name=name,
            first=min(wish.second for wish in group) - EARLIER_S,
            last=max(max(wish.second, wish.latest) for wish in group),
        )
    }


# Built once: they run for every batch, and building a statement costs more than running it.
_HERE = seconds.c.workspace_id == bindparam("workspace")
_HELD = ByKeys(lambda among: select(seconds.c.delivery_id, seconds.c.second).where(_HERE, among(seconds.c.delivery_id)))
_TAKEN = ByKeys(
    lambda among: select(seconds.c.identifier, seconds.c.second).where(
        _HERE,
        among(seconds.c.identifier),
        seconds.c.name == bindparam("the_name"),
        seconds.c.second.between(bindparam("first", type_=BigInteger), bindparam("last", type_=BigInteger)),
    )
)


def _rows(wishes: Sequence[Wish], chosen: dict[Key, int]) -> Iterator[dict[str, object]]:
    for wish in wishes:
        if wish.delivery_id in chosen:
            for identifier in wish.identifiers:
                yield {
                    "workspace_id": wish.workspace_id,
                    "identifier": identifier,
                    "name": wish.name,
                    "second": chosen[wish.delivery_id],
                    "delivery_id": wish.delivery_id,
                }


def _order(row: dict[str, object]) -> tuple[object, ...]:
    return row["workspace_id"], row["identifier"], row["name"], row["second"]


def _won(connection: Connection, wishes: Sequence[Wish], chosen: dict[Key, int]) -> set[Key]:
    """The deliveries that now hold their second for every identifier."""
    held: dict[Key, int] = {}
    for delivery_id, second in _held(connection, [wish for wish in wishes if wish.delivery_id in chosen]):
        if second == chosen[delivery_id]:
            held[delivery_id] = held.get(delivery_id, 0) + 1
    return {wish.delivery_id for wish in wishes if held.get(wish.delivery_id) == len(set(wish.identifiers))}


def _by_workspace(wishes: Sequence[Wish]) -> Iterator[tuple[int, list[Wish]]]:
    for workspace_id in sorted({wish.workspace_id for wish in wishes}):
        yield workspace_id, [wish for wish in wishes if wish.workspace_id == workspace_id]

"""What operators do to deliveries and events, to one or to many: replay, discard, release; each at most once a command.

Each verb is done to some deliveries in one small transaction, which looks again whether they still are what was meant:
two operators at once, a double click, or an answer that comes meanwhile make nothing happen twice.  [SQL of the outbox]
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeAlias

from sqlalchemy import Connection

from connector.events import Key, Priority
from connector.inbox import selection as inbox_selection
from connector.inbox.selection import EventSelection
from connector.outbox import history, queue, readiness, replay, selection
from connector.outbox.delivery import State
from connector.outbox.queue import Id
from connector.outbox.replay import Replayed
from connector.outbox.selection import Selection
from connector.workspaces.modes import Mode

NOT_HELD = "it is not held"
NOT_WAITING = "it waits for no try"
STILL_WATCHING = (
    "its workspace is watching, where nothing is sent: `connector workspaces go-live`, or `try` for some contacts"
)


@dataclass(frozen=True, slots=True)
class Acted:
    """What came of one: done, and `how`; or not, and `why` as a sentence. `id` is that of what was set going."""

    id: Key
    done: bool
    how: str | None = None
    why: str | None = None


Verb: TypeAlias = Callable[[Connection, Id, int], Acted]
"""Does it to one delivery at a time in milliseconds."""


def act(connection: Connection, verb: Verb, wanted: Selection, ids: Sequence[Id], *, now: int) -> list[Acted]:
    """Do it to those of `ids` that still are what `wanted` means; one result for each of those."""
    return [verb(connection, each, now) for each in selection.still(connection, wanted, ids)]


def replay_one(connection: Connection, each: Id, now: int) -> Acted:
    """Send again; what Intercom has is refused."""
    return _replayed(connection, each, now, as_new=False)


def replay_as_new(connection: Connection, each: Id, now: int) -> Acted:
    """Send again; what Intercom has as another event."""
    return _replayed(connection, each, now, as_new=True)


def _replayed(connection: Connection, each: Id, now: int, *, as_new: bool) -> Acted:
    result = replay.replay(connection, *each, now=now, as_new=as_new)
    if isinstance(result, Replayed):
        return Acted(result.delivery_id, True, how=result.how)
    return Acted(each[1], False, why=result.why)


def discard_one(connection: Connection, each: Id, now: int) -> Acted:
    """Give up what is not delivered yet."""
    if (found := history.find(connection, *each)) is not None and found.state is State.DISCARDED:
        return Acted(each[1], False, why="it is discarded already")
    done = replay.discard(connection, *each, now=now)
    return Acted(each[1], done, how="discarded" if done else None, why=None if done else "Intercom already holds it")


def wake_one(connection: Connection, each: Id, now: int) -> Acted:
    """Try what is parked, or waits for its next try, at once."""
    found = history.find(connection, *each)
    if found is None or found.state not in (State.PARKED, State.DUE):
        return Acted(each[1], False, why=NOT_WAITING)
    queue.set_state(connection, [each], State.DUE, None, now=now)
    queue.wake(connection, [each], now=now)
    return Acted(each[1], True, how="woken")


def release_one(connection: Connection, each: Id, now: int) -> Acted:
    """Let what is held go out, before anything else."""
    return _released(connection, each, now, Priority.LIVE)


def release_behind(connection: Connection, each: Id, now: int) -> Acted:
    """Let what is held go out, behind what happens now: many at once must not keep the present waiting."""
    return _released(connection, each, now, Priority.HISTORY)


def _released(connection: Connection, each: Id, now: int, priority: Priority) -> Acted:
    standing = readiness.standings(connection, [each[0]]).get(each[0])
    if standing is not None and standing.mode is Mode.WATCHING:
        return Acted(each[1], False, why=STILL_WATCHING)
    done = replay.release(connection, *each, now=now, priority=priority)
    return Acted(each[1], done, how="released" if done else None, why=None if done else NOT_HELD)


@dataclass(frozen=True, slots=True)
class EventReplayed:
    """What came of replaying one event: whether it is mapped again, and what that means for each of its deliveries."""

    key: Key
    mapped_again: bool
    deliveries: Mapping[Key, str]
    """How each goes out again."""
    refused: tuple[str, ...]


def replay_events(
    connection: Connection, wanted: EventSelection, ids: Sequence[Id], *, now: int
) -> list[EventReplayed]:
    """Have those of `ids` that still are what `wanted` means mapped again, their deliveries by their own rules."""
    return [_replayed_event(connection, each, now) for each in inbox_selection.still(connection, wanted, ids)]


def _replayed_event(connection: Connection, each: Id, now: int) -> EventReplayed:
    results = replay.replay_event(connection, *each, now=now)
    again = {result.delivery_id: result.how for result in results if isinstance(result, Replayed)}
    refused = tuple(result.why for result in results if not isinstance(result, Replayed))
    return EventReplayed(each[1], replay.BODY_GONE not in refused, again, refused)

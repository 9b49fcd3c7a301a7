"""What a changed catalogue would do differently over the events that are stored: read in pages, nothing is written.

Only the bodies of events that the change concerns are read, a few at a time: memory does not grow with history.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from sqlalchemy import Connection

from connector import strict_json
from connector.database.engine import Database
from connector.events import ReceivedState
from connector.inbox import store
from connector.inbox.store import ReceivedEvent
from connector.mapping.context import Options
from connector.mapping.difference import Comparison, Difference
from connector.names import Names
from connector.outbox.translation import source_event

PAGE = 500
BODIES = 20
"""Bodies read at once: at most a megabyte each."""


@dataclass(frozen=True, slots=True)
class Previewed:
    """Some events that were looked at: how many, how many of them were translated, and what would change."""

    looked_at: int
    translated: int
    differences: Sequence[tuple[ReceivedEvent, Difference]]


async def preview(
    database: Database,
    comparison: Comparison,
    workspace_id: int,
    *,
    last: int,
    since: int | None = None,
    options: Options | None = None,
) -> AsyncIterator[Previewed]:
    """The newest `last` events of a workspace (received at or after `since`, in milliseconds), newest first."""
    names = await database.read(Names().of, workspace_id)
    wanted = store.Filter(workspace_id, since=since)
    while last > 0:
        page = await database.read(store.page, wanted, limit=min(PAGE, last))
        concerned = [event for event in page if _is_concerned(event, comparison)]
        yield Previewed(len(page) - len(concerned), 0, ())
        for start in range(0, len(concerned), BODIES):
            part = concerned[start : start + BODIES]
            yield await database.read(_compared, comparison, part, names.get, options or Options())
        if len(page) < PAGE:
            return
        last -= len(page)
        wanted = replace(wanted, before=(page[-1].received_at, page[-1].key))


def _is_concerned(event: ReceivedEvent, comparison: Comparison) -> bool:
    return event.state is not ReceivedState.UNPARSEABLE and comparison.concerns(event.source, event.type)


def _compared(
    connection: Connection,
    comparison: Comparison,
    events: Sequence[ReceivedEvent],
    names: Callable[[str], str | None],
    options: Options,
) -> Previewed:
    bodies = store.bodies_of(connection, events)
    found = [
        (event, each)
        for event in events
        for each in _differences(comparison, event, bodies.get(event.key), names, options)
    ]
    return Previewed(len(events), len(bodies), found)


def _differences(
    comparison: Comparison,
    event: ReceivedEvent,
    body: bytes | None,
    names: Callable[[str], str | None],
    options: Options,
) -> Iterator[Difference]:
    if body is None:
        return
    try:
        payload: Mapping[str, object] = strict_json.parse_object(body)
    except strict_json.NotJson:
        return
    yield from comparison.differences(
        source_event(event), payload, received_at=event.received_at // 1000, names=names, options=options
    )

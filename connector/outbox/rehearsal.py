"""What replaying an event would do: today's mapping beside what was made before. Nothing is stored.  [reading only]"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from sqlalchemy import Connection

from connector.events import IntercomEvent, Key
from connector.inbox import store
from connector.inbox.store import ReceivedEvent
from connector.names import Names
from connector.outbox import history, queue
from connector.outbox.delivery import Delivery, State, delivery_id
from connector.outbox.translation import Rules, Translation, translation


@dataclass(frozen=True, slots=True)
class Rehearsal:
    """One line for each delivery that there would be."""

    lines: tuple[str, ...]


def rehearse(connection: Connection, event: ReceivedEvent, rules: Rules) -> Rehearsal:
    """What would come of mapping `event` again by `rules`."""
    stored = store.find(connection, event.workspace_id, event.key)
    if stored is None or stored[1] is None:
        return Rehearsal(("its body is no longer kept: it cannot be mapped again",))
    names = Names().of(connection, event.workspace_id)
    again = translation(event, stored[1], rules, names=names)
    made = history.page(connection, history.Filter(event.workspace_id, received_key=event.key), limit=1_000)
    tried = queue.tries(connection, [(each.workspace_id, each.id) for each in made])
    ambiguous = {each.id for each in made if (last := tried.get((each.workspace_id, each.id))) and last.ambiguous}
    return Rehearsal(tuple(compare(again, {each.id: each for each in made}, ambiguous)))


def compare(again: Translation, made: Mapping[Key, Delivery], ambiguous: set[Key]) -> Iterator[str]:
    """Pure: what is made now, against what was made before."""
    received = again.received
    now = {delivery_id(received.key, event.mapping_id, 0): event for event in again.events}
    for key, event in now.items():
        yield f"{event.name}: {_fate(event, made.get(key), frozen=key in ambiguous)}"
    for key, before in made.items():
        if key not in now:
            yield f"{before.name}: {_without(before, frozen=key in ambiguous)}"
    if not now and not made:
        yield f"nothing: {again.state}" + (f" ({again.reason})" if again.reason else "")


def _fate(event: IntercomEvent, before: Delivery | None, *, frozen: bool) -> str:
    if before is None:
        return "would be made, unless another event has told the same fact"
    if before.state is State.DELIVERED:
        return "stays: Intercom already holds it"
    if frozen or before.generation:
        return "would go out again as it was: a try of it may have arrived"
    changed = [
        name
        for name, differs in (
            ("name", event.name != before.name),
            ("metadata", dict(event.metadata) != dict(before.metadata)),
            ("contact", event.contact != before.contact),
        )
        if differs
    ]
    return "would be made anew, " + (f"with another {', '.join(changed)}" if changed else "the same as before")


def _without(before: Delivery, *, frozen: bool) -> str:
    if before.state is State.DELIVERED:
        return "stays: Intercom already holds it"
    if frozen or before.generation:
        return "would go out again as it was"
    return "would be forgotten: today's mapping makes none"

"""The story of one delivery in sentences: what came, what was made of it, for whom, every try, and what comes next.

Pure: what is stored comes in, sentences go out; where it stands still, the last ones say why and what to do.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime

from connector.events import Trust
from connector.inbox.store import ReceivedEvent
from connector.mapping.entry import Entry
from connector.mapping.explain import explain
from connector.outbox import reasons
from connector.outbox.delivery import FINAL, Delivery, State
from connector.outbox.history import Attempt, Story

VERIFIED = {
    Trust.SIGNED: "a signature or secret of its sender covers every byte (trust: signed)",
    Trust.UNSIGNED: "its batch was signed in part, and not this message (trust: unsigned): "
    "it may become an event, and teaches nothing about who is who",
}


def tell(story: Story, entry: Entry | None, *, same_mapping: bool, now: int) -> list[str]:
    """The story. `entry` is today's mapping of that id, `same_mapping` whether it is the very one; `now` in ms."""
    return [
        *_received(story.received, story.body is not None),
        *_mapped(story.delivery, entry, same_mapping=same_mapping),
        *_addressed(story.delivery),
        *_timed(story),
        *(sentence for attempt in story.attempts for sentence in _tried(attempt)),
        *_next(story, now),
    ]


def _received(received: ReceivedEvent | None, body_kept: bool) -> Iterator[str]:
    if received is None:
        yield "Received: its event is no longer kept."
        return
    mode = "" if received.livemode else ", in test mode"
    version = f", API version {received.api_version}" if received.api_version else ""
    name = f"{received.type} ({received.external_key})"
    yield f"Received {at(received.received_at)}: {name} of {received.source}{mode}{version}."
    yield f"Verified: {VERIFIED[received.trust]}."
    if received.occurred_at is not None:
        late = received.received_at // 1000 - received.occurred_at
        yield f"Happened {at(received.occurred_at * 1000)} by its sender's time, {span(late * 1000)} before it came."
    if not body_kept:
        yield "Its bytes are no longer kept: it cannot be mapped again."


def _mapped(delivery: Delivery, entry: Entry | None, *, same_mapping: bool) -> Iterator[str]:
    yield f"Mapped {at(delivery.mapped_at)} by {delivery.mapping_id} to {delivery.name}."
    if entry is None:
        yield "Today's mappings have no such entry any more."
    elif not same_mapping:
        yield "The mappings have changed since; where values come from is told by today's."
    sources = {row.key: row for row in explain(entry).rows} if entry else {}
    for key, value in delivery.metadata.items():
        shown = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
        row = sources.get(key)
        yield f"  {key} = {shown}" + (f"  ({row.type}, from {row.source})" if row else "")
    for note in delivery.notes:
        yield f"  note: {note}"


def _addressed(delivery: Delivery) -> Iterator[str]:
    found = ", ".join(f"{way.kind} {way.value}" for way in delivery.contact) or "nothing"
    chosen = delivery.identifier
    if chosen is None:
        yield f"For: the event names {found}; nobody that Intercom takes is known by it yet."
    elif not delivery.contact or chosen == next((way for way in delivery.contact if way.kind.addresses), None):
        yield f"For {chosen.kind} {chosen.value}: the first that the mapping found of {found}."
    elif chosen in delivery.contact:
        yield f"For {chosen.kind} {chosen.value}: Intercom knew nobody by those before it, of {found}."
    else:
        yield f"For {chosen.kind} {chosen.value}: that is who {found} leads to, by Intercom or by earlier events."


def _timed(story: Story) -> Iterator[str]:
    delivery = story.delivery
    if delivery.identifier is None:
        return
    yield f"Second: {at(delivery.created_at * 1000)} is this event's alone for that contact and name."
    if delivery.generation:
        yield f"It was sent anew by an operator, for the {delivery.generation}. time."


def _tried(attempt: Attempt) -> Iterator[str]:
    answer = f"status {attempt.status}" if attempt.status else "no answer"
    request = f", request {attempt.request_id}" if attempt.request_id else ""
    marks = "".join(
        f"; {mark}"
        for mark, holds in (
            ("it may have arrived all the same", attempt.ambiguous),
            ("its answer came late", attempt.late),
            ("asked for by an operator", attempt.manual),
        )
        if holds
    )
    yield (
        f"Try {attempt.number}, {at(attempt.started_at)}, by {attempt.identifier_kind or 'nobody'}: {attempt.outcome} "
        f"({answer}, {attempt.duration_ms} ms{request}{marks})."
    )
    if attempt.outcome == "counted":
        yield "  It went there in a count, not as an event, for it is older than Intercom lists."
    if attempt.words:
        yield f"  Intercom's words: {attempt.words}"


def _next(story: Story, now: int) -> Iterator[str]:
    delivery = story.delivery
    meaning = reasons.of_delivery(delivery.state, delivery.reason)
    reason = f" ({delivery.reason})" if delivery.reason else ""
    yield f"Now: {delivery.state}{reason}. {meaning.what}"
    if delivery.state is State.DELIVERED and delivery.delivered_at is not None:
        yield f"Intercom accepted it {at(delivery.delivered_at)}."
    if story.seen_at is not None:
        yield f"Intercom's own webhook (event.created) told of it {at(story.seen_at)}: it is there."
    if story.in_flight:
        yield "It is being tried at this moment."
    elif story.due is not None and delivery.state not in FINAL:
        yield f"Next try: {'now' if story.due <= now else f'{at(story.due)}, in {span(story.due - now)}'}."
    if meaning.remedy:
        yield f"What to do: {meaning.remedy}"


def at(milliseconds: int) -> str:
    """A moment as people read it."""
    return f"{datetime.fromtimestamp(milliseconds / 1000, UTC):%Y-%m-%d %H:%M:%S} UTC"


def span(milliseconds: int) -> str:
    """How long something takes, in the one unit that says it best."""
    seconds = max(0, milliseconds) // 1000
    for unit, size in (("days", 86_400), ("hours", 3_600), ("minutes", 60)):
        if seconds >= 2 * size:
            return f"{seconds // size} {unit}"
    return f"{seconds} s"

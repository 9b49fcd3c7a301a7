"""Sample events: what a shipped example would become, sent to one contact of the admin's choice, now.

It goes past the queue, because a workspace that is watching sends nothing else, and because whoever clicks waits for
the answer. It is stored like any other delivery, so that the card and the console show it; a process that dies in
between leaves it held.
"""

from __future__ import annotations

import json
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, TypeAlias

from sqlalchemy import Connection

from connector import strict_json
from connector.appstore.parts import Parts
from connector.database.rows import insert_new
from connector.database.tables import attempts
from connector.events import Identifier, IdentifierKind, IntercomEvent, ReceivedState, SourceEvent, Trust
from connector.inbox import store as inbox
from connector.inbox.arrivals import Arrival, insert
from connector.intercom import outcome as outcomes
from connector.intercom.client import event_body
from connector.intercom.outcome import Answer
from connector.mapping.document import Gives
from connector.mapping.entry import Entry
from connector.mapping.example import became_of
from connector.mapping_files import shipped_folder
from connector.mapping_files.examples import payload_file
from connector.outbox import history, queue
from connector.outbox.delivery import Delivery, State
from connector.outbox.enqueue import enqueue
from connector.outbox.translation import Translation
from connector.workspaces.store import Workspace

STREAM = "sample"
REASON = "sample"
CONTACT_KINDS = (IdentifierKind.EMAIL, IdentifierKind.USER_ID, IdentifierKind.ID)


@dataclass(frozen=True, slots=True)
class Sample:
    """One that can be sent: the entry, and the payload of its example."""

    entry: Entry
    payload: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Sent:
    """Intercom has accepted it."""

    name: str


@dataclass(frozen=True, slots=True)
class NotSent:
    """Why not, as a sentence."""

    why: str


Sending: TypeAlias = Sent | NotSent


def offered(entries: Sequence[Entry]) -> list[Entry]:
    """The entries that are on and have an example that becomes an event."""
    return [each for each in entries if each.enabled and each.name and _example(each)]


def sample(entry: Entry) -> Sample | None:
    """`entry` with its example's payload; None where that is not to be found."""
    example = _example(entry)
    if example is None:
        return None
    if example.payload is not None:
        return Sample(entry, example.payload)
    path = payload_file(entry, example.file or "", [shipped_folder()])
    return None if path is None else Sample(entry, strict_json.parse_object(path.read_bytes()))


def _example(entry: Entry) -> Any:  # noqa: ANN401 - document.Example, or nothing
    return next((each for each in entry.examples if isinstance(each.gives, Gives) or each.gives is None), None)


async def send(parts: Parts, workspace: Workspace, chosen: Sample, contact: Identifier) -> Sending:
    """Send it, and say what Intercom said. Raises DatabaseError."""
    if workspace.token is None:
        return NotSent("There is no access token: install the app again.")
    became = became_of(chosen.entry, chosen.payload, parts.mappings.rules()(workspace).options)
    if not isinstance(became, IntercomEvent):
        return NotSent("This sample becomes no event with your choices.")
    event = replace(became, contact=(contact,), created_at=parts.now() // 1000, once=None)
    delivery = await parts.database.transact(_store, parts, workspace.id, chosen, event, now=parts.now())
    if delivery is None or delivery.identifier is None:
        return NotSent("Too many samples of this kind were sent to this contact in one hour.")
    body = event_body(delivery.name, delivery.created_at, delivery.identifier, delivery.metadata)
    started = parts.now()
    answer = await parts.intercom.submit_event(workspace.region, workspace.token, body)
    await parts.database.transact(_record, delivery, answer, started=started, now=parts.now())
    return Sent(delivery.name) if answer.status == 202 else NotSent(_why(answer, contact))


def _store(
    connection: Connection, parts: Parts, workspace_id: int, chosen: Sample, event: IntercomEvent, *, now: int
) -> Delivery | None:
    """The sample as a received event with its delivery, which nothing but `send` sends."""
    dialect = chosen.entry.dialect
    body = json.dumps(chosen.payload).encode()
    source = SourceEvent(
        chosen.entry.source,
        f"sample-{secrets.token_hex(8)}",
        dialect.type_of(chosen.payload),
        body,
        now // 1000,
        livemode=False,
        trust=Trust.UNSIGNED,  # made up: it teaches nothing about who is who
    )
    arrival = Arrival(workspace_id, 0, STREAM, source, now)
    insert(connection, [[arrival]])
    found = inbox.find(connection, workspace_id, arrival.key)
    if found is None:
        return None
    translation = Translation(found[0], ReceivedState.MAPPED, None, (event,), catalogue=parts.mappings.digest)
    (stored,) = enqueue(connection, [translation], now=now)
    if not stored.deliveries:
        return None
    each = (workspace_id, stored.deliveries[0])
    delivery = history.find(connection, *each)
    if delivery is None or delivery.state not in (State.DUE, State.HELD):
        return None
    queue.settle(connection, [each], State.HELD, REASON, now=now)
    return delivery


def _record(connection: Connection, delivery: Delivery, answer: Answer, *, started: int, now: int) -> None:
    """The try and what came of it. A sample that did not arrive is not tried again."""
    each = (delivery.workspace_id, delivery.id)
    outcome = outcomes.read(answer, now_ms=now)
    insert_new(connection, attempts, [_attempt(delivery, answer, outcome.name, started)])
    if answer.status == 202:
        queue.settle(connection, [each], State.DELIVERED, None, now=now, delivered_at=now)
    else:
        queue.settle(connection, [each], State.DISCARDED, REASON, now=now)


def _attempt(delivery: Delivery, answer: Answer, outcome: str, started: int) -> dict[str, Any]:
    return {
        "workspace_id": delivery.workspace_id,
        "delivery_id": delivery.id,
        "number": 1,
        "started_at": started,
        "duration_ms": answer.duration_ms,
        "status": answer.status,
        "outcome": outcome,
        "error_code": None,
        "words": None,
        "request_id": answer.request_id,
        "identifier_kind": delivery.identifier.kind.value if delivery.identifier else "",
        "ambiguous": answer.status is None,
        "late": False,
        "manual": True,
    }


def _why(answer: Answer, contact: Identifier) -> str:
    kind = {IdentifierKind.EMAIL: "e-mail address", IdentifierKind.USER_ID: "user id"}.get(contact.kind, "Intercom id")
    match answer.status:
        case 404:
            return f"Intercom has no contact with this {kind}."
        case 409:
            return f"Several contacts in Intercom have this {kind}: choose one by its user id."
        case 401 | 403:
            return "Intercom does not accept this app's access token: install the app again."
        case 429:
            return "Intercom takes no more calls for the moment. Try again in ten seconds."
        case None:
            return "Intercom did not answer. Try again in a minute."
        case status:
            return f"Intercom answered with status {status}."

"""`connector deliveries`: the Intercom events that were made, and where each stands. Acting on them is `replays`'."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from connector.cli import pages
from connector.cli.choosing import (
    Choice,
    OfContact,
    OfMapping,
    OfName,
    OfReason,
    OfState,
    OfStatus,
    OfType,
    Since,
    Until,
)
from connector.cli.options import Cursor, Json, Limit, OfWorkspace
from connector.cli.output import Page, moment, print_json, safe, say, show_item, show_page
from connector.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from connector.cli.session import Session
    from connector.outbox.delivery import Delivery
    from connector.outbox.history import Attempt

app = typer.Typer(help="The Intercom events that were made, and where each stands.")
COLUMNS = ("id", "workspace", "name", "identifier", "created_at", "state", "reason", "updated_at")
NOTHING = "there is no such delivery"


DeliveryId = Annotated[str, typer.Argument(metavar="DELIVERY", help="Its id, or how it begins.", show_default=False)]


@app.command("list")
def list_deliveries(
    *,
    workspace: OfWorkspace = None,
    state: OfState = None,
    name: OfName = None,
    reason: OfReason = None,
    contact: OfContact = None,
    mapping: OfMapping = None,
    received_type: OfType = None,
    status: OfStatus = None,
    since: Since = None,
    until: Until = None,
    limit: Limit = 50,
    cursor: Cursor = None,
    json: Json = False,
) -> None:
    """Deliveries, the latest changed first."""
    from connector.cli.session import run
    from connector.outbox import history

    choice = Choice(workspace, state, name, reason, contact, mapping, received_type, status, since, until)
    before = pages.before_place(cursor)

    async def work(session: Session) -> Page:
        wanted = await choice.selection(session)
        found = await session.database.read(history.listed, wanted, before=before, limit=limit + 1)
        app_ids = await session.app_ids()
        return pages.cut(found, limit, lambda each: document(each, app_ids), cursor_of)

    show_page(run(work), as_json=json, columns=COLUMNS, empty=NOTHING)


@app.command("show")
def show(delivery: DeliveryId, *, json: Json = False) -> None:
    """The whole story of one: what came in, what was made of it, every try, and what comes next."""
    from connector.cli.session import run

    document, sentences = run(lambda session: _story(session, delivery))
    if json:
        print_json({**document, "story": sentences})
        return
    for sentence in sentences:
        say(safe(sentence))
    say("")
    show_item(document, as_json=False)


def document(delivery: Delivery, app_ids: Mapping[int, str]) -> dict[str, Any]:
    """A delivery as commands show it."""
    identifier = delivery.identifier
    return {
        "id": delivery.id.hex(),
        "workspace": app_ids[delivery.workspace_id],
        "name": delivery.name,
        "created_at": moment(delivery.created_at * 1000),
        "identifier": {identifier.kind.value: identifier.value} if identifier else None,
        "contact": [{way.kind.value: way.value} for way in delivery.contact],
        "metadata": dict(delivery.metadata),
        "notes": list(delivery.notes),
        "state": delivery.state,
        "reason": delivery.reason,
        "event": delivery.received_key.hex(),
        "mapping": delivery.mapping_id,
        "mapping_digest": delivery.mapping_digest,
        "generation": delivery.generation,
        "mapped_at": moment(delivery.mapped_at),
        "updated_at": moment(delivery.updated_at),
        "delivered_at": moment(delivery.delivered_at),
    }


async def find(session: Session, text: str) -> Delivery:
    """The one delivery whose id is, or begins with, `text`. Raises UsageError."""
    from connector.outbox import history

    try:
        prefix = bytes.fromhex(text[: len(text) // 2 * 2])
    except ValueError:
        prefix = b""
    if not prefix or len(prefix) > pages.KEY_BYTES:
        raise UsageError(f"{text!r} is no delivery's id: those are 32 hexadecimal digits, or how they begin")
    ids = await session.database.read(history.starting_with, prefix)
    if len(ids) > 1:
        raise UsageError(f"several deliveries begin with {text!r}: give more of the id")
    found = await session.database.read(history.find, *ids[0]) if ids else None
    if found is None:
        raise UsageError(f"there is no delivery {text!r}. `connector deliveries list` shows what there is")
    return found


async def _story(session: Session, text: str) -> tuple[dict[str, Any], list[str]]:
    from connector.cli import events
    from connector.cli.todays import entry_of
    from connector.outbox import history
    from connector.outbox.story import tell

    delivery = await find(session, text)
    story = await session.database.read(history.story, delivery.workspace_id, delivery.id)
    app_ids = await session.app_ids()
    if story is None:
        raise UsageError(f"the delivery {text!r} has gone meanwhile")
    entry, digest = await entry_of(session, delivery.workspace_id, delivery.mapping_id)
    document_ = {
        **document(story.delivery, app_ids),
        "next_try": moment(story.due),
        "in_flight": story.in_flight,
        "seen_at": moment(story.seen_at),
        "attempts": [attempt(each) for each in story.attempts],
        "received": events.document(story.received, app_ids) if story.received else None,
        "body": events.readable(story.body),
    }
    return document_, tell(story, entry, same_mapping=digest == delivery.mapping_digest, now=session.now)


def attempt(attempt: Attempt) -> dict[str, Any]:
    """One try as commands show it."""
    return {
        "number": attempt.number,
        "started_at": moment(attempt.started_at),
        "duration_ms": attempt.duration_ms,
        "status": attempt.status,
        "outcome": attempt.outcome,
        "error_code": attempt.error_code,
        "words": attempt.words,
        "request_id": attempt.request_id,
        "identifier_kind": attempt.identifier_kind,
        "ambiguous": attempt.ambiguous,
        "late": attempt.late,
        "manual": attempt.manual,
    }


def cursor_of(delivery: Delivery) -> str:
    return pages.place_cursor(delivery.updated_at, delivery.id)

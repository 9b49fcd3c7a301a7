"""`connector deliveries`: the Intercom events that were made, and where each stands. Acting on them is `replays`'."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any

import typer

from connector.cli import pages
from connector.cli.options import Cursor, Json, Limit, OfWorkspace, choice
from connector.cli.output import Page, moment, show_item, show_page
from connector.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from connector.cli.session import Session
    from connector.outbox.delivery import Delivery
    from connector.outbox.history import Attempt

app = typer.Typer(help="The Intercom events that were made, and where each stands.")
COLUMNS = ("id", "workspace", "name", "identifier", "created_at", "state", "reason", "updated_at")
NOTHING = "there is no such delivery"


def _states() -> Iterable[str]:
    from connector.outbox.delivery import State

    return [state.value for state in State]


DeliveryId = Annotated[str, typer.Argument(metavar="DELIVERY", help="Its id, or how it begins.", show_default=False)]
OfState = Annotated[
    str | None,
    choice(
        "--state",
        help="Only in this state: waiting, held, due, parked, delivered, dead or discarded.",
        load=_states,
    ),
]
OfName = Annotated[str | None, typer.Option("--name", help="Only with this event name.", show_default=False)]
OfReason = Annotated[str | None, typer.Option("--reason", help="Only for this reason.", show_default=False)]

OfMapping = Annotated[
    str | None,
    typer.Option(
        "--mapping", metavar="DIGEST", help="Only what this mapping set made and is not sent.", show_default=False
    ),
]


@dataclass(frozen=True, slots=True)
class Chosen:
    """Which deliveries the argument and the options of a command choose."""

    delivery: str | None = None
    workspace: str | None = None
    state: str | None = None
    name: str | None = None
    reason: str | None = None
    cursor: str | None = None
    mapping: str | None = None

    async def read(self, session: Session, limit: int) -> list[Delivery]:
        """That one, or the latest changed of them. Raises UsageError."""
        from connector.outbox import history
        from connector.outbox.delivery import State

        if self.delivery is not None:
            return [await find(session, self.delivery)]
        wanted = history.Filter(
            await session.workspace_id(self.workspace),
            State(self.state) if self.state else None,
            self.name,
            self.reason,
            before=pages.before_place(self.cursor),
            mapping=self.mapping,
            unsent=self.mapping is not None and self.state is None,
        )
        return await session.database.read(history.page, wanted, limit=limit)


@app.command("list")
def list_deliveries(
    *,
    workspace: OfWorkspace = None,
    state: OfState = None,
    name: OfName = None,
    reason: OfReason = None,
    limit: Limit = 50,
    cursor: Cursor = None,
    json: Json = False,
) -> None:
    """Deliveries, the latest changed first."""
    from connector.cli.session import run

    chosen = Chosen(None, workspace, state, name, reason, cursor)

    async def work(session: Session) -> Page:
        found, app_ids = await chosen.read(session, limit + 1), await session.app_ids()
        return pages.cut(found, limit, lambda each: document(each, app_ids), cursor_of)

    show_page(run(work), as_json=json, columns=COLUMNS, empty=NOTHING)


@app.command("show")
def show(delivery: DeliveryId, *, json: Json = False) -> None:
    """The whole story of one: what came in, what was made of it, every try, and what comes next."""
    from connector.cli.session import run

    show_item(run(lambda session: _story(session, delivery)), as_json=json)


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


async def _story(session: Session, text: str) -> dict[str, Any]:
    from connector.cli import events
    from connector.outbox import history

    delivery = await find(session, text)
    story = await session.database.read(history.story, delivery.workspace_id, delivery.id)
    app_ids = await session.app_ids()
    if story is None:
        raise UsageError(f"the delivery {text!r} has gone meanwhile")
    return {
        **document(story.delivery, app_ids),
        "next_try": moment(story.due),
        "in_flight": story.in_flight,
        "attempts": [attempt(each) for each in story.attempts],
        "received": events.document(story.received, app_ids) if story.received else None,
        "body": events.readable(story.body),
    }


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

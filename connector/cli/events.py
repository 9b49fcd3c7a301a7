"""`connector events`: what Stripe and Segment sent, and what became of it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any

import typer

from connector.cli import pages
from connector.cli.options import Cursor, Json, Limit, OfWorkspace, choice
from connector.cli.output import Page, moment, show_item, show_page
from connector.errors import UsageError
from connector.events import ReceivedState

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from connector.cli.session import Session
    from connector.inbox.store import ReceivedEvent

app = typer.Typer(help="What was received, and what became of it.")
COLUMNS = ("external_id", "workspace", "type", "received_at", "state", "reason")
NOTHING = "no such event has been received"


def _sources() -> Iterable[str]:
    from connector.inbox.sources import SOURCES

    return SOURCES


@dataclass(frozen=True, slots=True)
class Chosen:
    """Which events the options of a command choose."""

    workspace: str | None
    state: ReceivedState | None
    type: str | None
    source: str | None
    cursor: str | None

    async def read(self, session: Session, limit: int) -> list[ReceivedEvent]:
        """The newest of them."""
        from connector.inbox import store
        from connector.inbox.store import Filter

        workspace_id = await session.workspace_id(self.workspace)
        before = pages.before_place(self.cursor)
        wanted = Filter(workspace_id, self.state, self.source, self.type, before=before)
        return await session.database.read(store.page, wanted, limit=limit)


EVENT_HELP = "The sender's own id (evt_… or a messageId), or ours."
OfState = Annotated[ReceivedState | None, typer.Option("--state", help="Only in this state.", show_default=False)]
OfType = Annotated[str | None, typer.Option("--type", help="Only of this type, such as invoice.paid.")]
OfSource = Annotated[str | None, choice("--source", help="Only from stripe or segment.", load=_sources)]


@app.command("list")
def list_events(
    *,
    workspace: OfWorkspace = None,
    state: OfState = None,
    event_type: OfType = None,
    source: OfSource = None,
    limit: Limit = 50,
    cursor: Cursor = None,
    json: Json = False,
) -> None:
    """Received events, newest first."""
    from connector.cli.session import run

    chosen = Chosen(workspace, state, event_type, source, cursor)

    async def work(session: Session) -> Page:
        found, app_ids = await chosen.read(session, limit + 1), await session.app_ids()
        return pages.cut(found, limit, lambda event: document(event, app_ids), _cursor)

    show_page(run(work), as_json=json, columns=COLUMNS, empty=NOTHING)


@app.command("show")
def show(
    event: Annotated[str, typer.Argument(help=EVENT_HELP, show_default=False)],
    *,
    workspace: OfWorkspace = None,
    json: Json = False,
) -> None:
    """One event: its body, and the deliveries that were made of it."""
    from connector.cli.session import run

    show_item(run(lambda session: _story(session, event, workspace)), as_json=json)


def document(event: ReceivedEvent, app_ids: Mapping[int, str]) -> dict[str, Any]:
    """A received event as commands show it."""
    return {
        "id": event.key.hex(),
        "external_id": event.external_key,
        "workspace": app_ids[event.workspace_id],
        "source": event.source,
        "type": event.type,
        "livemode": event.livemode,
        "api_version": event.api_version,
        "trust": event.trust,
        "occurred_at": moment(event.occurred_at and event.occurred_at * 1000),
        "received_at": moment(event.received_at),
        "state": event.state,
        "reason": event.reason,
    }


async def find(session: Session, text: str, app_id: str | None) -> ReceivedEvent:
    """The one event with that id, the sender's or ours. Raises UsageError."""
    from connector.inbox import store
    from connector.inbox.store import Filter

    workspace_id = await session.workspace_id(app_id)
    found = await session.database.read(store.page, Filter(workspace_id, external_key=text), limit=2)
    if not found and (key := pages.key_of(text)) is not None:
        app_ids = await session.app_ids()
        for each in app_ids if workspace_id is None else [workspace_id]:
            if (stored := await session.database.read(store.find, each, key)) is not None:
                found = [stored[0]]
    if not found:
        raise UsageError(f"there is no event {text!r}. `connector events list` shows what there is")
    if len(found) > 1:
        raise UsageError(
            f"there are several events {text!r}: choose by --workspace, or by the `id` that list --json shows"
        )
    return found[0]


async def _story(session: Session, text: str, app_id: str | None) -> dict[str, Any]:
    from connector.inbox import store
    from connector.outbox import history

    event = await find(session, text, app_id)
    stored = await session.database.read(store.find, event.workspace_id, event.key)
    wanted = history.Filter(event.workspace_id, received_key=event.key)
    made = await session.database.read(history.page, wanted, limit=1000)
    return {
        **document(event, await session.app_ids()),
        "deliveries": [
            {"id": each.id.hex(), "name": each.name, "state": each.state, "reason": each.reason} for each in made
        ],
        "body": readable(stored[1]) if stored else None,
    }


def readable(body: bytes | None) -> Any:  # noqa: ANN401 - JSON is any value
    """A stored body as JSON where it is some, otherwise as text; None where it is no longer kept."""
    from connector import strict_json

    if body is None:
        return None
    try:
        return strict_json.parse(body)
    except strict_json.NotJson:
        return body.decode("utf-8", "backslashreplace")


def _cursor(event: ReceivedEvent) -> str:
    return pages.place_cursor(event.received_at, event.key)

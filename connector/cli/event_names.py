"""`connector event-names`: which of the 120 names that Intercom allows a workspace uses, and which wait for a place."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from connector.cli import pages
from connector.cli.options import Cursor, Json, Limit, OfWorkspace
from connector.cli.output import Page, moment, remark, show_item, show_page
from connector.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from connector.cli.session import Session
    from connector.outbox.event_names import EventName

app = typer.Typer(help="The event names of a workspace: Intercom allows 120.")
COLUMNS = ("workspace", "name", "counted_at", "stopped", "types")
InWorkspace = Annotated[str, typer.Option("--workspace", metavar="APP_ID", help="The workspace.", show_default=False)]


@app.command("list")
def list_names(*, workspace: OfWorkspace = None, limit: Limit = 50, cursor: Cursor = None, json: Json = False) -> None:
    """Names that were sent, that wait for a place, or that are stopped, with the types of their keys."""
    from connector.cli.session import run
    from connector.outbox import event_names

    after = pages.before_place(cursor)

    async def work(session: Session) -> Page:
        only, app_ids = await session.workspace_id(workspace), await session.app_ids()
        found = await session.database.read(event_names.page, only, limit=limit + 1, after=after)
        return pages.cut(
            found,
            limit,
            lambda each: _document(each, app_ids),
            lambda each: pages.place_cursor(each.workspace_id, each.key),
        )

    show_page(run(work), as_json=json, columns=COLUMNS, empty="no event was sent yet")


@app.command("forget")
def forget(
    name: Annotated[str, typer.Argument(metavar="NAME", help="A name that is archived in Intercom.")],
    *,
    workspace: InWorkspace,
    json: Json = False,
) -> None:
    """Free a name's place, and its keys' types, after archiving it in Intercom; the next that waits takes the place."""
    from connector.cli.session import run
    from connector.outbox import stop

    async def work(session: Session) -> dict[str, Any]:
        workspace_id = (await session.workspace(workspace)).id
        now = session.database.clock.now()
        given = await session.database.transact(stop.forget_name, workspace_id, name, now=now)
        if given is None:
            raise UsageError(f"{workspace} has no event name {name!r}. `connector event-names list` shows them")
        released = await _released(session, workspace_id, given)
        return {"name": name, "workspace": workspace, "forgotten": True, "given_to": given, "released": released}

    show_item(run(work), as_json=json)


@app.command("retry")
def retry(*, workspace: InWorkspace, json: Json = False) -> None:
    """Try the names that wait for a place again, after archiving names in Intercom that were not sent from here."""
    from connector.cli.session import run
    from connector.outbox import event_names, stop

    async def work(session: Session) -> dict[str, Any]:
        workspace_id = (await session.workspace(workspace)).id
        places = await session.database.read(event_names.places, workspace_id)
        now = session.database.clock.now()
        free = event_names.ALLOWED - places.counted
        given = await session.database.transact(stop.give_places, workspace_id, free, now=now)
        released = await _released(session, workspace_id, given)
        return {"workspace": workspace, "given_to": given, "released": released}

    result = run(work)
    show_item(result, as_json=json)
    if not result["given_to"]:
        remark("no name waits for a place, or there is none")


async def _released(session: Session, workspace_id: int, names: list[str]) -> int:
    from connector.outbox import stop

    released = 0
    for name in names:
        now = session.database.clock.now()
        while count := await session.database.transact(stop.let_go, workspace_id, name, now=now):
            released += count
    return released


def _document(each: EventName, app_ids: Mapping[int, str]) -> dict[str, Any]:
    return {
        "workspace": app_ids.get(each.workspace_id),
        "name": each.name,
        "counted_at": moment(each.counted_at),
        "first_seen_at": moment(each.first_seen_at),
        "stopped": each.stopped_reason,
        "types": dict(each.types),
    }

"""`connector status`: how much there is of everything, and where it stands."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import typer

from connector.cli.options import Json, OfWorkspace
from connector.cli.output import show_item

if TYPE_CHECKING:
    from connector.cli.session import Session


def register(app: typer.Typer) -> None:
    """Add the command to the root."""
    app.command()(status)


def status(*, workspace: OfWorkspace = None, json: Json = False) -> None:
    """Count workspaces by mode, events and deliveries by state; of one workspace also why deliveries stand still."""
    from connector.cli.session import run

    show_item(run(lambda session: _counts(session, workspace)), as_json=json)


async def _counts(session: Session, app_id: str | None) -> dict[str, Any]:
    from connector.database.migrate import current_revision
    from connector.inbox import store as inbox
    from connector.outbox import history
    from connector.workspaces import store

    read = session.database.read
    only = await session.workspace_id(app_id)
    counts: dict[str, Any] = {
        "revision": await current_revision(session.database),
        "workspaces": await read(store.count_by_mode),
        "events": await read(inbox.count_by_state, only),
        "deliveries": await read(history.count_by_state, only),
    }
    return counts if only is None else counts | {"standing_still": await _reasons(session, only)}


async def _reasons(session: Session, workspace_id: int) -> list[dict[str, Any]]:
    from connector.outbox import history
    from connector.outbox.delivery import State

    states = (State.WAITING, State.HELD, State.PARKED, State.DEAD)
    found = await session.database.read(history.count_by_reason, workspace_id, states)
    return [{"state": state, "reason": reason, "deliveries": count} for (state, reason), count in sorted(found.items())]

"""`connector status`: how much there is of everything, and where it stands."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import typer

from connector.cli.options import Json, OfWorkspace
from connector.cli.output import moment, show_item

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
        "mappings": await _mappings(session),
        "alerts": await _alerts(session, only),
    }
    if only is None:
        return counts
    return counts | {"event_names": await _names(session, only), "standing_still": await _reasons(session, only)}


async def _mappings(session: Session) -> dict[str, Any]:
    """The set in use; nothing deployed is the shipped catalogue alone."""
    from connector.catalogues import store

    digest = await session.database.read(store.active_digest)
    if digest is None:
        return {"digest": None, "deployed_at": None, "deployed_by": None}
    found = await session.database.read(store.starting_with, digest)
    return {"digest": digest, "deployed_at": moment(found.deployed_at), "deployed_by": found.deployed_by}


async def _alerts(session: Session, workspace_id: int | None) -> list[dict[str, Any]]:
    """What is open; of one workspace also what concerns the service itself."""
    from connector.outbox import alerts

    app_ids = await session.app_ids()
    found = await session.database.read(alerts.open_alerts)
    return [
        {
            "workspace": app_ids.get(each.workspace_id),
            "kind": each.kind,
            "subject": each.subject,
            "detail": each.detail,
            "opened_at": moment(each.opened_at),
        }
        for each in found
        if workspace_id in (None, each.workspace_id) or each.workspace_id == alerts.THE_SERVICE
    ]


async def _names(session: Session, workspace_id: int) -> dict[str, int]:
    """How many of the names that Intercom allows are in use, and how many wait for a place."""
    from connector.outbox import event_names

    places = await session.database.read(event_names.places, workspace_id)
    return {"counted": places.counted, "allowed": event_names.ALLOWED, "waiting": places.waiting}


async def _reasons(session: Session, workspace_id: int) -> list[dict[str, Any]]:
    from connector.outbox import history
    from connector.outbox.delivery import State

    states = (State.WAITING, State.HELD, State.PARKED, State.DEAD)
    found = await session.database.read(history.count_by_reason, workspace_id, states)
    return [{"state": state, "reason": reason, "deliveries": count} for (state, reason), count in sorted(found.items())]

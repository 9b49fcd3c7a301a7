"""`connector status`: how much there is of everything, where it stands, and how far it is in step with its senders.

What --json prints is made here; what people read of it is `status_page`'s.
"""

from __future__ import annotations

import textwrap
from typing import TYPE_CHECKING, Any

import typer

from connector.cli.options import Json, OfWorkspace
from connector.cli.output import moment, print_json, safe, say, show_item, table

if TYPE_CHECKING:
    from connector.cli.session import Session
    from connector.sync.report import Line


def register(app: typer.Typer) -> None:
    """Add the command to the root."""
    app.command()(status)


def status(*, workspace: OfWorkspace = None, json: Json = False) -> None:
    """Count workspaces by mode, events and deliveries by state; of one workspace also why deliveries stand still."""
    from connector.cli.session import run
    from connector.database.clock import wall

    found = run(lambda session: _counts(session, workspace))
    if json:
        print_json(found)
    else:
        _show(found, now=wall())


def _show(found: dict[str, Any], *, now: int) -> None:
    from connector.cli import status_page

    show_item(status_page.lines(found), as_json=False)
    for part in status_page.tables(found, now=now):
        say(f"\n{part.title}")
        table(part.rows, part.columns, numbers=part.numbers, one_line=True)
        if part.more:
            say(f"… and {part.more:,} more: --workspace APP_ID shows fewer, --json all")
        for line in part.below:
            say(textwrap.fill(safe(line), 80, subsequent_indent="  "))


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
    if only is not None:
        counts["event_names"] = await _names(session, only)
        counts["standing_still"] = await _reasons(session, only)
    return counts | {"sync": await _sync(session, only), "backfills": await _backfills(session, only)}


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


async def _sync(session: Session, only: int | None) -> list[dict[str, Any]]:
    """How far each endpoint is in step with its sender; the ten seconds' look."""
    from connector.sync import report

    app_ids = await session.app_ids()
    found = await session.database.read(report.lines, only, now=session.now)
    return [_line(each, app_ids[each.state.place.workspace_id]) for each in found]


def _line(line: Line, app_id: str) -> dict[str, Any]:
    state = line.state
    gaps = [f"{moment(start)} … {moment(end)}" for start, end in state.gaps]
    return {
        "workspace": app_id,
        "endpoint": f"{state.place.endpoint_id} {line.source} {'live' if state.place.livemode else 'test'}",
        "last_webhook": moment(state.last_webhook_at),
        "last_delivered": moment(line.last_delivered_at),
        "reconciled_until": moment(state.reconciled_until),
        "behind_s": None if line.behind_ms is None else line.behind_ms // 1000,
        "missed": state.found,
        "day": line.last_day,
        "gaps": gaps,
        "trouble": state.trouble,
    }


async def _backfills(session: Session, only: int | None) -> list[dict[str, Any]]:
    from connector.cli.backfill import document
    from connector.sync import backfills

    return [document(each) for each in await session.database.read(backfills.page, only)]


async def _reasons(session: Session, workspace_id: int) -> list[dict[str, Any]]:
    from connector.outbox import history
    from connector.outbox.delivery import State

    states = (State.WAITING, State.HELD, State.PARKED, State.DEAD)
    found = await session.database.read(history.count_by_reason, workspace_id, states)
    return [{"state": state, "reason": reason, "deliveries": count} for (state, reason), count in sorted(found.items())]

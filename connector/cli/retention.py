"""`connector prune`: remove what is old now, instead of waiting for the service to do it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import typer

from connector.cli.acting import DryRun
from connector.cli.options import Json
from connector.cli.output import show_item

if TYPE_CHECKING:
    from connector.cli.session import Session


def register(app: typer.Typer) -> None:
    """Add the command to the root."""
    app.command()(prune)


def prune(*, dry_run: DryRun = False, json: Json = False) -> None:
    """Remove what is older than the settings keep it. The service does the same by itself, every ten minutes."""
    from connector.cli.session import run

    show_item(run(lambda session: _prune(session, dry_run=dry_run)), as_json=json)


async def _prune(session: Session, *, dry_run: bool) -> dict[str, Any]:
    from connector.cli.acting import audited
    from connector.outbox import prune as sql
    from connector.outbox.retention import Keep, Retention

    keep = Keep.of(session.settings, now=session.now)
    if dry_run:
        counts = await session.database.read(
            sql.count_old,
            bodies_before=keep.bodies,
            deliveries_before=keep.deliveries,
            keys_before=keep.keys,
        )
    else:
        counts = dict(await Retention(session.database, keep, session.now).run())
        await audited(session, None, "prune", **counts)
    return {"dry_run": dry_run, **counts}

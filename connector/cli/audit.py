"""`connector audit`: who did what."""

from __future__ import annotations

from typing import TYPE_CHECKING

import typer

from connector.cli import pages
from connector.cli.options import Cursor, Json, Limit, OfWorkspace
from connector.cli.output import Page, moment, show_page

if TYPE_CHECKING:
    from connector.cli.session import Session

app = typer.Typer(help="Who did what.")
COLUMNS = ("at", "actor", "workspace", "action", "detail")


@app.callback()
def _audit() -> None:
    """Who did what."""


@app.command("list")
def list_audit(*, workspace: OfWorkspace = None, limit: Limit = 50, cursor: Cursor = None, json: Json = False) -> None:
    """What operators did, the latest first: who, what, and to how many."""
    from connector.cli.session import run
    from connector.workspaces import audit

    before = pages.after_id(cursor) or None

    async def work(session: Session) -> Page:
        only, app_ids = await session.workspace_id(workspace), await session.app_ids()
        found = await session.database.read(audit.page, only, before=before, limit=limit + 1)
        return pages.cut(
            found,
            limit,
            lambda each: {
                "id": each.id,
                "at": moment(each.at),
                "actor": each.actor,
                "workspace": app_ids.get(each.workspace_id),
                "action": each.action,
                "detail": dict(each.detail),
            },
            lambda each: str(each.id),
        )

    show_page(run(work), as_json=json, columns=COLUMNS, empty="nobody has done anything yet")

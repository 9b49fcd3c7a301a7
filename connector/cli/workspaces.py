"""`connector workspaces`: the Intercom workspaces that this service delivers to."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from connector.cli import pages
from connector.cli.acting import audited
from connector.cli.options import AppId, Cursor, Json, Limit, secret
from connector.cli.output import Page, moment, remark, show_item, show_page
from connector.errors import UsageError
from connector.workspaces.modes import Mode, Region

if TYPE_CHECKING:
    from connector.cli.session import Session
    from connector.workspaces.store import Workspace

app = typer.Typer(help="The Intercom workspaces that events are delivered to.")
COLUMNS = ("app_id", "name", "region", "mode", "mode_reason", "time_zone", "created_at")


@app.command("add")
def add(
    *,
    app_id: Annotated[str, typer.Option(help="The workspace's id at Intercom.", show_default=False)],
    access_token: Annotated[
        str, typer.Option(help="Intercom's access token; - reads it from stdin.", show_default=False)
    ],
    region: Annotated[
        Region | None, typer.Option(help="Where its data is kept.", show_default="as Intercom says")
    ] = None,
    name: Annotated[str | None, typer.Option(help="What you call it.", show_default="as Intercom says")] = None,
    watching: Annotated[bool, typer.Option("--watching", help="Map and show its events, send nothing yet.")] = False,
    json: Json = False,
) -> None:
    """Add a workspace, or give one that is there a new token. The token is checked if Intercom answers."""
    from connector.cli.session import run
    from connector.cli.token_check import Checked, check
    from connector.workspaces import store
    from connector.workspaces.store import Installation

    token = _one_word(secret(access_token, "--access-token") or "", "--access-token")
    _one_word(app_id, "--app-id")

    async def work(session: Session) -> tuple[Workspace, Checked]:
        checked = await check(session.settings, app_id, token, region)
        new = Installation(
            app_id,
            token,
            mode=Mode.WATCHING if watching else Mode.LIVE,
            region=region or checked.region or Region.US,
            name=name or checked.name,
            time_zone=checked.time_zone or "UTC",
        )
        added = await session.database.transact(store.add, session.vault, new, now=session.now)
        await audited(session, added.id, "workspaces.add", mode=added.mode)
        return added, checked

    workspace, checked = run(work)
    if checked.remark:
        remark(checked.remark)
    show_item({**document(workspace), "verified": checked.verified}, as_json=json)


@app.command("list")
def list_workspaces(*, limit: Limit = 50, cursor: Cursor = None, json: Json = False) -> None:
    """Workspaces in the order in which they were added."""
    from connector.cli.session import run
    from connector.workspaces import store

    after = pages.after_id(cursor)

    async def work(session: Session) -> Page:
        found = await session.database.read(store.page, session.vault, removed=False, limit=limit + 1, after=after)
        return pages.cut(found, limit, document, lambda workspace: str(workspace.id))

    empty = "there is no workspace yet. Add one: connector workspaces add --app-id ID --access-token TOKEN"
    show_page(run(work), as_json=json, columns=COLUMNS, empty=empty)


@app.command("show")
def show(app_id: AppId, *, json: Json = False) -> None:
    """One workspace and its endpoints."""
    from connector.cli.endpoints import document as endpoint_document
    from connector.cli.session import run
    from connector.workspaces import endpoints

    async def work(session: Session) -> dict[str, Any]:
        found = await session.workspace(app_id)
        theirs = await session.database.read(endpoints.page, session.vault, workspace_id=found.id, removed=False)
        return {**document(found), "endpoints": [endpoint_document(endpoint, app_id) for endpoint in theirs]}

    show_item(run(work), as_json=json)


@app.command("setup-link")
def setup_link(
    app_id: AppId,
    *,
    minutes: Annotated[int, typer.Option(min=1, max=1440, help="How long the link is good.")] = 60,
    json: Json = False,
) -> None:
    """Print a link that opens the workspace's set-up pages once. Give it to nobody but its admin."""
    from connector.appstore import links
    from connector.cli.session import run

    async def work(session: Session) -> dict[str, Any]:
        found = await session.workspace(app_id)
        actor = "link from the command line"
        lifetime = minutes * 60_000
        link = links.make(session.vault, found.id, actor=actor, now=session.now, lifetime_ms=lifetime)
        url = f"{session.settings.public_url}/setup/enter/{link}"
        return {"app_id": app_id, "url": url, "expires_at": moment(session.now + lifetime)}

    show_item(run(work), as_json=json)


@app.command("remove")
def remove(app_id: AppId, *, json: Json = False) -> None:
    """Forget its secrets and its endpoints' and deliver nothing more. What it received stays, should it come back."""
    from connector.cli.session import run
    from connector.workspaces import store

    async def work(session: Session) -> Workspace:
        found = await session.workspace(app_id)
        await session.database.transact(store.remove, found.id, now=session.now)
        await audited(session, found.id, "workspaces.remove")
        return await session.database.read(store.get, session.vault, found.id)

    show_item(document(run(work)), as_json=json)


def document(workspace: Workspace) -> dict[str, Any]:
    """A workspace as commands show it: of its token only whether there is one."""
    return {
        "id": workspace.id,
        "app_id": workspace.app_id,
        "name": workspace.name,
        "region": workspace.region,
        "mode": workspace.mode,
        "mode_reason": workspace.mode_reason,
        "time_zone": workspace.time_zone,
        "language": workspace.language,
        "access_token": "set" if workspace.token else None,
        "created_at": moment(workspace.created_at),
        "updated_at": moment(workspace.updated_at),
    }


def _one_word(text: str, option: str) -> str:
    """`text`, which goes into headers and columns: printable ASCII without spaces. Raises UsageError."""
    if not (0 < len(text) <= 255 and text.isascii() and text.isprintable() and " " not in text):
        raise UsageError(f"{option} takes 1 … 255 printable characters without spaces")
    return text

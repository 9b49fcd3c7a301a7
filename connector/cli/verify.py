"""`connector verify`: does Intercom hold what it accepted?"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from connector.cli import completion
from connector.cli.moments import moment_of
from connector.cli.options import Json
from connector.cli.output import print_json, progress, remark, show_item, table
from connector.errors import ConnectorError

if TYPE_CHECKING:
    from connector.cli.session import Session
    from connector.outbox.delivery import Delivery
    from connector.sync.verify import Verification
    from connector.workspaces.store import Workspace

DIFFERS = 1
WEEK_MS = 7 * 86_400_000


class VerifyError(ConnectorError):
    """Intercom cannot be asked."""


def register(app: typer.Typer) -> None:
    """Add the command to the root."""
    app.command()(verify)


def verify(
    *,
    workspace: Annotated[
        str,
        typer.Option(
            metavar="APP_ID",
            help="The workspace's id at Intercom.",
            show_default=False,
            autocompletion=completion.workspaces,
        ),
    ],
    sample: Annotated[int, typer.Option(min=1, max=10_000, help="How many deliveries to look up, by chance.")] = 50,
    since: Annotated[
        str | None,
        typer.Option(metavar="WHEN", help="Only what was delivered since: 7d, 24h, 30m, or a date.", show_default="7d"),
    ] = None,
    contact: Annotated[
        str | None,
        typer.Option(
            metavar="KIND:VALUE", help="All of this contact's: user_id:…, email:… or id:….", show_default=False
        ),
    ] = None,
    grace: Annotated[
        int, typer.Option(min=0, max=86_400, help="Seconds for which a delivery may not be listed yet: left out.")
    ] = 600,
    json: Json = False,
) -> None:
    """Read delivered events back from Intercom and say which are missing, doubled or altered; exit 1 on any."""
    from connector.cli.choosing import contact_of
    from connector.cli.session import run

    who = None if contact is None else contact_of(contact)

    async def work(session: Session) -> Verification:
        from connector.sync import verify as verifying

        found = await session.workspace(workspace)
        start = moment_of(since, session.now) if since else session.now - WEEK_MS
        until = session.now - grace * 1000
        read = session.database.read
        if who is not None:
            asked = await read(verifying.of_contact, found.id, who, until=until)
            asked = [each for each in asked if since is None or (each.delivered_at or 0) >= (start or 0)]
        else:
            asked = await read(verifying.sample, found.id, size=sample, since=start or 0, until=until)
        return await _verified(session, found, asked)

    result = run(work)
    _show(result, workspace, as_json=json)
    if result.differences or result.why_not:
        raise typer.Exit(DIFFERS)


async def _verified(session: Session, workspace: Workspace, asked: list[Delivery]) -> Verification:
    from connector.intercom.client import IntercomClient, base_url, make_session
    from connector.outbox.matching import Trouble
    from connector.sync.verify import Verification, Verifier

    result, override = Verification(len(asked)), session.settings.intercom_api_url
    async with make_session(2) as http:
        client = IntercomClient(
            http, version=session.settings.intercom_version, base_url_for=lambda region: override or base_url(region)
        )
        verifier = Verifier(session.database, client, workspace, lambda: session.now)
        with progress("Asking Intercom", total=len(asked)) as advance:
            try:
                async for checked in verifier.verify(asked):
                    result.add(checked)
                    advance(checked.deliveries)
            except Trouble as trouble:
                result.why_not = trouble.why
    if result.why_not is not None and not result.differences and not result.checked:
        raise VerifyError(result.why_not)
    return result


def document(result: Verification, workspace: str) -> dict[str, Any]:
    """As --json shows it."""
    return {
        "workspace": workspace,
        "asked": result.asked,
        "checked": result.checked,
        "as_sent": result.as_sent,
        "contact_gone": result.unchecked,
        "seen": result.seen,
        "differences": [
            {"delivery": each.delivery, "what": each.what.value, "detail": each.detail} for each in result.differences
        ],
        "stopped": result.why_not,
    }


def _show(result: Verification, workspace: str, *, as_json: bool) -> None:
    shown = document(result, workspace)
    if as_json:
        print_json(shown)
        return
    differences = shown.pop("differences")
    show_item(shown, as_json=False)
    if differences:
        table(differences, ("delivery", "what", "detail"))
        remark("`connector deliveries show ID` tells the story of one")
    if not result.asked:
        remark("nothing was delivered in that time")

"""`connector alerts`: what somebody should look at, what to do about it, and whether it is passed on."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from connector.cli import pages
from connector.cli.options import Cursor, Json, Limit, OfWorkspace
from connector.cli.output import Page, moment, print_json, remark, say, show_item, show_page
from connector.errors import UsageError

if TYPE_CHECKING:
    from connector.cli.session import Session
    from connector.outbox.alerts import Recorded

app = typer.Typer(help="What somebody should look at, and what to do about it.")
COLUMNS = ("opened_at", "workspace", "kind", "subject", "detail", "remedy")


@app.command("list")
def list_alerts(
    *,
    workspace: OfWorkspace = None,
    all_: Annotated[bool, typer.Option("--all", help="Also those that are over.")] = False,
    limit: Limit = 50,
    cursor: Cursor = None,
    json: Json = False,
) -> None:
    """What is open, the newest first: since when, why, and what to do about it."""
    from connector.cli.session import run
    from connector.outbox import alerts

    skip = pages.after_id(cursor)

    async def work(session: Session) -> Page:
        only, app_ids = await session.workspace_id(workspace), await session.app_ids()
        found = await session.database.read(alerts.page, only, closed=all_, skip=skip, limit=limit + 1)
        return pages.cut(found, limit, lambda each: _document(each, app_ids), lambda _: str(skip + limit))

    columns = (*COLUMNS, "closed_at") if all_ else COLUMNS
    show_page(run(work), as_json=json, columns=columns, empty="nothing needs looking at")


def _document(recorded: Recorded, app_ids: dict[int, str]) -> dict[str, Any]:
    from connector.alarms.kinds import meaning

    alert, known = recorded.alert, meaning(recorded.alert.kind)
    return {
        "workspace": app_ids.get(alert.workspace_id),
        "kind": alert.kind,
        "subject": alert.subject,
        "detail": alert.detail,
        "what": known.what,
        "remedy": known.remedy,
        "opened_at": moment(alert.opened_at),
        "closed_at": moment(recorded.closed_at),
    }


@app.command("close")
def close(
    kind: Annotated[str, typer.Argument(metavar="KIND", help="As `list` shows it.", show_default=False)],
    subject: Annotated[str, typer.Argument(metavar="SUBJECT", help="As `list` shows it.")] = "",
    *,
    workspace: OfWorkspace = None,
    json: Json = False,
) -> None:
    """Close an alert that has been dealt with; what is still so opens it again. Without --workspace: the service's."""
    from connector.cli.acting import audited
    from connector.cli.session import run
    from connector.outbox import alerts

    async def work(session: Session) -> bool:
        only = await session.workspace_id(workspace) or alerts.THE_SERVICE
        done = await session.database.transact(alerts.close_alert, only, kind, subject, now=session.now)
        if done:
            await audited(session, only, "alerts.close", kind=kind, subject=subject)
        return done

    closed = run(work)
    show_item({"workspace": workspace, "kind": kind, "subject": subject, "closed": closed}, as_json=json)
    if not closed:
        remark("no such alert is open: connector alerts list")


@app.command("test")
def send_test(*, json: Json = False) -> None:
    """Send a test alert to the webhook and the mail addresses that are set, and say how that went."""
    import asyncio

    from connector.alarms.sending import sinks
    from connector.alarms.webhook import SENT
    from connector.settings import load

    found = sinks(load())
    if not found:
        raise UsageError(
            "nothing is set that alerts go to: CONNECTOR_ALERT_WEBHOOK_URL and CONNECTOR_ALERT_WEBHOOK_SECRET, or "
            "CONNECTOR_ALERT_EMAIL_TO and CONNECTOR_SMTP_URL"
        )

    async def work() -> dict[str, str]:
        told = _test_message()
        return {each.name: await each.send(told) for each in found}

    outcomes = asyncio.run(work())
    show_item(outcomes, as_json=json)
    if any(outcome != SENT for outcome in outcomes.values()):
        raise typer.Exit(1)


def _test_message() -> Any:  # noqa: ANN401 - imported where it is needed
    from connector.alarms.message import message
    from connector.database.clock import wall
    from connector.outbox.alerts import THE_SERVICE, Alert

    return message(Alert(THE_SERVICE, "test", "", "This is a test: alerts arrive here.", wall()), None)


@app.command("new-secret")
def new_secret(*, json: Json = False) -> None:
    """Make a secret that alerts are signed with, for CONNECTOR_ALERT_WEBHOOK_SECRET and for who receives them."""
    import secrets
    from base64 import b64encode

    secret = f"whsec_{b64encode(secrets.token_bytes(32)).decode()}"
    if json:
        print_json({"secret": secret})
    else:
        say(secret)

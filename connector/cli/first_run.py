"""`connector workspaces watch|try|go-live|pause|resume|report`: the safe way to the first event, and a fast stop.

Each is seen by every process within a second: the mode is read where a lane is claimed.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated, Any

import typer

from connector.cli import acting
from connector.cli.acting import Manner, Summary, Yes, audited
from connector.cli.choosing import contact_of, time_of
from connector.cli.options import AppId, Json
from connector.cli.output import print_json, remark, say, show_item, table
from connector.cli.workspaces import document
from connector.workspaces.modes import Mode

if TYPE_CHECKING:
    from collections.abc import Iterable

    from connector.cli.session import Session
    from connector.outbox.report import Match, Report
    from connector.workspaces.store import Workspace


def register(app: typer.Typer) -> None:
    """Add these commands to `connector workspaces`."""
    for command in (watch, try_, go_live, pause, resume, report):
        app.command(command.__name__.rstrip("_").replace("_", "-"))(command)


def watch(app_id: AppId, *, json: Json = False) -> None:
    """Map and show what arrives from now on, and send nothing; what is not sent yet is held, too."""
    from connector.cli.session import run

    async def work(session: Session) -> tuple[Workspace, int]:
        found = await _set_mode(session, app_id, Mode.WATCHING)
        held = await _hold_due(session, found.id)
        await audited(session, found.id, "workspaces.watch", held=held)
        return found, held

    workspace, held = run(work)
    show_item(document(workspace) | {"held": held}, as_json=json)


def try_(
    app_id: AppId,
    *,
    contact: Annotated[
        list[str] | None,
        typer.Option(metavar="KIND:VALUE", help="Send to this contact: user_id:…, email:… or id:…. Can be repeated."),
    ] = None,
    remove: Annotated[
        list[str] | None, typer.Option(metavar="KIND:VALUE", help="Send to this contact no more. Can be repeated.")
    ] = None,
    json: Json = False,
) -> None:
    """Send to listed contacts only, and hold the rest. Without options: the list."""
    from connector.cli.session import run
    from connector.outbox.readiness import listing

    add, drop = ([listing(contact_of(text)) for text in texts or []] for texts in (contact, remove))

    async def work(session: Session) -> dict[str, Any]:
        from connector.workspaces import store

        found = await session.workspace(app_id)
        if not add and not drop:
            return document(found) | {"contacts": _listed(found)}
        listed = [each for each in dict.fromkeys([*_listed(found), *add]) if each not in drop]
        await session.database.transact(store.set_choice, found.id, "try_contacts", listed, now=session.now)
        if add:
            await _set_mode(session, app_id, Mode.TRYING)
        await audited(session, found.id, "workspaces.try", added=len(add), removed=len(drop), listed=len(listed))
        return document(await session.workspace(app_id)) | {"contacts": listed}

    shown = run(work)
    show_item(shown, as_json=json)
    if shown["mode"] != Mode.TRYING:
        remark(f"it is {shown['mode']}: the list counts while it is trying (--contact begins that)")
    elif not shown["contacts"]:
        remark("nobody is listed: nothing is sent")


def go_live(
    app_id: AppId,
    *,
    since: Annotated[
        str | None,
        typer.Option(
            "--from", metavar="TIME", help="Also send what was held of events since: 2026-11-26T06:00Z, 90m, 6h or 3d."
        ),
    ] = None,
    dry_run: acting.DryRun = False,
    rate: acting.Rate = None,
    yes: Yes = False,
    json: Json = False,
) -> None:
    """Send what arrives from now on; with --from also what was held of events since then. What is older stays held."""
    from connector.cli.session import run

    manner = Manner(yes, rate, dry_run, None, json)
    workspace, summary, left = run(lambda session: _go_live(session, app_id, since, manner))
    released = {"released": summary.done, "dry_run": dry_run, "still_held": left}
    show_item(document(workspace) | released, as_json=json)
    if not dry_run and (left or since is None):
        remark(f"what is held ({left:,}) can be sent, too: connector deliveries release --workspace {app_id}")


async def _go_live(session: Session, app_id: str, since: str | None, manner: Manner) -> tuple[Workspace, Summary, int]:
    from connector.cli.replays import do
    from connector.outbox import selection as sql
    from connector.outbox import verbs
    from connector.outbox.delivery import State
    from connector.outbox.selection import Selection

    found = await session.workspace(app_id)
    held = Selection(found.id, states=(State.HELD,), reasons=("watching", "not_listed"))
    start = time_of(since, "--from", session.now)
    summary = Summary("release", 0, dry_run=manner.dry_run)
    if start is not None:
        chosen = replace(held, happened_from=start // 1000)

        async def live_first() -> None:
            await _set_mode(session, app_id, Mode.LIVE)

        summary = await do(
            session, "release", verbs.release_behind, chosen, manner, said={"from": since}, agreed=live_first
        )
    if not manner.dry_run:
        found = await _set_mode(session, app_id, Mode.LIVE)
        await audited(session, found.id, "workspaces.go-live", since=since, released=summary.done)
    return found, summary, await session.database.read(sql.count, held)


def pause(app_id: AppId, *, json: Json = False) -> None:
    """Send nothing until it is resumed; what arrives is stored and waits."""
    from connector.cli.session import run

    async def work(session: Session) -> Workspace:
        found = await _set_mode(session, app_id, Mode.PAUSED)
        await audited(session, found.id, "workspaces.pause")
        return found

    show_item(document(run(work)), as_json=json)


def resume(app_id: AppId, *, json: Json = False) -> None:
    """Go on after a pause, or after Intercom refused the token and that was mended at Intercom."""
    from connector.cli.session import run
    from connector.workspaces import store

    async def work(session: Session) -> Workspace:
        found = await session.workspace(app_id)
        if await session.database.transact(store.resume, found, now=session.now):
            await audited(session, found.id, "workspaces.resume", was=found.mode)
        else:
            remark(f"{app_id} is {found.mode}: there is nothing to resume")
        return await session.workspace(app_id)

    show_item(document(run(work)), as_json=json)


def report(
    app_id: AppId,
    *,
    ask: Annotated[
        bool, typer.Option("--ask/--no-ask", help="Ask Intercom whom of the last 100 customers it knows.")
    ] = True,
    json: Json = False,
) -> None:
    """What it gets or would get: names and numbers of the last seven days, and whom Intercom knows."""
    from connector.cli.session import run

    found = run(lambda session: _report(session, app_id, ask=ask))
    if json:
        print_json(as_document(found))
    else:
        _print(found)


async def _report(session: Session, app_id: str, *, ask: bool) -> Report:
    from connector.outbox import report as reports

    found = await session.workspace(app_id)
    match = await _match(session, found) if ask else None
    return await session.database.read(reports.read, found.id, found.mode, now=session.now, match=match)


async def _match(session: Session, workspace: Workspace) -> Match:
    from connector.intercom.client import IntercomClient, base_url, make_session
    from connector.outbox import matching
    from connector.outbox import report as reports

    people = await session.database.read(reports.people, workspace.id)
    override = session.settings.intercom_api_url
    async with make_session(matching.AT_ONCE) as http:
        client = IntercomClient(
            http, version=session.settings.intercom_version, base_url_for=lambda region: override or base_url(region)
        )
        return await matching.match(session.database, client, workspace, people)


def as_document(found: Report) -> dict[str, Any]:
    """A report as --json shows it."""
    match = found.match
    return {
        "mode": found.mode,
        "days": [_day(day) for day in found.days],
        "names": [{"name": each.name, "per_day": list(each.per_day), "total": each.total} for each in found.volumes],
        "deliveries": [
            {"state": each.state, "reason": each.reason, "count": each.count, "what": each.what, "remedy": each.remedy}
            for each in found.standings
        ],
        "match": match
        and {
            "people": match.people,
            "matched": match.matched,
            "rate": match.rate,
            "by": dict(match.by),
            "unmatched": match.unmatched,
            "nameless": match.nameless,
            "unasked": match.unasked,
            "why_not": match.why_not,
        },
    }


def _print(found: Report) -> None:
    say(f"mode  {found.mode}\n")
    for line in _of_match(found.match):
        say(line)
    if found.volumes:
        days = [_day(day)[5:] for day in found.days]
        rows = [
            {"name": each.name, **dict(zip(days, each.per_day, strict=True)), "total": each.total}
            for each in found.volumes
        ]
        table(rows, ["name", *days, "total"])
    else:
        say("no event has been mapped in the last seven days")
    if found.standings:
        say("")
        rows = [
            {"deliveries": each.count, "state": each.state, "reason": each.reason, "what it means": each.what}
            for each in found.standings
        ]
        table(rows, list(rows[0]))


def _of_match(match: Match | None) -> Iterable[str]:
    if match is None or not match.people:
        return
    rate = "nobody was asked about" if match.rate is None else f"{match.rate:.0%}"
    by = ", ".join(f"{count} by {kind}" for kind, count in match.by)
    yield f"Intercom knows {match.matched} of the last {match.people} customers ({rate})" + (f": {by}" if by else "")
    if match.unmatched:
        yield f"  {match.unmatched} it does not know: their events wait until the contact appears"
    if match.nameless:
        yield f"  {match.nameless} are named by nothing that Intercom takes: their events wait until another one tells"
    if match.unasked:
        yield f"  {match.unasked} were not asked about: {match.why_not}"
    yield ""


def _day(day: int) -> str:
    return f"{datetime.fromtimestamp(day * 86_400, UTC):%Y-%m-%d}"


def _listed(workspace: Workspace) -> list[str]:
    return [str(each) for each in workspace.settings.get("try_contacts", ())]


async def _set_mode(session: Session, app_id: str, mode: Mode) -> Workspace:
    from connector.workspaces import store

    found = await session.workspace(app_id)
    if not await session.database.transact(store.set_mode, found.id, mode, now=session.now):
        remark(f"{app_id} is {mode} already")
    return await session.workspace(app_id)


async def _hold_due(session: Session, workspace_id: int) -> int:
    """Hold what was to be sent, in small transactions; how many that were."""
    from connector.outbox import first_run

    held = 0
    while some := await session.database.transact(
        first_run.hold_due, workspace_id, limit=acting.BATCH, now=session.database.clock.now()
    ):
        held += some
    return held

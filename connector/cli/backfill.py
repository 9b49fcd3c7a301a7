"""`connector backfill stripe|file`: bring in what happened before, behind what is live, as often as it takes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from connector.cli.options import Json
from connector.cli.output import moment, remark, show_item
from connector.errors import ConnectorError, UsageError

if TYPE_CHECKING:
    from connector.cli.session import Session
    from connector.sync.backfill import Progress, Runner, Stopped, StripeHistory
    from connector.sync.backfills import Backfill, Request
    from connector.workspaces.endpoints import Endpoint

app = typer.Typer(help="Bring in what happened before: from Stripe, or from files of Segment's.")

EndpointOption = Annotated[
    int | None,
    typer.Option("--endpoint", help="The endpoint's id; needed where the workspace has several.", show_default=False),
]
OfApp = Annotated[str, typer.Option("--workspace", metavar="APP_ID", help="The workspace's id.", show_default=False)]
Since = Annotated[
    str, typer.Option(help="From this time on: 2026-01-31, 2026-01-31T12:00Z, or 90d.", show_default=False)
]
Until = Annotated[str | None, typer.Option(help="Up to this time; now, unless given.", show_default=False)]
Types = Annotated[str | None, typer.Option(help="Only these, comma separated: invoice.paid.", show_default=False)]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Only count what there is; nothing is stored.")]
Rate = Annotated[float | None, typer.Option(min=0.01, help="At most so many events a second.", show_default=False)]
Consent = Annotated[
    bool,
    typer.Option(
        "--may-trigger-messages", help="Late events can set off automatic messages of the workspace's: that is known."
    ),
]
Afresh = Annotated[bool, typer.Option("--afresh", help="Begin anew instead of going on from where it was left.")]

WARNING = (
    "events that arrive late can set off automatic messages of the workspace's. "
    "If that is all right, say --may-trigger-messages; --dry-run only counts"
)


@app.command("stripe")
def from_stripe(
    *,
    workspace: OfApp,
    since: Since,
    until: Until = None,
    types: Types = None,
    endpoint: EndpointOption = None,
    rate: Rate = None,
    dry_run: DryRun = False,
    may_trigger_messages: Consent = False,
    afresh: Afresh = False,
    json: Json = False,
) -> None:
    """Bring in events of the last 30 days, and what Stripe's objects prove of the time before."""
    chosen = _Chosen("stripe", workspace, since, until, types, None, endpoint, rate, dry_run, afresh)
    _run(chosen, consent=may_trigger_messages, as_json=json)


@app.command("file")
def from_file(
    path: Annotated[str, typer.Argument(help="A file or a folder: a message a line, plain or gzip.")],
    *,
    workspace: OfApp,
    since: Annotated[str, typer.Option(help="From this time on; from the beginning, unless given.")] = "1970-01-02",
    until: Until = None,
    types: Types = None,
    endpoint: EndpointOption = None,
    rate: Rate = None,
    dry_run: DryRun = False,
    may_trigger_messages: Consent = False,
    afresh: Afresh = False,
    json: Json = False,
) -> None:
    """Bring in Segment's history from files, as its archive holds it."""
    chosen = _Chosen("file", workspace, since, until, types, path, endpoint, rate, dry_run, afresh)
    _run(chosen, consent=may_trigger_messages, as_json=json)


class _Chosen:
    """What the options say."""

    def __init__(
        self,
        source: str,
        workspace: str,
        since: str,
        until: str | None,
        types: str | None,
        path: str | None,
        endpoint: int | None,
        rate: float | None,
        dry_run: bool,
        afresh: bool,
    ) -> None:
        self.source, self.workspace, self.path, self.endpoint_id = source, workspace, path, endpoint
        self.rate, self.dry_run, self.afresh = rate, dry_run, afresh
        self.since, self.until = instant(since), instant(until) if until else None
        self.types = tuple(each.strip() for each in types.split(",") if each.strip()) if types else ()
        if self.until is not None and self.until < self.since:
            raise UsageError("--until is before --since")

    async def endpoint(self, session: Session) -> Endpoint:
        """The endpoint whose history it is. Raises UsageError."""
        from connector.workspaces import endpoints

        workspace = await session.workspace(self.workspace)
        kind = "stripe" if self.source == "stripe" else "segment"
        every = await session.database.read(
            endpoints.page, session.vault, workspace_id=workspace.id, removed=False, limit=1000
        )
        found = [each for each in every if each.source == kind and self.endpoint_id in (None, each.id)]
        if not found:
            raise UsageError(f"{self.workspace} has no such {kind} endpoint: `connector endpoints list` shows them")
        if len(found) > 1:
            ids = ", ".join(str(each.id) for each in found)
            raise UsageError(f"{self.workspace} has several {kind} endpoints ({ids}): choose one with --endpoint")
        if kind == "stripe" and not found[0].restricted_key:
            raise UsageError("the endpoint has no restricted key to ask Stripe with: endpoints add --restricted-key")
        return found[0]

    def request(self, endpoint: Endpoint) -> Request:
        from connector.sync.backfills import Request

        return Request(endpoint.workspace_id, endpoint.id, self.source, self.since, self.until, self.types, self.path)


def instant(text: str) -> int:
    """A date, a time or an age (90d, 12h) as Unix seconds. Raises UsageError."""
    import re
    import time
    from datetime import UTC, datetime

    if match := re.fullmatch(r"(\d{1,6})([dh])", text):
        unit = {"d": 86_400, "h": 3_600}[match[2]]
        return (int(time.time()) // unit - int(match[1])) * unit  # the same all day long: the same command is one wish
    try:
        found = datetime.fromisoformat(text)
        return max(0, int((found if found.tzinfo else found.replace(tzinfo=UTC)).timestamp()))
    except (ValueError, OverflowError):
        raise UsageError(f"{text!r} is no time: write 2026-01-31, 2026-01-31T12:00Z, or an age such as 90d") from None


def _run(chosen: _Chosen, *, consent: bool, as_json: bool) -> None:
    from connector.cli.session import run

    show_item(run(lambda session: _backfill(session, chosen, consent=consent)), as_json=as_json)


async def _backfill(session: Session, chosen: _Chosen, *, consent: bool) -> dict[str, Any]:
    from connector.cli import todays
    from connector.stripe_api.client import StripeApi

    endpoint = await chosen.endpoint(session)
    catalog = await todays.catalog(session)
    async with StripeApi(base_url=session.settings.stripe_api_url).opened() as api:
        from connector.sync.backfill import FileHistory, StripeHistory, safe_types
        from connector.sync.wanted_types import wanted_types

        request = chosen.request(endpoint)
        history = (
            FileHistory(request)
            if chosen.source == "file"
            else StripeHistory(
                api,
                endpoint.restricted_key or "",
                request,
                chosen.types or wanted_types(catalog),
                safe_types(catalog, chosen.types),
            )
        )
        if chosen.dry_run or not consent:
            counted = await _counted(session, endpoint, history)
            if not chosen.dry_run:
                remark(f"there are {counted['new']} new events of {counted['events']}")
                raise UsageError(WARNING)
            return counted
        return await _taken_in(session, chosen, endpoint, history)


async def _counted(session: Session, endpoint: Endpoint, history: StripeHistory | Any) -> dict[str, Any]:  # noqa: ANN401
    """How many events there are by type, and how many of them are not here yet."""
    import dataclasses
    from collections import Counter

    from connector.inbox.arrivals import Arrival, new_among
    from connector.sync.backfill import Stopped

    by_type: Counter[str] = Counter()
    new = skipped = 0
    request = history.request
    if request.until is None:
        history = dataclasses.replace(history, request=dataclasses.replace(request, until=session.now // 1000))
    async for portion in history.portions(None):
        if isinstance(portion, Stopped):
            raise ConnectorError(_why(portion))
        by_type.update(each.type for each in portion.events)
        skipped += portion.skipped
        arrivals = [Arrival(endpoint.workspace_id, endpoint.id, endpoint.stream, each, 0) for each in portion.events]
        new += len(await session.database.read(new_among, arrivals)) if arrivals else 0
    shown = dict(sorted(by_type.items()))
    return {"dry_run": True, "events": sum(by_type.values()), "new": new, "skipped": skipped, "by_type": shown}


async def _taken_in(
    session: Session,
    chosen: _Chosen,
    endpoint: Endpoint,
    history: StripeHistory | Any,  # noqa: ANN401
) -> dict[str, Any]:
    import asyncio
    import dataclasses

    from connector.database.clock import wall
    from connector.sync import backfills
    from connector.sync.backfill import Runner, Stopped, retry_at

    begun = await session.database.transact(backfills.begin, history.request, now=session.now, afresh=chosen.afresh)
    if begun.cursor is not None:
        remark(f"going on from where it was left: {begun.read} events read, {begun.new} of them new")
    history = dataclasses.replace(history, request=dataclasses.replace(history.request, until=begun.request.until))
    runner = Runner(
        session.database, endpoint, dataclasses.replace(begun, request=chosen.request(endpoint)), chosen.rate
    )
    tries = 0
    with _bar(runner):
        while isinstance(ended := await runner.run(history.portions(begun.cursor)), Stopped):
            at, tries = retry_at(ended), tries + 1
            if at is None or tries > 10:
                raise ConnectorError(f"{_why(ended)}. The same command goes on from here")
            await asyncio.sleep(max(1.0, (at - wall()) / 1000))
            begun = await session.database.transact(backfills.begin, runner.backfill.request, now=session.now)
    return document(ended)


def _bar(runner: Runner) -> Any:  # noqa: ANN401 - a context manager
    """A progress bar on stderr, with rate and time left; nothing where nobody looks."""
    from rich.console import Console
    from rich.progress import BarColumn, TaskProgressColumn, TextColumn, TimeRemainingColumn
    from rich.progress import Progress as Bar

    console = Console(stderr=True)
    columns = (BarColumn(), TaskProgressColumn(), TextColumn("{task.fields[said]}"), TimeRemainingColumn())
    bar = Bar(*columns, console=console, transient=True, disable=not console.is_terminal)
    task = bar.add_task("backfill", total=1.0, said="")

    def show(progress: Progress) -> None:
        said = f"{progress.read} read, {progress.new} new, {_rate(bar, task, progress)}/s"
        if progress.ahead is not None:
            said = f"{progress.new} new; waiting for the service to deliver some of {progress.ahead}"
        bar.update(task, completed=progress.position, said=said)

    runner.show = show
    return bar


def _rate(bar: Any, task: Any, progress: Progress) -> int:  # noqa: ANN401 - rich's own
    elapsed = bar.tasks[task].elapsed or 0
    return round(progress.read / elapsed) if elapsed > 1 else progress.read


def _why(stopped: Stopped) -> str:
    from connector.stripe_api.answers import Refused, TryLater

    match stopped.why:
        case Refused(reason, words, permission):
            return f"Stripe refuses: {permission or reason}: {words}"
        case TryLater(at, why):
            return f"Stripe does not answer ({why}) until {moment(at)}"
        case _:
            return "Stripe knows no such list"


def document(backfill: Backfill) -> dict[str, Any]:
    """A backfill as commands show it."""
    request = backfill.request
    return {
        "source": request.source,
        "endpoint": request.endpoint_id,
        "since": moment(request.since * 1000),
        "until": moment(request.until * 1000) if request.until else None,
        "types": list(request.types),
        "path": request.path,
        "state": backfill.state.value,
        "read": backfill.read,
        "new": backfill.new,
        "skipped": backfill.skipped,
        "started_at": moment(backfill.started_at),
        "updated_at": moment(backfill.updated_at),
        "finished_at": moment(backfill.finished_at),
    }

"""`connector backfill stripe|file`: bring in what happened before, behind what is live, as often as it takes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from connector.cli.options import Json
from connector.cli.output import moment, remark, show_item
from connector.errors import UsageError

if TYPE_CHECKING:
    from connector.cli.session import Session
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
Summaries = Annotated[
    bool,
    typer.Option(
        "--summaries", help="What is older than 89 days goes to Intercom in counts (event summaries), not as events."
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
    summaries: Summaries = False,
    afresh: Afresh = False,
    json: Json = False,
) -> None:
    """Bring in events of the last 30 days, and what Stripe's objects prove of the time before."""
    chosen = _Chosen("stripe", workspace, since, until, types, None, endpoint, rate, dry_run, afresh, summaries)
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
    summaries: Summaries = False,
    afresh: Afresh = False,
    json: Json = False,
) -> None:
    """Bring in Segment's history from files, as its archive holds it."""
    chosen = _Chosen("file", workspace, since, until, types, path, endpoint, rate, dry_run, afresh, summaries)
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
        summaries: bool,
    ) -> None:
        self.source, self.workspace, self.path, self.endpoint_id = source, workspace, path, endpoint
        self.rate, self.dry_run, self.afresh, self.summaries = rate, dry_run, afresh, summaries
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

        return Request(
            endpoint.workspace_id,
            endpoint.id,
            self.source,
            self.since,
            self.until,
            self.types,
            self.path,
            self.summaries,
        )


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
    from connector.cli import taking_in, todays
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
            counted = await taking_in.counted(session, endpoint, history)
            if not chosen.dry_run:
                remark(f"there are {counted['new']} new events of {counted['events']}")
                if counted["older_than_89_days"]:
                    remark(taking_in.about_old(counted["older_than_89_days"], as_counts=chosen.summaries))
                raise UsageError(WARNING)
            return counted
        how = taking_in.How(chosen.rate, chosen.afresh)
        return await taking_in.taken_in(session, how, endpoint, history)


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
        "position": backfill.position,
        "read": backfill.read,
        "new": backfill.new,
        "skipped": backfill.skipped,
        "as_summaries": request.summaries,
        "summaries": backfill.summaries,
        "summarised": backfill.summarised,
        "started_at": moment(backfill.started_at),
        "updated_at": moment(backfill.updated_at),
        "finished_at": moment(backfill.finished_at),
        "taken_in_by": backfill.holder_name,
    }

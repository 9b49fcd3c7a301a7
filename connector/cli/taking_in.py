"""The work of `connector backfill`: counting what there is, or taking it in, alone, with a bar that shows it."""

from __future__ import annotations

import asyncio
import dataclasses
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import AbstractAsyncContextManager, contextmanager, nullcontext
from dataclasses import dataclass
from typing import Any, TypeAlias

from connector.cli.backfill import document
from connector.cli.output import moment, progress_console, remark
from connector.cli.session import Session
from connector.database.clock import wall
from connector.errors import ConnectorError
from connector.inbox.arrivals import Arrival, new_among
from connector.intercom.client import IntercomClient, base_url, make_session
from connector.outbox import history as deliveries_of
from connector.outbox import summaries
from connector.outbox.delivery import State
from connector.stripe_api.answers import Refused, TryLater
from connector.sync import backfills, hold
from connector.sync.backfill import FileHistory, Progress, Runner, Stopped, StripeHistory, is_old, retry_at
from connector.sync.backfills import Backfill, Taken
from connector.sync.hold import Hold
from connector.sync.proof import GRACE_MS
from connector.sync.summarise import Summarised, Summariser
from connector.workspaces import store as workspaces
from connector.workspaces.endpoints import Endpoint

History: TypeAlias = StripeHistory | FileHistory
Show: TypeAlias = Callable[[Progress | Summarised], None]
LONG_S = 10.0
"""After which somebody who waits is told for what, where there is no bar to see."""


class Busy(ConnectorError):
    """Another command takes in the same history now."""


@dataclass(frozen=True, slots=True)
class How:
    """`rate`: the most events a second; `afresh`: from the beginning, whatever was done before."""

    rate: float | None
    afresh: bool


async def counted(session: Session, endpoint: Endpoint, history: History) -> dict[str, Any]:
    """How many events there are by type, how many of them are not here yet, and how many Intercom lists no more."""
    by_type: Counter[str] = Counter()
    new = skipped = old = 0
    request = history.request
    if request.until is None:
        history = dataclasses.replace(history, request=dataclasses.replace(request, until=session.now // 1000))
    async for portion in history.portions(None):
        if isinstance(portion, Stopped):
            raise ConnectorError(_why(portion))
        by_type.update(each.type for each in portion.events)
        skipped += portion.skipped
        old += sum(is_old(each, began=session.now) for each in portion.events)
        arrivals = [Arrival(endpoint.workspace_id, endpoint.id, endpoint.stream, each, 0) for each in portion.events]
        new += len(await session.database.read(new_among, arrivals)) if arrivals else 0
    return {
        "dry_run": True,
        "events": sum(by_type.values()),
        "new": new,
        "skipped": skipped,
        "older_than_89_days": old,
        "by_type": dict(sorted(by_type.items())),
    }


def about_old(number: int, *, as_counts: bool) -> str:
    """What becomes of what is old."""
    how = "go to Intercom in counts" if as_counts else "go there one by one; --summaries sends counts of them instead"
    return f"{number} of them are older than Intercom lists (89 days) and {how}"


async def taken_in(session: Session, how: How, endpoint: Endpoint, history: History) -> dict[str, Any]:
    """Take it in to its end, unless another command is at it. Raises Busy, Lost, SummariesStopped, ConnectorError."""
    holder = hold.new_holder()
    name, now = f"{session.actor}, {hold.name_of(holder)}", session.database.clock.now()
    begun = await session.database.transact(
        backfills.take, history.request, holder, name, now=now, is_gone=hold.is_gone, afresh=how.afresh
    )
    if isinstance(begun, Taken):
        raise Busy(_busy(begun))
    if begun.cursor is not None:
        remark(f"going on from where it was left: {begun.read} events read, {begun.new} of them new")
    asked = dataclasses.replace(begun, request=history.request)
    told = dataclasses.replace(history, request=dataclasses.replace(history.request, until=begun.request.until))
    async with hold.Hold(session.database, history.request, holder) as held:
        with _bar() as show:
            runner = Runner(session.database, endpoint, asked, how.rate, show=show, check=held.check)
            async with _summarising(session, runner, held, show):
                ended = await _to_its_end(session, runner, told, begun)
    ended = dataclasses.replace(ended, holder_name=None)  # as it is left
    return document(ended) | await _not_counted(session, ended)


def _busy(taken: Taken) -> str:
    what = "this backfill" if taken.same else "another backfill with --summaries"
    return (
        f"{what} is being taken in by {taken.by}: {taken.backfill.read} events read so far. Wait for it, or end it "
        "there and say this again, which goes on from where it was. "
        f"Should it have been killed, it is free at {moment(taken.until)}"
    )


async def _to_its_end(session: Session, runner: Runner, history: History, begun: Backfill) -> Backfill:
    tries, cursor = 0, begun.cursor
    while isinstance(ended := await runner.run(history.portions(cursor)), Stopped):
        at, tries = retry_at(ended), tries + 1
        if at is None or tries > 10:
            raise ConnectorError(f"{_why(ended)}. The same command goes on from here")
        await asyncio.sleep(max(1.0, (at - wall()) / 1000))
        again = await session.database.transact(backfills.begin, runner.backfill.request, now=session.now)
        cursor = again.cursor
    return ended


def _summarising(session: Session, runner: Runner, held: Hold, show: Show) -> AbstractAsyncContextManager[object]:
    """A way to Intercom, for as long as the backfill runs, where counts were asked for."""
    if not runner.backfill.request.summaries:
        return nullcontext()
    http, override = make_session(2), session.settings.intercom_api_url
    client = IntercomClient(
        http, version=session.settings.intercom_version, base_url_for=lambda region: override or base_url(region)
    )

    async def summarise() -> None:
        workspace = await session.database.read(workspaces.get, session.vault, runner.endpoint.workspace_id)
        request = runner.backfill.request
        sender = Summariser(session.database, client, workspace, request, wall, check=held.check, show=show)
        await sender.run()
        if sender.waits:
            raise ConnectorError(_still_out(sender.waits))

    runner.summarise = summarise
    return http


def _still_out(number: int) -> str:
    at = moment(wall() + GRACE_MS)
    return (
        f"{number} counts got no answer, and Intercom does not show them yet: they may still appear. Say the same "
        f"command after {at}: it asks again, and sends only what surely did not arrive"
    )


async def _not_counted(session: Session, ended: Backfill) -> dict[str, Any]:
    """Of what was to be counted, how many deliveries are held, by why."""
    if not ended.request.summaries:
        return {}
    found = await session.database.read(deliveries_of.count_by_reason, ended.request.workspace_id, [State.HELD])
    reasons = (summaries.NO_USER, summaries.REFUSED, summaries.IN_DOUBT)
    held = {reason: found[State.HELD.value, reason] for reason in reasons if (State.HELD.value, reason) in found}
    for reason, count in held.items():
        remark(f"{count} deliveries are held: {reason}. `connector deliveries list --state held --reason {reason}`")
    return {"not_counted": held}


@contextmanager
def _bar() -> Iterator[Show]:
    """A progress bar on stderr, with rate and time left; where nobody looks, a remark when it has to wait for long."""
    from rich.progress import BarColumn, TaskProgressColumn, TextColumn, TimeRemainingColumn
    from rich.progress import Progress as Bar

    console = progress_console()
    columns = (BarColumn(), TaskProgressColumn(), TextColumn("{task.fields[said]}"), TimeRemainingColumn())
    bar = Bar(*columns, console=console, transient=True, disable=not console.is_terminal)
    task, waiting = bar.add_task("backfill", total=1.0, said=""), list[float]()

    def show(progress: Progress | Summarised) -> None:
        elapsed = bar.tasks[task].elapsed or 0
        bar.update(task, completed=getattr(progress, "position", 1.0), said=said(progress, elapsed))
        if getattr(progress, "to_map", None) is None:
            return
        waiting.append(time.monotonic())
        if not console.is_terminal and waiting[-1] - waiting[0] > LONG_S:
            remark(said(progress, elapsed))
            waiting[0] = float("inf")

    with bar:
        yield show


def said(progress: Progress | Summarised, elapsed: float) -> str:
    """What a bar says; `elapsed` in seconds."""
    match progress:
        case Summarised(sent, deliveries):
            return f"{sent} counts of {deliveries} events sent"
        case Progress(to_map=int(number)):
            return f"waiting for the service to map {number}: is `connector serve` running?"
        case Progress(ahead=int(number)):
            return f"{progress.new} new; waiting for the service to deliver some of {number}"
    rate = round(progress.read / elapsed) if elapsed > 1 else progress.read
    return f"{progress.read} read, {progress.new} new, {rate}/s"


def _why(stopped: Stopped) -> str:
    match stopped.why:
        case Refused(reason, words, permission):
            return f"Stripe refuses: {permission or reason}: {words}"
        case TryLater(at, why):
            return f"Stripe does not answer ({why}) until {moment(at)}"
        case _:
            return "Stripe knows no such list"

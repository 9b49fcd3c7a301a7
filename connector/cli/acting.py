"""Doing something to all that an operator has chosen: a preview, a question, small batches at a rate, a summary.

It can be stopped at any moment and given again: what was done no longer is what was chosen, or is found done.
"""

from __future__ import annotations

import asyncio
import sys
import time
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Annotated, Any, TypeAlias, TypeVar

import typer

from connector.cli.output import print_json, remark, say, table
from connector.errors import UsageError

if TYPE_CHECKING:
    from connector.cli.session import Session

T = TypeVar("T")

BATCH = 100
SHOWN = 1000
"""Results that are told one by one."""

Yes = Annotated[bool, typer.Option("--yes", help="Do it to all of them without asking.")]
Rate = Annotated[
    int | None, typer.Option("--rate", min=1, max=100_000, help="At most so many a second.", show_default=False)
]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Only show what would be done.")]
Most = Annotated[
    int | None, typer.Option("--limit", min=1, help="To so many of them at most.", show_default="all of them")
]


@dataclass(frozen=True, slots=True)
class Manner:
    """How it is to be done."""

    yes: bool = False
    rate: int | None = None
    dry_run: bool = False
    limit: int | None = None
    as_json: bool = False

    @property
    def batch(self) -> int:
        """What goes into one transaction: a second's worth at most."""
        return min(BATCH, self.rate or BATCH)


Id: TypeAlias = tuple[int, bytes]
"""(workspace, key): the order in which much is gone through."""


async def pages(
    read: Callable[[Id, int], Awaitable[Sequence[T]]], place: Callable[[T], Id], manner: Manner, *, start: Id
) -> AsyncIterator[Sequence[T]]:
    """All of them in small pages, the next read once the one before is worked off; no more than `manner` allows.

    `read` takes after which id, and how many; `place` says the id of one.
    """
    last, left = start, manner.limit
    while left is None or left > 0:
        size = manner.batch if left is None else min(manner.batch, left)
        page = await read(last, size)
        if not page:
            return
        yield page
        last, left = place(page[-1]), None if left is None else left - len(page)


@dataclass(frozen=True, slots=True)
class Preview:
    """What is about to happen to how many; `rows` are counts for a table, `warnings` what to think of first."""

    action: str
    what: str
    matched: int
    rows: Sequence[Mapping[str, Any]]
    warnings: Sequence[str] = ()


@dataclass
class Summary:
    """What came of it. `items` are the first results, each with `done` and, where not, `why`."""

    action: str
    matched: int
    dry_run: bool = False
    done: int = 0
    interrupted: bool = False
    how: Counter[str] = field(default_factory=Counter)
    refused: Counter[str] = field(default_factory=Counter)
    items: list[Mapping[str, Any]] = field(default_factory=list)

    def add(self, results: Sequence[Mapping[str, Any]]) -> None:
        """Count some results."""
        for each in results:
            self.done += bool(each["done"])
            self.how.update([each["how"]] if each.get("how") else [])
            self.refused.update([each["why"]] if each.get("why") else [])
        self.items += results[: SHOWN - len(self.items)]

    @property
    def document(self) -> dict[str, Any]:
        """As --json shows it."""
        return {
            "action": self.action,
            "dry_run": self.dry_run,
            "matched": self.matched,
            "done": self.done,
            "how": dict(self.how),
            "refused": [{"why": why, "count": count} for why, count in self.refused.most_common()],
            "interrupted": self.interrupted,
            "items": self.items,
            "next": None,
        }


def agree(preview: Preview, manner: Manner) -> bool:
    """Show what is about to happen; whether it is to. Raises UsageError where nobody can be asked, or typer.Abort."""
    asks = preview.matched > 1 and not manner.yes
    if not manner.as_json and (asks or manner.dry_run) and preview.rows:
        table(preview.rows, list(preview.rows[0]))
    for warning in preview.warnings:
        remark(f"note: {warning}")
    if manner.dry_run or not preview.matched:
        return False
    if asks and not (sys.stdin.isatty() and sys.stderr.isatty()):
        raise UsageError(
            f"that is {preview.matched:,} {preview.what}, and there is no terminal to ask at: add --yes to "
            f"{preview.action} them all, or --dry-run to see them"
        )
    return not asks or typer.confirm(f"{preview.action} {preview.matched:,} {preview.what}?", err=True, abort=True)


Batches = AsyncIterator[Sequence[Any]]
Do = Callable[[Sequence[Any]], Awaitable[Sequence[Mapping[str, Any]]]]


async def act(batches: Batches, do: Do, summary: Summary, manner: Manner) -> Summary:
    """`do` it to each batch, and count what came of it. Ctrl-C ends it between two batches, with a summary."""
    with _progress(summary.matched) as advance:
        try:
            async for batch in batches:
                started = time.monotonic()
                summary.add(await do(batch))
                advance(len(batch))
                if manner.rate:
                    await asyncio.sleep(max(0.0, len(batch) / manner.rate - (time.monotonic() - started)))
        except asyncio.CancelledError:
            summary.interrupted = True
    return summary


@contextmanager
def _progress(total: int) -> Iterator[Callable[[int], None]]:
    """A bar on stderr, at a terminal and where there is much to do."""
    if total <= BATCH or not sys.stderr.isatty():
        yield lambda _: None
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TimeRemainingColumn

    columns = (BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task("", total=total)
        yield lambda count: bar.advance(task, count)


def show(summary: Summary, manner: Manner, *, empty: str, one: bool = False) -> None:
    """Say what came of it; exit 1 where it was interrupted, or the one that was named was refused."""
    if manner.as_json:
        print_json(summary.document)
    elif not summary.matched:
        remark(empty)
    else:
        _say(summary)
    if one and summary.matched and not summary.done and not summary.dry_run:
        remark(f"error: {next(iter(summary.refused), 'it has changed meanwhile')}")
        raise typer.Exit(1)
    if summary.interrupted:
        remark("interrupted: give the same command again to go on")
        raise typer.Exit(1)


def _say(summary: Summary) -> None:
    if summary.dry_run:
        say(f"{summary.action} would be done to {summary.matched:,}; nothing was done")
        return
    how = ", ".join(f"{count:,} {how.replace('_', ' ')}" for how, count in summary.how.most_common())
    say(f"{summary.action}: {summary.done:,} of {summary.matched:,}" + (f" ({how})" if how else ""))
    for why, count in summary.refused.most_common():
        say(f"  {count:,} not: {why}")


async def audited(session: Session, workspace_id: int | None, action: str, **detail: object) -> None:
    """Write down who did what; 0 stands for several workspaces."""
    from connector.workspaces import audit

    await session.database.transact(
        audit.record, workspace_id or 0, actor=session.actor, action=action, detail=detail, now=session.now
    )

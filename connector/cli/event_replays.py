"""`connector events replay`: have received events mapped again, one or many."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any

import typer

from connector.cli import acting, events
from connector.cli.acting import DryRun, Manner, Most, Preview, Rate, Summary, Yes
from connector.cli.choosing import time_of
from connector.cli.events import EVENT_HELP, OfSource, OfState, OfType
from connector.cli.options import Json, OfWorkspace
from connector.errors import UsageError
from connector.events import ReceivedState

if TYPE_CHECKING:
    from connector.cli.session import Session
    from connector.inbox.selection import EventSelection
    from connector.inbox.store import ReceivedEvent

Since = Annotated[
    str | None,
    typer.Option(
        "--since", metavar="TIME", help="Only received since: 2026-11-26T06:00Z, 90m, 6h or 3d ago.", show_default=False
    ),
]
Until = Annotated[
    str | None, typer.Option("--until", metavar="TIME", help="Only received before that.", show_default=False)
]
OfReason = Annotated[str | None, typer.Option("--reason", help="Only for this reason.", show_default=False)]
SHOWN_IN_DRY_RUN = 200
"""Events that a dry run translates to show what would come of them."""


def register(app: typer.Typer) -> None:
    """Add the command to `connector events`."""
    app.command("replay")(replay)


def replay(
    event: Annotated[str | None, typer.Argument(help=EVENT_HELP, show_default=False)] = None,
    *,
    workspace: OfWorkspace = None,
    state: OfState = None,
    reason: OfReason = None,
    event_type: OfType = None,
    source: OfSource = None,
    since: Since = None,
    until: Until = None,
    limit: Most = None,
    rate: Rate = None,
    dry_run: DryRun = False,
    yes: Yes = False,
    json: Json = False,
) -> None:
    """Map one event again by today's mapping, or those that the options choose. What Intercom has is not sent twice."""
    from connector.cli.session import run

    chosen = _Chosen(workspace, state, reason, event_type, source, since, until)
    if (event is None) is (not chosen.said):
        raise UsageError(
            "either one event, or options that choose several"
            if event
            else "which events? Give one event, --state, --type or another option"
        )
    manner = Manner(yes, rate, dry_run, limit, json)
    acting.show(
        run(lambda session: _act(session, event, chosen, manner)), manner, empty=events.NOTHING, one=event is not None
    )


@dataclass(frozen=True, slots=True)
class _Chosen:
    """Which events the options choose."""

    workspace: str | None
    state: ReceivedState | None
    reason: str | None
    type: str | None
    source: str | None
    since: str | None
    until: str | None

    @property
    def said(self) -> dict[str, Any]:
        return {name: value for name in self.__slots__ if (value := getattr(self, name)) is not None}

    async def selection(self, session: Session) -> EventSelection:
        from connector.inbox.selection import EventSelection

        since, until = time_of(self.since, "--since", session.now), time_of(self.until, "--until", session.now)
        workspace_id = await session.workspace_id(self.workspace)
        return EventSelection(workspace_id, self.state, self.source, self.type, self.reason, since, until)


async def _act(session: Session, event: str | None, chosen: _Chosen, manner: Manner) -> Summary:
    from connector.inbox.selection import EventSelection

    if event is None:
        selection = await chosen.selection(session)
    else:
        found = await events.find(session, event, chosen.workspace)
        selection = EventSelection(found.workspace_id, one=found.key)
    preview = await _preview(session, selection, manner)
    summary = Summary("replay", preview.matched, dry_run=manner.dry_run)
    if not acting.agree(preview, manner):
        if manner.dry_run and preview.matched:
            summary.items = await _would_become(session, selection, manner)
        return summary
    if preview.matched > 1:
        await acting.audited(
            session, selection.workspace_id, "events.replay.begun", matched=preview.matched, chosen=chosen.said
        )
    await acting.act(_pages(session, selection, manner), _doing(session, selection), summary, manner)
    which = {"event": selection.one.hex()} if selection.one else {"chosen": chosen.said}
    counts = {"done": summary.done, "interrupted": summary.interrupted}
    await acting.audited(session, selection.workspace_id, "events.replay", matched=preview.matched, **counts, **which)
    return summary


async def _preview(session: Session, selection: EventSelection, manner: Manner) -> Preview:
    from connector.inbox import selection as sql

    counts = await session.database.read(sql.count_by_type, selection)
    matched = sum(count for *_, count in counts)
    rows = [
        {"source": source, "type": of_type, "state": state, "events": count} for source, of_type, state, count in counts
    ]
    matched = matched if manner.limit is None else min(matched, manner.limit)
    return Preview("replay", "events", matched, rows)


def _pages(session: Session, selection: EventSelection, manner: Manner) -> AsyncIterator[Sequence[ReceivedEvent]]:
    from connector.inbox import selection as sql

    return acting.pages(
        lambda after, limit: session.database.read(sql.page, selection, after=after, limit=limit),
        lambda event: (event.workspace_id, event.key),
        manner,
        start=sql.NOWHERE,
    )


def _doing(session: Session, selection: EventSelection) -> acting.Do:
    from connector.outbox import verbs

    async def do(page: Sequence[ReceivedEvent]) -> list[dict[str, Any]]:
        now = session.database.clock.now()
        ids = [(event.workspace_id, event.key) for event in page]
        results = await session.database.transact(verbs.replay_events, selection, ids, now=now)
        named = {event.key: event.external_key for event in page}
        return [
            {
                "id": each.key.hex(),
                "external_id": named[each.key],
                "done": each.mapped_again,
                "mapped_again": each.mapped_again,
                "how": "mapped_again" if each.mapped_again else None,
                "why": None if each.mapped_again else each.refused[-1],
                "deliveries": [{"id": key.hex(), "how": how} for key, how in each.deliveries.items()],
                "refused": list(each.refused),
            }
            for each in results
        ]

    return do


async def _would_become(session: Session, selection: EventSelection, manner: Manner) -> list[Mapping[str, Any]]:
    """What today's mapping makes of the first of them, beside what was made of them before. Nothing is stored."""
    from connector.cli import todays
    from connector.cli.output import say
    from connector.outbox.rehearsal import rehearse
    from connector.workspaces import store

    rules_of = await todays.rules(session)
    items: list[Mapping[str, Any]] = []
    first = Manner(limit=min(manner.limit or SHOWN_IN_DRY_RUN, SHOWN_IN_DRY_RUN))
    async for page in _pages(session, selection, first):
        for event in page:
            workspace = await session.database.read(store.get, session.vault, event.workspace_id)
            becomes = await session.database.read(rehearse, event, rules_of(workspace))
            items.append({"id": event.key.hex(), "external_id": event.external_key, "becomes": becomes.lines})
    if not manner.as_json:
        for item in items:
            for line in item["becomes"]:
                say(f"{item['external_id']}  {line}")
    return items

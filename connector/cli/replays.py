"""`connector deliveries replay|discard|release`: what an operator can do about deliveries, one or many at a time."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Annotated, Any

import typer

from connector.cli import acting
from connector.cli.acting import DryRun, Manner, Most, Preview, Rate, Summary, Yes
from connector.cli.choosing import (
    Choice,
    OfContact,
    OfMapping,
    OfName,
    OfReason,
    OfState,
    OfStatus,
    OfType,
    Since,
    Until,
)
from connector.cli.deliveries import NOTHING
from connector.cli.options import Json, OfWorkspace
from connector.errors import UsageError

if TYPE_CHECKING:
    from connector.cli.session import Session
    from connector.outbox.queue import Id
    from connector.outbox.selection import Selection
    from connector.outbox.verbs import Verb

MaybeId = Annotated[
    str | None, typer.Argument(metavar="[DELIVERY]", help="Its id, or how it begins.", show_default=False)
]


def register(app: typer.Typer) -> None:
    """Add these commands to `connector deliveries`."""
    for command in (replay, discard, release):
        app.command()(command)


def replay(
    delivery: MaybeId = None,
    *,
    as_new: Annotated[bool, typer.Option("--as-new", help="Also what Intercom has: a second event appears.")] = False,
    workspace: OfWorkspace = None,
    state: OfState = None,
    name: OfName = None,
    reason: OfReason = None,
    contact: OfContact = None,
    mapping: OfMapping = None,
    received_type: OfType = None,
    status: OfStatus = None,
    since: Since = None,
    until: Until = None,
    limit: Most = None,
    rate: Rate = None,
    dry_run: DryRun = False,
    yes: Yes = False,
    json: Json = False,
) -> None:
    """Send again, by today's mapping as far as Intercom surely has not got it. Without --state: those that are dead."""
    from connector.outbox import verbs

    choice = Choice(workspace, state, name, reason, contact, mapping, received_type, status, since, until)
    _require(choice, delivery)
    _act(
        "replay",
        verbs.replay_as_new if as_new else verbs.replay_one,
        delivery,
        choice if delivery or state else replace(choice, state="dead"),
        Manner(yes, rate, dry_run, limit, json),
    )


def discard(
    delivery: MaybeId = None,
    *,
    workspace: OfWorkspace = None,
    state: OfState = None,
    name: OfName = None,
    reason: OfReason = None,
    contact: OfContact = None,
    mapping: OfMapping = None,
    received_type: OfType = None,
    status: OfStatus = None,
    since: Since = None,
    until: Until = None,
    limit: Most = None,
    rate: Rate = None,
    dry_run: DryRun = False,
    yes: Yes = False,
    json: Json = False,
) -> None:
    """Give up what is not delivered yet."""
    from connector.outbox import verbs

    choice = Choice(workspace, state, name, reason, contact, mapping, received_type, status, since, until)
    _require(choice, delivery)
    _act("discard", verbs.discard_one, delivery, choice, Manner(yes, rate, dry_run, limit, json))


def release(
    delivery: MaybeId = None,
    *,
    workspace: OfWorkspace = None,
    name: OfName = None,
    reason: OfReason = None,
    contact: OfContact = None,
    mapping: OfMapping = None,
    received_type: OfType = None,
    since: Since = None,
    until: Until = None,
    limit: Most = None,
    rate: Rate = None,
    dry_run: DryRun = False,
    yes: Yes = False,
    json: Json = False,
) -> None:
    """Send what is held, however old: for its age, its contact that is not listed, or since before going live."""
    from connector.outbox import verbs

    choice = Choice(workspace, None, name, reason, contact, mapping, received_type, None, since, until)
    _require(choice, delivery)
    verb = verbs.release_one if delivery else verbs.release_behind
    chosen = choice if delivery else replace(choice, state="held")
    _act("release", verb, delivery, chosen, Manner(yes, rate, dry_run, limit, json))


def _require(choice: Choice, delivery: str | None) -> None:
    """Nothing is done to everything because somebody forgot to say to what."""
    if delivery is None and not choice.said:
        raise UsageError("which deliveries? Give one delivery, or choose them by options")
    if delivery is not None and choice.said:
        raise UsageError("either one delivery, or options that choose several")


def _act(action: str, verb: Verb, delivery: str | None, choice: Choice, manner: Manner) -> None:
    """Do it to each that is chosen, and say what came of it."""
    from connector.cli.session import run

    async def work(session: Session) -> Summary:
        from connector.cli.deliveries import find

        selection = await choice.selection(session)
        if delivery is not None:
            found = await find(session, delivery)
            selection = replace(selection, workspace_id=found.workspace_id, one=found.id)
        return await do(session, action, verb, selection, manner, said=choice.said)

    acting.show(run(work), manner, empty=NOTHING, one=delivery is not None)


async def do(
    session: Session,
    action: str,
    verb: Verb,
    selection: Selection,
    manner: Manner,
    *,
    said: Mapping[str, object],
    agreed: Callable[[], Awaitable[None]] | None = None,
) -> Summary:
    """Preview, ask, act on all that is meant now, and write down who did it. Raises UsageError or typer.Abort.

    `agreed` is done first, once it is to be.
    """
    if selection.one is None:
        selection = replace(selection, mapped_before=session.database.clock.now())
    preview = await _preview(session, action, selection, manner)
    summary = Summary(action, preview.matched, dry_run=manner.dry_run)
    if not acting.agree(preview, manner):
        return summary
    if agreed is not None:
        await agreed()
    name = f"deliveries.{action}"
    if preview.matched > 1:
        await acting.audited(session, selection.workspace_id, f"{name}.begun", matched=preview.matched, chosen=said)
    await acting.act(_pages(session, selection, manner), _doing(session, verb, selection), summary, manner)
    which = {"delivery": selection.one.hex()} if selection.one else {"chosen": said}
    counts = {"done": summary.done, "refused": sum(summary.refused.values()), "interrupted": summary.interrupted}
    await acting.audited(session, selection.workspace_id, name, matched=preview.matched, **counts, **which)
    return summary


async def _preview(session: Session, action: str, selection: Selection, manner: Manner) -> Preview:
    from connector.outbox import selection as sql

    counts = await session.database.read(sql.count_by_name, selection)
    matched = sum(count for *_, count in counts)
    rows = [
        {"name": name, "state": state, "reason": reason, "deliveries": count} for name, state, reason, count in counts
    ]
    warnings = []
    max_age_ms = session.settings.max_age_ms
    if matched and max_age_ms is not None and action != "discard":
        old = await session.database.read(sql.count_older, selection, than=session.now - max_age_ms)
        warnings = [_of_age(action, old, session.settings.max_age)] if old else []
    if manner.limit is not None and manner.limit < matched:
        warnings.append(f"the first {manner.limit:,} of {matched:,}")
        matched = manner.limit
    return Preview(action, "deliveries", matched, rows, warnings)


def _of_age(action: str, old: int, hours: int) -> str:
    if action == "release":
        return f"{old:,} happened more than {hours} h ago: automatic messages may be sent because of them"
    return (
        f"{old:,} happened more than {hours} h ago: those that Intercom surely has not got will be held as too_old; "
        "`connector deliveries release --reason too_old` sends them"
    )


def _pages(session: Session, selection: Selection, manner: Manner) -> AsyncIterator[Sequence[Id]]:
    from connector.outbox import selection as sql

    return acting.pages(
        lambda after, limit: session.database.read(sql.page, selection, after=after, limit=limit),
        lambda each: each,
        manner,
        start=sql.NOWHERE,
    )


def _doing(session: Session, verb: Verb, selection: Selection) -> acting.Do:
    from connector.outbox import verbs

    async def do_it(ids: Sequence[Id]) -> list[dict[str, Any]]:
        now = session.database.clock.now()
        results = await session.database.transact(verbs.act, verb, selection, ids, now=now)
        return [{"id": each.id.hex(), "done": each.done, "how": each.how, "why": each.why} for each in results]

    return do_it

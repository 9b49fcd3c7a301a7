"""`connector deliveries replay|discard|release`: what an operator can do about deliveries, one or many at a time."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from connector.cli import pages
from connector.cli.deliveries import NOTHING, Chosen, OfMapping, OfName, OfReason, OfState, cursor_of
from connector.cli.options import Cursor, Json, Limit, OfWorkspace
from connector.cli.output import Page, remark, show_page
from connector.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from connector.cli.session import Session
    from connector.outbox.delivery import Delivery

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
    limit: Limit = 50,
    cursor: Cursor = None,
    json: Json = False,
) -> None:
    """Send again, by today's mapping as far as Intercom surely has not got it. Without --state: those that are dead."""
    chosen = Chosen(delivery, workspace, state or "dead", name, reason, cursor)
    _require(chosen, delivery, workspace, state, name, reason)

    async def one(session: Session, found: Delivery) -> dict[str, Any]:
        from connector.outbox import replay as operator
        from connector.outbox.replay import Replayed

        now = session.database.clock.now()
        result = await session.database.transact(operator.replay, found.workspace_id, found.id, now=now, as_new=as_new)
        if isinstance(result, Replayed):
            return {"id": result.delivery_id.hex(), "done": True, "how": result.how, "why": None}
        return {"id": found.id.hex(), "done": False, "how": None, "why": result.why}

    _act(chosen, one, limit, as_json=json)


def discard(
    delivery: MaybeId = None,
    *,
    workspace: OfWorkspace = None,
    state: OfState = None,
    name: OfName = None,
    reason: OfReason = None,
    mapping: OfMapping = None,
    limit: Limit = 50,
    cursor: Cursor = None,
    json: Json = False,
) -> None:
    """Give up what is not delivered yet."""
    chosen = Chosen(delivery, workspace, state, name, reason, cursor, mapping)
    _require(chosen, delivery, state, name, reason, mapping)

    async def one(session: Session, found: Delivery) -> dict[str, Any]:
        from connector.outbox import replay as operator

        now = session.database.clock.now()
        done = await session.database.transact(operator.discard, found.workspace_id, found.id, now=now)
        return {"id": found.id.hex(), "done": done, "why": None if done else "Intercom already holds it"}

    _act(chosen, one, limit, as_json=json)


def release(
    delivery: MaybeId = None,
    *,
    workspace: OfWorkspace = None,
    name: OfName = None,
    reason: OfReason = None,
    limit: Limit = 50,
    cursor: Cursor = None,
    json: Json = False,
) -> None:
    """Send what was held while its workspace was watching."""
    chosen = Chosen(delivery, workspace, "held", name, reason, cursor)
    _require(chosen, delivery, workspace, name, reason)

    async def one(session: Session, found: Delivery) -> dict[str, Any]:
        from connector.outbox import replay as operator

        now = session.database.clock.now()
        done = await session.database.transact(operator.release, found.workspace_id, found.id, now=now)
        return {"id": found.id.hex(), "done": done, "why": None if done else f"it is {found.state}, not held"}

    _act(chosen, one, limit, as_json=json)


def _require(chosen: Chosen, *given: str | None) -> None:
    """Nothing is done to everything because somebody forgot to say to what."""
    if not any(given):
        raise UsageError("which deliveries? Give one delivery, or choose them by options")
    if chosen.delivery is not None and sum(value is not None for value in given) > 1:
        raise UsageError("either one delivery, or options that choose several")


def _act(
    chosen: Chosen,
    one: Callable[[Session, Delivery], Awaitable[dict[str, Any]]],
    limit: int,
    *,
    as_json: bool,
) -> None:
    """Do it to each that is chosen, and say what came of it; exit 1 if the one that was named was refused."""
    from connector.cli.session import run

    async def work(session: Session) -> Page:
        found = await chosen.read(session, limit + 1)
        results = {(each.workspace_id, each.id): await one(session, each) for each in found[:limit]}
        return pages.cut(found, limit, lambda each: results[each.workspace_id, each.id], cursor_of)

    page = run(work)
    show_page(page, as_json=as_json, columns=list(page.items[0]) if page.items else [], empty=NOTHING)
    if chosen.delivery is not None and not page.items[0]["done"]:
        remark(f"error: {page.items[0]['why']}")
        raise typer.Exit(1)

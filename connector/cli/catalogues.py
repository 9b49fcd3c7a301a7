"""`connector mappings deploy|history|rollback|stop|start`: what every process maps by, and which names are sent."""

from __future__ import annotations

import getpass
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from connector.cli import pages
from connector.cli.options import Cursor, Json, Limit, OfWorkspace
from connector.cli.output import Page, moment, print_json, remark, say, show_item, show_page
from connector.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from connector.catalogues.built import Built
    from connector.catalogues.changed import Change
    from connector.catalogues.store import Deployment
    from connector.cli.mappings.comparing import Differences
    from connector.cli.session import Session

COLUMNS = ("digest", "active", "deployed_at", "deployed_by", "files", "entries")
SHORT = 12
"""Digits of a digest that people read."""
EventName = Annotated[str, typer.Argument(metavar="NAME", help="An event name, such as paid-invoice.")]


def register(app: typer.Typer) -> None:
    """Add these commands to `connector mappings`."""
    for command in (deploy, history, rollback, stop, start):
        app.command()(command)


def deploy(
    folder: Annotated[
        Path | None, typer.Argument(help="Instead of CONNECTOR_MAPPINGS_DIR.", show_default=False)
    ] = None,
    *,
    yes: Annotated[bool, typer.Option("--yes", help="Without asking.")] = False,
    last: Annotated[
        int, typer.Option(min=0, help="Show what would become otherwise of so many of each workspace's newest events.")
    ] = 0,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only show what would change; nothing is asked.")] = False,
    json: Json = False,
) -> None:
    """Have every process map by these files over the shipped catalogue: checked, shown, and refused whole if wrong."""
    from connector.catalogues.changed import changes
    from connector.catalogues.deploying import Refused
    from connector.cli.mappings.comparing import over_events
    from connector.cli.session import run
    from connector.settings import load

    settings = load()
    path = folder or settings.mappings_dir
    if path is None:
        raise UsageError("which folder? Name it, or set CONNECTOR_MAPPINGS_DIR")
    if not (yes or dry_run or (sys.stdin.isatty() and not json)):
        raise UsageError("--yes deploys without asking; --dry-run shows what would change")

    async def work(session: Session) -> dict[str, Any]:
        built, before = await _built(session, path)
        problems = await _problems(session, built, path)
        seen = await over_events(session, before.catalog, built.catalog, last=last) if last and not problems else None
        found = changes(before.catalog, built.catalog)
        result: dict[str, Any] = {
            "ok": not problems,
            "digest": built.set.digest,
            "before": before.set.digest,
            "deployed": False,
        }
        if not problems and not dry_run and _agreed(found, built, before, seen, yes=yes, quiet=json):
            done = await session.database.transact(_deploy, built)
            problems = list(done.problems) if isinstance(done, Refused) else []
            result.update(ok=not problems, deployed=not problems)
        elif not json and (problems or dry_run):
            _show(found, built, before, seen)
        if seen is not None:
            result["events"] = seen.document()
        return {**result, "changes": [_change(each) for each in found], "problems": problems}

    _end(run(work), as_json=json)


def history(*, limit: Limit = 50, cursor: Cursor = None, json: Json = False) -> None:
    """The mapping sets that were deployed, the latest first, and which is in use."""
    from connector.catalogues import store
    from connector.cli.session import run

    before = _before(cursor)

    async def work(session: Session) -> Page:
        found = await session.database.read(store.page, limit=limit + 1, before=before)
        return pages.cut(found, limit, _deployment, lambda each: f"{each.deployed_at}-{each.digest}")

    page = run(work)
    empty = "nothing was deployed yet: the shipped catalogue alone is in use"
    show_page(page, as_json=json, columns=COLUMNS, empty=empty)


def rollback(
    digest: Annotated[
        str | None, typer.Argument(metavar="[DIGEST]", help="A set of `history`, or how its digest begins.")
    ] = None,
    *,
    json: Json = False,
) -> None:
    """Take up the set that was deployed before the one in use, or the one named; every process does within a second."""
    from connector.catalogues import store
    from connector.catalogues.built import build
    from connector.catalogues.deploying import refusals, roll_back
    from connector.cli.session import run
    from connector.database.clock import wall
    from connector.mapping.review import Checks

    async def work(session: Session) -> dict[str, Any]:
        read = session.database.read
        found = await (read(store.starting_with, digest) if digest else read(store.before_active))
        if found is None:
            raise UsageError("nothing was deployed before what is in use. `connector mappings history` shows it")
        built = build(found.set, Checks(session.settings.metadata_keys))
        warnings = await read(lambda connection: list(refusals(connection, built)))
        if not built.ok:
            raise UsageError(f"{found.digest[:SHORT]} cannot be used by this version: {warnings[0]}")
        by = _somebody()
        done = await session.database.transact(roll_back, found.digest, by=by, now=wall())
        return {"digest": done.digest, "before": done.before, "changed": done.changed, "warnings": warnings}

    result = run(work)
    show_item(result, as_json=json)
    if result["changed"] and result["before"]:
        made_by = result["before"][:SHORT]
        remark(f"what {made_by} made and is not sent: connector deliveries discard --mapping {made_by}")


def stop(name: EventName, *, workspace: OfWorkspace = None, json: Json = False) -> None:
    """Send no more events of this name, in one workspace or all; what is unsent is held until it is started again."""
    from connector.cli.session import run
    from connector.outbox import stop as names
    from connector.outbox.delivery import State
    from connector.outbox.event_names import EVERY_WORKSPACE, STOPPED

    async def work(session: Session) -> dict[str, Any]:
        only = await session.workspace_id(workspace)
        now = session.database.clock.now
        where = EVERY_WORKSPACE if only is None else only
        await session.database.transact(names.stop_name, where, _checked(name), now=now())
        held = 0
        states = (State.DUE, State.PARKED)
        for each in [only] if only is not None else await session.database.read(names.workspaces_with, states):
            while count := await session.database.transact(names.hold, each, name, STOPPED, now=now()):
                held += count
        return {"name": name, "workspace": workspace, "stopped": True, "held": held}

    show_item(run(work), as_json=json)


def start(name: EventName, *, workspace: OfWorkspace = None, json: Json = False) -> None:
    """Send events of a stopped name again, those that were held because of it, too."""
    from connector.cli.session import run
    from connector.outbox import event_names
    from connector.outbox import stop as names
    from connector.outbox.delivery import State, name_key

    async def work(session: Session) -> dict[str, Any]:
        only = await session.workspace_id(workspace)
        now = session.database.clock.now
        started = await session.database.transact(event_names.start, only, _checked(name))
        if only is not None and (only, name_key(name)) in await _stopped(session, only, name):
            raise UsageError(f"{name} is stopped for all workspaces: start it without --workspace")
        released = 0
        for each in [only] if only is not None else await session.database.read(names.workspaces_with, [State.HELD]):
            while count := await session.database.transact(names.let_go, each, name, now=now()):
                released += count
        return {"name": name, "workspace": workspace, "started": bool(started), "released": released}

    show_item(run(work), as_json=json)


async def _stopped(session: Session, workspace_id: int, name: str) -> Any:  # noqa: ANN401 - names with why
    from connector.outbox import event_names
    from connector.outbox.delivery import name_key

    return await session.database.read(event_names.stopped, [(workspace_id, name_key(name))])


async def _built(session: Session, path: Path) -> tuple[Built, Built]:
    """What is in the folder, and what is in use."""
    from connector.catalogues import store
    from connector.catalogues.built import build
    from connector.catalogues.mapping_set import MappingSet
    from connector.mapping.review import Checks

    keys = session.settings.metadata_keys
    in_use = await session.database.read(store.active)
    built = build(MappingSet.of_folder(path), Checks(keys, thorough=True), where=path)
    return built, build(in_use, Checks(keys))


async def _problems(session: Session, built: Built, path: Path) -> list[str]:
    from connector.catalogues.deploying import refusals
    from connector.catalogues.folder import failing_examples

    found = await session.database.read(lambda connection: list(refusals(connection, built)))
    return [*found, *failing_examples(built, path)]


def _deploy(connection: Any, built: Built) -> Any:  # noqa: ANN401 - a Connection, imported late
    from connector.catalogues.deploying import deploy as put_into_use
    from connector.database.clock import wall

    return put_into_use(connection, built, by=_somebody(), now=wall())


def _agreed(
    found: Sequence[Change], built: Built, before: Built, seen: Differences | None, *, yes: bool, quiet: bool
) -> bool:
    """Whether it is to be done: by --yes, or because somebody who has seen what changes says so."""
    if not quiet:
        _show(found, built, before, seen)
    if yes or built.set.digest == before.set.digest:
        return True
    return typer.confirm("Deploy?", default=False, err=True)


def _show(found: Sequence[Change], built: Built, before: Built, seen: Differences | None) -> None:
    if not found and built.set.digest != before.set.digest:
        say("no entry behaves differently")
    for each in found:
        named = f" ({each.name})" if each.name else ""
        say(f"{each.how:<11} {each.id}{named}" + (f": {'; '.join(each.what)}" if each.what else ""))
    if seen is not None:
        seen.show()


def _end(result: dict[str, Any], *, as_json: bool) -> None:
    if as_json:
        print_json(result)
    else:
        for problem in result["problems"]:
            say(problem)
        if result["deployed"]:
            same = result["digest"] == result["before"]
            say(f"{result['digest'][:SHORT]} " + ("is in use already" if same else "is in use"))
        elif result["problems"]:
            remark(f"error: {len(result['problems'])} mistakes: nothing was deployed")
    if not result["ok"]:
        raise typer.Exit(1)


def _change(change: Change) -> dict[str, Any]:
    return {"how": change.how, "id": change.id, "name": change.name, "what": list(change.what)}


def _deployment(each: Deployment) -> dict[str, Any]:
    return {
        "digest": each.digest,
        "active": each.active,
        "deployed_at": moment(each.deployed_at),
        "deployed_by": each.deployed_by,
        "activated_at": moment(each.activated_at),
        "files": sorted(each.set.documents),
        "entries": each.entries,
        "shipped_digest": each.shipped_digest,
    }


def _before(cursor: str | None) -> tuple[int, str] | None:
    if cursor is None:
        return None
    time, _, digest = cursor.partition("-")
    return pages.after_id(time), digest


def _somebody() -> str:
    """Who typed the command, as far as the machine knows."""
    try:
        return getpass.getuser()
    except (OSError, KeyError):
        return "somebody"


def _checked(name: str) -> str:
    if not name.strip() or len(name) > 255:
        raise UsageError(f"{name!r} is no event name")
    return name

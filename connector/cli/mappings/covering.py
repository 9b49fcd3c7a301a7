"""`mappings coverage`: what comes in and is mapped by nobody, and what is mapped and never came."""

from __future__ import annotations

import shlex
import textwrap
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import typer

from connector.cli.mappings.files import loaded
from connector.cli.moments import Since, moment_of
from connector.cli.options import Json, OfWorkspace
from connector.cli.output import moment, print_json, remark, say, table

if TYPE_CHECKING:
    from collections.abc import Iterable

    from connector.cli.session import Session
    from connector.events import Key
    from connector.inbox.coverage import Unmapped
    from connector.mapping.catalog import Catalog
    from connector.mapping.entry import Entry

DEFAULT_SINCE = "30d"


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("coverage")(coverage)


def coverage(*, workspace: OfWorkspace = None, since: Since = DEFAULT_SINCE, json: Json = False) -> None:
    """Which types come in and are not mapped, what to do about each, and which entries have never made an event."""
    from connector.cli.session import run

    _, found = loaded(None)
    seen = run(lambda session: _seen(session, workspace, since))
    unmapped = [_unmapped(each, found.catalog) for each in _summed(seen.unmapped)]
    silent = [
        {"mapping": entry.id, "triggers": list(entry.definition.trigger), "name": entry.name}
        for entry in _silent(found.catalog, seen.names)
    ]
    if json:
        print_json({"since": moment(seen.since), "unmapped": unmapped, "never_matched": silent})
        return
    if unmapped:
        table(unmapped, ("source", "type", "events", "last_seen", "what_to_do"))
    else:
        remark("every type that came in is mapped or left out by a rule")
    if silent:
        say(f"\n{len(silent)} entries that are on have not made an event yet:")
        say(
            textwrap.fill(
                ", ".join(str(entry["mapping"]) for entry in silent),
                100,
                initial_indent="  ",
                subsequent_indent="  ",
                break_on_hyphens=False,
            )
        )


@dataclass(frozen=True, slots=True)
class _Seen:
    """What the database knows: unmapped types by workspace, and the event names that there are."""

    since: int
    unmapped: list[Unmapped]
    names: set[Key]


async def _seen(session: Session, app_id: str | None, since: str | None) -> _Seen:
    from connector.inbox import coverage as types
    from connector.outbox import history

    begin = moment_of(since, session.now) or 0
    chosen = await session.workspace_id(app_id)
    workspaces = list(await session.app_ids()) if chosen is None else [chosen]
    unmapped: list[Unmapped] = []
    names: set[Key] = set()
    for each in workspaces:
        unmapped += await session.database.read(types.unmapped, each, since=begin)
        names |= await session.database.read(history.names_made, each)
    return _Seen(begin, unmapped, names)


def _summed(found: Iterable[Unmapped]) -> list[Unmapped]:
    """Each type once, over all workspaces; the most frequent first."""
    from connector.inbox.coverage import Unmapped

    summed: dict[tuple[str, str], Unmapped] = {}
    for each in found:
        key = (each.source, each.type)
        before = summed.get(key, Unmapped(*key, 0, 0))
        summed[key] = Unmapped(*key, before.count + each.count, max(before.last, each.last))
    return sorted(summed.values(), key=lambda each: (-each.count, each.source, each.type))


def _unmapped(each: Unmapped, catalog: Catalog) -> dict[str, Any]:
    mapped = [entry.id for entry in catalog.select(each.source, each.type)]
    off = [entry.id for entry in catalog.switched_off(each.source, each.type)]
    named = [entry.id for entry in catalog.switched_off(each.source, each.type) if entry.name]
    return {
        "source": each.source,
        "type": each.type,
        "events": each.count,
        "last_seen": moment(each.last),
        "mapped_now": mapped,
        "off": off,
        "what_to_do": _advice(each, mapped, named),
    }


def _advice(each: Unmapped, mapped: list[str], off: list[str]) -> str:
    """What an operator writes next; a catch-all is no answer to one type, as it would take every other, too."""
    if mapped:
        return shlex.join(["connector", "events", "replay", "--state", "unmapped", "--type", each.type])
    if off:
        return f'- {{id: "{off[0]}", enabled: true}}'
    return shlex.join(["connector", "mappings", "new", each.source, each.type])


def _silent(catalog: Catalog, names: set[Key]) -> list[Entry]:
    """Entries that are on, whose name no event has had. One that makes its names is passed over."""
    from connector.outbox.delivery import name_key

    return [entry for entry in catalog.entries if entry.enabled and entry.name and name_key(entry.name) not in names]

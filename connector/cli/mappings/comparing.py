"""`mappings diff`: what a changed folder would do differently over the events that are stored."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from connector.cli.mappings.files import loaded, options
from connector.cli.moments import Since, moment_of
from connector.cli.options import Json, OfWorkspace
from connector.cli.output import cell, moment, print_json, progress, remark, say, styled, table

if TYPE_CHECKING:
    from connector.cli.session import Session
    from connector.events import IntercomEvent
    from connector.inbox.store import ReceivedEvent
    from connector.mapping.catalog import Catalog
    from connector.mapping.difference import Change, Comparison, Difference

COLOURS = {"added": "green", "gone": "red", "changed": "yellow"}


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("diff")(diff)


def diff(
    folder: Annotated[
        list[Path] | None,
        typer.Argument(
            metavar="[FOLDER]...",
            help="The changed mapping files, instead of CONNECTOR_MAPPINGS_DIR; compared with the set in use.",
            show_default=False,
        ),
    ] = None,
    *,
    last: Annotated[int, typer.Option(min=1, help="How many of a workspace's newest events to look at.")] = 1000,
    since: Since = None,
    workspace: OfWorkspace = None,
    limit: Annotated[int, typer.Option(min=1, max=1000, help="How many changed events to show at most.")] = 50,
    json: Json = False,
) -> None:
    """What a changed mapping would do differently from the one in use, over stored events. Nothing is changed."""
    from connector.cli.session import run

    _, new = loaded(folder)

    async def look(session: Session) -> tuple[Comparison, _Found]:
        from connector.cli import todays
        from connector.mapping.difference import Comparison

        comparison, found = Comparison(await todays.catalog(session), new.catalog), _Found(limit)
        if not comparison.same:
            await _look(session, comparison, found, workspace, last, since)
        return comparison, found

    comparison, found = run(look)
    if json:
        print_json({**_catalogue(comparison), **found.document()})
        return
    _show(comparison, found)


async def over_events(session: Session, old: Catalog, new: Catalog, *, last: int, limit: int = 50) -> Differences:
    """The same comparison for other commands: of all workspaces, over the newest `last` events of each."""
    from connector.mapping.difference import Comparison

    comparison, found = Comparison(old, new), _Found(limit)
    if not comparison.same:
        await _look(session, comparison, found, None, last, None)
    return Differences(comparison, found)


@dataclass(frozen=True, slots=True)
class Differences:
    """What `over_events` has found, to be shown or put into a document."""

    comparison: Comparison
    found: _Found

    def document(self) -> dict[str, Any]:
        """For --json, without what the catalogues say by themselves."""
        return self.found.document()

    def show(self) -> None:
        """For people."""
        _show(self.comparison, self.found)


@dataclass
class _Found:
    """What came of the comparison so far: counts of all, and the first `limit` differences."""

    limit: int
    looked_at: int = 0
    items: list[dict[str, Any]] = field(default_factory=list)
    by_entry: dict[str, Counter[str]] = field(default_factory=dict)
    drifts: set[tuple[str, str, str, str]] = field(default_factory=set)
    names: Counter[str] = field(default_factory=Counter)
    """Names of events that are added, by count."""

    def add(self, event: ReceivedEvent, each: Difference, app_id: str) -> None:
        """Count a difference, and keep it while there is room."""
        counts = self.by_entry.setdefault(each.mapping_id, Counter())
        counts[each.effect.value] += 1
        if each.new is not None and (each.old is None or each.old.name != each.new.name):
            self.names[each.new.name] += 1
        for change in each.changes:
            if change.drifts:
                self.drifts.add((each.name, change.about.removeprefix("metadata."), *_types(change)))
        if len(self.items) < self.limit:
            self.items.append(_item(event, each, app_id))

    @property
    def total(self) -> int:
        return sum(sum(counts.values()) for counts in self.by_entry.values())

    def summary(self) -> list[dict[str, Any]]:
        """A row for each entry whose events change, the most changed first."""
        rows = [
            {"mapping": key, "added": counts["added"], "gone": counts["gone"], "changed": counts["changed"]}
            for key, counts in self.by_entry.items()
        ]
        return sorted(rows, key=lambda row: (-row["added"] - row["gone"] - row["changed"], row["mapping"]))

    def document(self) -> dict[str, Any]:
        """For --json."""
        drifts = [{"name": name, "key": key, "old": old, "new": new} for name, key, old, new in sorted(self.drifts)]
        return {
            "looked_at": self.looked_at,
            "differences": self.total,
            "summary": self.summary(),
            "drifts_seen": drifts,
            "items": self.items,
        }


def _types(change: Change) -> tuple[str, str]:
    return (change.old_type.value if change.old_type else "", change.new_type.value if change.new_type else "")


async def _look(
    session: Session, comparison: Comparison, found: _Found, app_id: str | None, last: int, since: str | None
) -> None:
    from connector.outbox.preview import preview
    from connector.workspaces import store as workspaces

    chosen, app_ids = await session.workspace_id(app_id), await session.app_ids()
    begin = moment_of(since, session.now)
    with progress("comparing", total=last * (1 if chosen else len(app_ids))) as advance:
        for each in app_ids if chosen is None else [chosen]:
            workspace = await session.database.read(workspaces.get, session.vault, each)
            theirs = options(session.settings, workspace)
            seen = preview(session.database, comparison, each, last=last, since=begin, options=theirs)
            async for part in seen:
                found.looked_at += part.looked_at
                for event, difference in part.differences:
                    found.add(event, difference, app_ids[each])
                advance(part.looked_at)


def _item(event: ReceivedEvent, each: Difference, app_id: str) -> dict[str, Any]:
    return {
        "event": event.external_key,
        "type": event.type,
        "workspace": app_id,
        "received_at": moment(event.received_at),
        "mapping": each.mapping_id,
        "effect": each.effect.value,
        "name": each.name,
        "why": each.why,
        "changes": [_change(change) for change in each.changes],
        "old": _event(each.old),
        "new": _event(each.new),
    }


def _change(change: Change) -> dict[str, Any]:
    old_type, new_type = _types(change)
    return {
        "what": change.about,
        "old": change.old,
        "new": change.new,
        "old_type": old_type or None,
        "new_type": new_type or None,
        "drifts": change.drifts,
    }


def _event(event: IntercomEvent | None) -> dict[str, Any] | None:
    if event is None:
        return None
    return {
        "name": event.name,
        "created_at": event.created_at,
        "contact": [{way.kind.value: way.value} for way in event.contact],
        "once": event.once,
        "metadata": dict(event.metadata),
    }


def _catalogue(comparison: Comparison) -> dict[str, Any]:
    """What the two catalogues say by themselves, before any event."""
    return {
        "same": comparison.same,
        "old_digest": comparison.old.digest,
        "new_digest": comparison.new.digest,
        "entries": {"added": comparison.added, "gone": comparison.gone, "changed": comparison.changed},
        "new_names": list(comparison.new_names),
        "gone_names": list(comparison.gone_names),
        "drifts": [
            {"name": drift.name, "key": drift.key, "old": drift.old.value, "new": drift.new.value}
            for drift in comparison.drifts
        ],
    }


def _show(comparison: Comparison, found: _Found) -> None:
    if comparison.same:
        remark("the two do the same: only remarks, descriptions or examples differ, if anything")
        return
    for effect in ("added", "gone", "changed"):
        for mapping in getattr(comparison, effect):
            say(styled(f"{effect:8} {mapping}", COLOURS[effect]))
    say("")
    for item in found.items:
        _show_item(item)
    if found.total > len(found.items):
        remark(f"{found.total - len(found.items)} more: --limit shows up to 1000")
    if found.by_entry:
        table(found.summary(), ("mapping", "added", "gone", "changed"))
    say(f"events looked at: {found.looked_at}, differences: {found.total}")
    _warn(comparison, found)


def _show_item(item: dict[str, Any]) -> None:
    head = f"{item['received_at']}  {item['event']}  {item['type']}  {item['name']}"
    say(styled(f"{item['effect']:8} {cell(head)}", COLOURS[item["effect"]]))
    if item["why"]:
        say(f"         {'now' if item['effect'] == 'gone' else 'before'} nothing: {item['why']}")
    for change in item["changes"]:
        types = f"  ({change['old_type']} → {change['new_type']})" if change["drifts"] else ""
        say(f"         {cell(change['what'])}: {cell(change['old'])} → {cell(change['new'])}{types}")
    for key, value in ((item["new"] or {}).get("metadata", {}) if item["effect"] == "added" else {}).items():
        say(f"         metadata.{cell(key)}: {cell(value)}")


def _has_name(catalog: Catalog, name: str) -> bool:
    """Whether an entry has this name for good, rather than made of what events say."""
    return any(entry.name == name for entry in catalog.entries)


def _warn(comparison: Comparison, found: _Found) -> None:
    """What cannot be taken back at Intercom."""
    drifts = {(drift.name, drift.key, drift.old.value, drift.new.value) for drift in comparison.drifts}
    for name, key, old, new in sorted(drifts | found.drifts):
        remark(f"! `{key}` of `{name}` would turn from {old} into {new}: Intercom keeps the type it saw first")
    derived = {name for name in found.names if not _has_name(comparison.new, name)}
    for name in sorted({*comparison.new_names, *derived}):
        remark(f"! `{name}` would be a new event name, one of the 120 that Intercom keeps for ever")

"""What one catalogue has that another lacks: entries added, removed, changed, on or off, with names and types."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from connector.mapping.catalog import Catalog
from connector.mapping.entry import Entry
from connector.mapping.walk import outline

_SAYS_NOTHING = ("description", "examples", "enabled")


@dataclass(frozen=True, slots=True)
class Change:
    """One entry that differs. `how`: added, removed, changed, turned on or turned off; `what` says it in words."""

    how: str
    id: str
    name: str | None
    what: tuple[str, ...] = ()


def changes(before: Catalog, after: Catalog) -> list[Change]:
    """Every difference that counts, by id."""
    old = {entry.id: entry for entry in before.entries}
    new = {entry.id: entry for entry in after.entries}
    found = [change for id_ in sorted({*old, *new}) for change in _changes(old.get(id_), new.get(id_))]
    return sorted(found, key=lambda change: (_ORDER.index(change.how), change.id))


_ORDER = ("added", "changed", "turned on", "turned off", "removed")


def _changes(old: Entry | None, new: Entry | None) -> Iterator[Change]:
    if new is None:
        if old is not None:
            yield Change("removed", old.id, old.name)
    elif old is None:
        off = () if new.enabled else ("it is off",)
        yield Change("added", new.id, new.name, (*off, *(f"{key}: {kind.value}" for key, kind in new.types.items())))
    elif old.definition is not new.definition or old.enabled is not new.enabled:
        if what := tuple(_different(old, new)):
            yield Change("changed", new.id, new.name, what)
        if old.enabled is not new.enabled:
            yield Change("turned on" if new.enabled else "turned off", new.id, new.name)


def _different(old: Entry, new: Entry) -> Iterator[str]:
    if old.name != new.name:
        yield f"name: {old.name} → {new.name}"
    before, after = old.types, new.types
    for key in dict.fromkeys((*before, *after)):
        match before.get(key), after.get(key):
            case None, kind if kind is not None:
                yield f"+ {key}: {kind.value}"
            case kind, None if kind is not None:
                yield f"- {key}"
            case was, is_ if was is not is_ and was is not None and is_ is not None:
                yield f"{key}: {was.value} → {is_.value}"
    parts = _parts(old), _parts(new)
    same = {"name", "metadata"} if old.types != new.types else {"name"}
    changed = [part for part in dict.fromkeys((*parts[0], *parts[1])) if parts[0].get(part) != parts[1].get(part)]
    if rest := [part for part in changed if part not in same]:
        yield f"another {', '.join(rest)}"


def _parts(entry: Entry) -> dict[str, object]:
    said: dict[str, object] = outline(entry.definition)
    return {key: value for key, value in said.items() if key not in _SAYS_NOTHING}

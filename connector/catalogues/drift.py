"""What a catalogue would change about a key's type: Intercom has each key of a name in one type, for ever.

Frozen are the types that were really sent, by workspace (`outbox.event_names`); here they are compared with what the
rules declare.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from connector.events import Key
from connector.mapping.assembly import sent_types
from connector.mapping.catalog import Catalog
from connector.mapping.entry import Entry
from connector.mapping.wire import declared_type
from connector.outbox.delivery import name_key
from connector.outbox.event_names import Frozen


@dataclass(frozen=True, slots=True)
class Drift:
    """A key of an event name whose type would change, the entry that would do it, and how many workspaces have it."""

    entry: Entry
    name: str
    key: str
    frozen: str
    declared: str
    workspaces: int

    def __str__(self) -> str:
        place = self.entry.place
        have = "1 workspace has" if self.workspaces == 1 else f"{self.workspaces} workspaces have"
        return (
            f"{place.file}:{place.line}:{place.column}: `{self.key}` of `{self.name}` would be {self.declared}, and "
            f"{have} sent it as {self.frozen}: give the value a new key, or the event a new name"
        )


def drifts(catalog: Catalog, frozen: Iterable[Frozen]) -> list[Drift]:
    """Every key that would drift, whether its entry is on or off: it may be turned on tomorrow."""
    declared = _declared(catalog)
    found: dict[tuple[str, str, str], Drift] = {}
    for each in frozen:
        for drift in _drifts(declared.get(each.name_key, {}), each):
            place = (drift.name, drift.key, drift.frozen)
            earlier = found.get(place)
            count = drift.workspaces + (earlier.workspaces if earlier else 0)
            found[place] = Drift(drift.entry, drift.name, drift.key, drift.frozen, drift.declared, count)
    return sorted(found.values(), key=lambda drift: (drift.entry.place.file, drift.entry.place.line, drift.key))


def _declared(catalog: Catalog) -> Mapping[Key, dict[str, tuple[Entry, str, str]]]:
    """By name: (entry, key as it is written, type) of each key. What a payload names is known at run time only."""
    found: dict[Key, dict[str, tuple[Entry, str, str]]] = {}
    for entry in catalog.entries:
        if entry.name is not None:
            keys = found.setdefault(name_key(entry.name), {})
            for key, kind in sent_types(entry):
                keys.setdefault(key.casefold(), (entry, key, declared_type(kind)))
    return found


def _drifts(declared: Mapping[str, tuple[Entry, str, str]], each: Frozen) -> Iterator[Drift]:
    for key, was in each.types.items():
        if key in declared and declared[key][2] != was:
            entry, written, kind = declared[key]
            yield Drift(entry, entry.name or "", written, was, kind, each.workspaces)

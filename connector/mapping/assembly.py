"""Layers of documents → one set of entries, later layers over earlier ones by id; what only the whole set shows."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace

from connector.mapping.catalog import Catalog
from connector.mapping.entry import Entry
from connector.mapping.event_name import same_name
from connector.mapping.metadata import MetadataType
from connector.mapping.problem import Problem, did_you_mean
from connector.mapping.reading import Read, SwitchAt

NAMES_ALLOWED = 120
"""Active event names of a workspace (https://www.intercom.com/help/en/articles/5245634)."""

NAMES_TO_WARN_AT = 100


def assemble(layers: Iterable[Sequence[Read]]) -> tuple[Catalog, list[Problem]]:
    """The entries of all layers, later ones over earlier ones, and the problems of the whole."""
    entries: dict[str, Entry] = {}
    problems: list[Problem] = []
    for layer in layers:
        below = dict(entries)
        problems += _added(layer, entries)
        for switch in (switch for read in layer for switch in read.switches):
            problems += _switched(switch, below, entries)
    found = list(entries.values())
    problems += [*_drifting(found), *_too_many_names(found)]
    return Catalog(found), problems


def _added(layer: Sequence[Read], entries: dict[str, Entry]) -> Iterator[Problem]:
    own: dict[str, Entry] = {}
    for entry in (entry for read in layer for entry in read.entries):
        if (first := own.setdefault(entry.id, entry)) is not entry:
            yield _same_id(entry, first)
    entries.update(own)


def _same_id(entry: Entry, first: Entry) -> Problem:
    where = f"{first.place.file}:{first.place.line}"
    remedy = "give one of them an `id:` of its own" if entry.definition.id is None else "change one of the two ids"
    return Problem.at(entry.place, f"`{entry.id}` is the id of the entry at {where} too", remedy)


def _switched(at: SwitchAt, below: Mapping[str, Entry], entries: dict[str, Entry]) -> Iterator[Problem]:
    found = below.get(at.switch.id)
    if found is None:
        meant = did_you_mean(at.switch.id, below)
        remedy = f"did you mean `{meant}`?" if meant else "a whole entry has `trigger` and `name`"
        yield Problem.at(at.place, f"there is no entry `{at.switch.id}` to turn on or off", remedy)
        return
    definition = found.definition.model_copy(update={"enabled": at.switch.enabled})
    entries[found.id] = replace(found, enabled=at.switch.enabled, definition=definition)


def _drifting(entries: Iterable[Entry]) -> Iterator[Problem]:
    """A key has one type for each event name, for ever: Intercom takes it from what was sent first."""
    known: dict[tuple[str, str], tuple[MetadataType, Entry]] = {}
    for entry in entries:
        for key, kind in sent_types(entry) if entry.name else ():
            first_kind, first = known.setdefault((same_name(entry.name or ""), key.casefold()), (kind, entry))
            if first_kind is not kind:
                what = f"`{key}` of `{entry.name}` is {kind.value} here and {first_kind.value} at {_at(first)}"
                yield Problem.at(entry.place, what, "give both the same type, or one of them another key")


def sent_types(entry: Entry) -> Iterator[tuple[str, MetadataType]]:
    """The type of each key, and of those that stand in for money that cannot be said."""
    for key, kind in entry.types.items():
        yield key, kind
        if kind is MetadataType.MONEY:
            yield from ((f"{key}_amount", MetadataType.NUMBER), (f"{key}_currency", MetadataType.TEXT))


def _too_many_names(entries: Iterable[Entry]) -> Iterator[Problem]:
    names = {same_name(entry.name): entry for entry in entries if entry.enabled and entry.name}
    if len(names) >= NAMES_TO_WARN_AT:
        last = list(names.values())[-1]
        what = f"{len(names)} event names are enabled, and Intercom keeps {NAMES_ALLOWED}"
        yield Problem.at(last.place, what, "turn off what nobody uses", warning=len(names) <= NAMES_ALLOWED)


def _at(entry: Entry) -> str:
    return f"{entry.place.file}:{entry.place.line}"

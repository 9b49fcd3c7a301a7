"""What one catalogue does differently from another: in itself, and about one event. Pure.

Running stored events through both is `outbox.preview`; showing it is the command line's and the console's.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from connector.events import Identifier, IntercomEvent, MetadataValue, SourceEvent
from connector.mapping.assembly import sent_types
from connector.mapping.catalog import Catalog, behaviour
from connector.mapping.context import Json, Names, Options
from connector.mapping.entry import Entry
from connector.mapping.event_name import same_name
from connector.mapping.metadata import MetadataType, key_type
from connector.mapping.translate import Skipped, translate

_NO_ENTRY = "no entry"


class Effect(StrEnum):
    """What becomes of an Intercom event: there is a new one, one is gone, or it says something else."""

    ADDED = "added"
    GONE = "gone"
    CHANGED = "changed"


@dataclass(frozen=True, slots=True)
class Made:
    """What `entry` made of an event."""

    entry: Entry
    outcome: IntercomEvent | Skipped

    @property
    def event(self) -> IntercomEvent | None:
        return self.outcome if isinstance(self.outcome, IntercomEvent) else None

    @property
    def reason(self) -> str | None:
        """Why there is no event."""
        return self.outcome.reason if isinstance(self.outcome, Skipped) else None


@dataclass(frozen=True, slots=True)
class Change:
    """One thing that an event says otherwise: `about` is name, created_at, contact, once or metadata.KEY.

    None is for what is absent; the types are those of metadata keys.
    """

    about: str
    old: Json
    new: Json
    old_type: MetadataType | None = None
    new_type: MetadataType | None = None

    @property
    def drifts(self) -> bool:
        """Whether a key changes its type, which Intercom has taken from the first event of that name."""
        return self.old_type is not None and self.new_type is not None and self.old_type is not self.new_type


@dataclass(frozen=True, slots=True)
class Difference:
    """How an entry's outcome for one event changes; `why` is what the rule says where it makes no event."""

    mapping_id: str
    effect: Effect
    old: IntercomEvent | None
    new: IntercomEvent | None
    changes: tuple[Change, ...]
    why: str | None = None

    @property
    def name(self) -> str:
        event = self.new or self.old
        return event.name if event else ""


@dataclass(frozen=True, slots=True)
class Drift:
    """A key of an event name that would change its type."""

    name: str
    key: str
    old: MetadataType
    new: MetadataType
    mapping_id: str


def difference(mapping_id: str, old: Made | None, new: Made | None) -> Difference | None:
    """How two outcomes of one event differ; None where Intercom would see none."""
    was, now = old.event if old else None, new.event if new else None
    if was is None and now is None:
        return None
    if now is None:
        return Difference(mapping_id, Effect.GONE, was, None, (), (new.reason if new else None) or _NO_ENTRY)
    if was is None:
        return Difference(mapping_id, Effect.ADDED, None, now, (), (old.reason if old else None) or _NO_ENTRY)
    changes = tuple(_changes(old, was, new, now)) if old and new else ()
    return Difference(mapping_id, Effect.CHANGED, was, now, changes) if changes else None


def _changes(old: Made, was: IntercomEvent, new: Made, now: IntercomEvent) -> Iterator[Change]:
    for about in ("name", "created_at", "once"):
        if getattr(was, about) != getattr(now, about):
            yield Change(about, getattr(was, about), getattr(now, about))
    if was.contact != now.contact:
        yield Change("contact", _ways(was.contact), _ways(now.contact))
    yield from _metadata_changes(types_of(old.entry, was.metadata), was, types_of(new.entry, now.metadata), now)
    if not set(was.metadata) ^ set(now.metadata) and list(was.metadata) != list(now.metadata):
        yield Change("metadata order", list(was.metadata), list(now.metadata))


def _metadata_changes(
    was_types: Mapping[str, MetadataType],
    was: IntercomEvent,
    now_types: Mapping[str, MetadataType],
    now: IntercomEvent,
) -> Iterator[Change]:
    for key in dict.fromkeys((*now.metadata, *was.metadata)):
        old, new = was.metadata.get(key), now.metadata.get(key)
        if old != new or was_types.get(key) is not now_types.get(key):
            yield Change(f"metadata.{key}", old, new, was_types.get(key), now_types.get(key))


def _ways(contact: Iterable[Identifier]) -> list[dict[str, str]]:
    return [{way.kind.value: way.value} for way in contact]


def types_of(entry: Entry, metadata: Mapping[str, MetadataValue]) -> dict[str, MetadataType]:
    """The type of each key that was sent: as the rule says, or as Intercom reads it out of key and value."""
    declared = entry.types
    return {key: declared.get(key) or key_type(key) or _value_type(value) for key, value in metadata.items()}


def _value_type(value: MetadataValue) -> MetadataType:
    match value:
        case str():
            return MetadataType.TEXT
        case int() | float():
            return MetadataType.NUMBER
        case _:
            return MetadataType.MONEY if "amount" in value else MetadataType.RICH_LINK


class Comparison:
    """Two catalogues side by side: `old` is in use, `new` would be."""

    def __init__(self, old: Catalog, new: Catalog) -> None:
        self.old, self.new = old, new
        before, after = _enabled(old), _enabled(new)
        self.added = sorted(after.keys() - before.keys())
        """Ids of entries that would be on and are not."""
        self.gone = sorted(before.keys() - after.keys())
        self.changed = sorted(key for key in before.keys() & after.keys() if _differ(before[key], after[key]))
        self.new_names = _missing(after.values(), before.values())
        """Event names that no entry that is on has had so far: each is one of the 120 that Intercom keeps."""
        self.gone_names = _missing(before.values(), after.values())
        self.drifts = tuple(_drifts(before.values(), after.values()))
        self._touched = {*self.added, *self.gone, *self.changed}
        self._concerned: dict[tuple[str, str], bool] = {}

    @property
    def same(self) -> bool:
        """Whether the two behave equally."""
        return not self._touched

    def concerns(self, source: str, event_type: str) -> bool:
        """Whether events of this type may become something else: the others need not be translated."""
        key = (source, event_type)
        if (known := self._concerned.get(key)) is None:
            old, new = self.old.select(source, event_type), self.new.select(source, event_type)
            known = {entry.id for entry in old} != {entry.id for entry in new}
            known = known or any(entry.id in self._touched for entry in new)
            if len(self._concerned) < _TYPES_REMEMBERED:
                self._concerned[key] = known
        return known

    def differences(
        self, event: SourceEvent, payload: Mapping[str, Any], *, received_at: int, names: Names, options: Options
    ) -> list[Difference]:
        """What would become otherwise of one event; `received_at` is Unix seconds."""

        def made(catalog: Catalog) -> dict[str, Made]:
            return {
                entry.id: Made(
                    entry, translate(event, payload, entry, received_at=received_at, names=names, options=options)
                )
                for entry in catalog.select(event.source, event.type)
            }

        old, new = made(self.old), made(self.new)
        found = (difference(key, old.get(key), new.get(key)) for key in dict.fromkeys((*new, *old)))
        return [each for each in found if each is not None]


_TYPES_REMEMBERED = 10_000


def _enabled(catalog: Catalog) -> dict[str, Entry]:
    return {entry.id: entry for entry in catalog.entries if entry.enabled}


def _differ(one: Entry, other: Entry) -> bool:
    return one.definition is not other.definition and behaviour(one) != behaviour(other)


def _missing(entries: Iterable[Entry], others: Iterable[Entry]) -> Sequence[str]:
    """The fixed names of `entries` that none of `others` has, as Intercom compares names."""
    known = {same_name(entry.name) for entry in others if entry.name}
    found = {same_name(entry.name): entry.name for entry in entries if entry.name}
    return sorted(name for key, name in found.items() if key not in known)


def _drifts(before: Iterable[Entry], after: Iterable[Entry]) -> Iterator[Drift]:
    known = {
        (same_name(entry.name), key.casefold()): kind
        for entry in before
        if entry.name
        for key, kind in sent_types(entry)
    }
    for entry in after:
        for key, kind in sent_types(entry) if entry.name else ():
            was = known.get((same_name(entry.name or ""), key.casefold()), kind)
            if was is not kind:
                yield Drift(entry.name or "", key, was, kind, entry.id)

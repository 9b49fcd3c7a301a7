"""All entries, found by source and event type in constant time."""

from __future__ import annotations

import json
from collections.abc import Iterable
from functools import cached_property
from hashlib import blake2b
from typing import Any

from connector.mapping.dialect import DIALECTS
from connector.mapping.entry import Entry
from connector.mapping.walk import outline

_SAYS_NOTHING = ("description", "examples")


class Catalog:
    """A set of entries, in the order they were given."""

    def __init__(self, entries: Iterable[Entry] = ()) -> None:
        self.entries: tuple[Entry, ...] = tuple(entries)
        self._by_trigger: dict[tuple[str, str], tuple[Entry, ...]] = {}
        for entry in self.entries:
            for trigger in entry.triggers if entry.enabled else ():
                key = (entry.source, trigger)
                self._by_trigger[key] = (*self._by_trigger.get(key, ()), entry)

    @cached_property
    def digest(self) -> str:
        """32 hexadecimal digits; found when somebody asks: a thousand workspaces' own catalogues are never asked."""
        return _digest(self.entries)

    def select(self, source: str, event_type: str) -> tuple[Entry, ...]:
        """The enabled entries for an event of this stored type; catch-alls only where nothing narrower is."""
        if (dialect := DIALECTS.get(source)) is None:
            return ()
        trigger = dialect.normal(event_type)
        if found := self._by_trigger.get((source, trigger)):
            return found
        for wider in dialect.wider(trigger):
            if found := self._by_trigger.get((source, wider)):
                return found
        return ()

    def switched_off(self, source: str, event_type: str) -> tuple[Entry, ...]:
        """The entries that are off and would take this type if they were on, narrowest first."""
        if (dialect := DIALECTS.get(source)) is None:
            return ()
        trigger = dialect.normal(event_type)
        entries = [entry for entry in self.entries if not entry.enabled and entry.source == source]
        wanted = (trigger, *dialect.wider(trigger))
        return tuple(entry for one in wanted for entry in entries if one in entry.triggers)

    def triggers(self, source: str) -> tuple[str, ...]:
        """The event types of `source` that enabled entries ask for, as they are written; `*` among them is all."""
        asking = [entry for entry in self.entries if entry.enabled and entry.source == source]
        written = {entry.dialect.normal(trigger): trigger for entry in asking for trigger in entry.definition.trigger}
        return tuple(sorted(written.values()))


def behaviour(entry: Entry) -> str:
    """What `entry` does, as text that is equal for entries that behave equally; the order of keys counts."""
    said: dict[str, Any] = outline(entry.definition)
    return json.dumps([entry.id, entry.source, {key: said[key] for key in said if key not in _SAYS_NOTHING}])


def _digest(entries: Iterable[Entry]) -> str:
    return blake2b("\n".join(sorted(behaviour(entry) for entry in entries)).encode(), digest_size=16).hexdigest()

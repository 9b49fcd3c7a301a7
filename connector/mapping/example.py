"""An entry's examples: what a payload has to become, and how far what it became differs from that."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from connector.events import IntercomEvent, SourceEvent
from connector.mapping.context import Json, Options
from connector.mapping.dialect import Dialect
from connector.mapping.document import Example, Gives
from connector.mapping.entry import Entry
from connector.mapping.problem import Place
from connector.mapping.translate import Skipped, translate

_A_DAY = 86_400
_NO_TIME = 4_102_444_800
"""2100-01-01: later than anything that a payload without a time of its own may say."""


@dataclass(frozen=True, slots=True)
class Differing:
    """One thing that is otherwise than the example wants it; `only_words` where there are no two values to compare."""

    what: str
    wanted: Json
    found: Json
    sentence: str
    only_words: bool = False


@dataclass(frozen=True, slots=True)
class Ran:
    """One example that was run: where it stands, what its payload became (None where it could not be read) and all
    that differs.
    """

    entry: Entry
    place: Place
    payload: str
    became: IntercomEvent | Skipped | None
    differing: tuple[Differing, ...]

    @property
    def ok(self) -> bool:
        return not self.differing

    @property
    def differences(self) -> tuple[str, ...]:
        """What differs, in sentences."""
        return tuple(each.sentence for each in self.differing)

    @property
    def notes(self) -> tuple[str, ...]:
        """What the translation left out or corrected, which may be why."""
        return self.became.notes if self.became else ()


def run(entry: Entry, example: Example, payload: Mapping[str, Any], options: Options, place: Place) -> Ran:
    """`example` of `entry`, on or off, with its `payload`; `place` is where the example stands."""
    became = became_of(entry, payload, options, received_at=example.received_at, names=example.names)
    differing = (*_trigger_differs(entry, payload), *_differences(example.gives, became))
    return Ran(entry, place, example.file or "payload", became, differing)


def unread(entry: Entry, example: Example, why: str, place: Place) -> Ran:
    """`example`, whose payload cannot be read."""
    return Ran(entry, place, example.file or "payload", None, (_in_words(why),))


def became_of(
    entry: Entry,
    payload: Mapping[str, Any],
    options: Options,
    *,
    received_at: int | None = None,
    names: Mapping[str, str] | None = None,
) -> IntercomEvent | Skipped:
    """What `entry`, on or off, makes of `payload`, received the day after it happened unless told."""
    when = a_day_later(entry.dialect, payload) if received_at is None else received_at
    event = SourceEvent(entry.source, "example", entry.dialect.type_of(payload), b"")
    known = (names or {}).get
    return translate(event, payload, replace(entry, enabled=True), received_at=when, names=known, options=options)


def a_day_later(dialect: Dialect, payload: Mapping[str, Any]) -> int:
    """The Unix second of receipt of a payload that nobody has received: the day after it happened."""
    happened = dialect.happened(payload, _NO_TIME)
    return _NO_TIME if happened is None else int(happened) + _A_DAY


def _trigger_differs(entry: Entry, payload: Mapping[str, Any]) -> Iterator[Differing]:
    trigger = entry.dialect.normal(shown := entry.dialect.type_of(payload))
    if not {trigger, *entry.dialect.wider(trigger)} & set(entry.triggers):
        asked = ", ".join(entry.definition.trigger)
        yield _in_words(f"trigger: the payload is `{shown}`, which is none of `{asked}`")


def _differences(gives: Gives | str | None, became: IntercomEvent | Skipped) -> Iterator[Differing]:
    match gives, became:
        case Gives(), IntercomEvent():
            yield from _event_differs(gives, became)
        case str(), IntercomEvent():
            yield _in_words(f"becomes `{became.name}` instead of nothing")
        case ((Gives() | None), Skipped(reason=reason)):
            yield _in_words(f"becomes nothing ({reason})")


def _event_differs(gives: Gives, became: IntercomEvent) -> Iterator[Differing]:
    for what in ("name", "created_at", "once"):
        wanted = getattr(gives, what)
        if wanted is not None and wanted != getattr(became, what):
            yield _differs(what, getattr(became, what), wanted)
    contact = {identifier.kind: identifier.value for identifier in became.contact}
    for kind, wanted in (gives.contact or {}).items():
        if contact.get(kind) != wanted:
            yield _differs(f"contact.{kind.value}", contact.get(kind), wanted)
    for key, wanted in (gives.metadata or {}).items():
        found = became.metadata.get(key)
        if not _same(found, wanted):
            yield _differs(f"metadata.{key}", found, wanted)


def _same(found: Json, wanted: Json) -> bool:
    """Equal in value and kind: 1 is neither true nor "1", and 2.0 is 2 to JSON."""
    return found == wanted and isinstance(found, bool) is isinstance(wanted, bool)


def _differs(what: str, found: Json, wanted: Json) -> Differing:
    return Differing(what, wanted, found, f"{what} is {_shown(found)} instead of {_shown(wanted)}")


def _in_words(sentence: str) -> Differing:
    return Differing("", None, None, sentence, only_words=True)


def _shown(value: Json) -> str:
    return "absent" if value is None else repr(value)

"""One event's rule, compiled: what `translate` runs and `catalog` selects."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from connector.events import IdentifierKind
from connector.mapping.closures import Evaluate
from connector.mapping.contact import contact_finder
from connector.mapping.context import Context, Json
from connector.mapping.dates import exact_seconds
from connector.mapping.dialect import DIALECTS, Dialect
from connector.mapping.document import Defaults, Derive, Event, Example, Head, Keep
from connector.mapping.event_name import derive_name, kept_name
from connector.mapping.lookup import Convert, Find, as_it_is, finder
from connector.mapping.metadata import Field, MetadataType, each_finder
from connector.mapping.metadata import field as metadata_field
from connector.mapping.problem import Place
from connector.mapping.roots import Reads, needs, reads
from connector.mapping.text import text_of
from connector.mapping.values import Lookup


@dataclass(frozen=True, slots=True, eq=False)
class Entry:
    """A compiled rule.

    `name` is the event's fixed name, None where `derive` makes one of the payload. `definition` is what was written,
    with the document's defaults in it; `place` is where. `types` is each metadata key's type, in order. `vars` are
    those that are used, `needs_root` is whether its expressions look at anything beside the payload.
    """

    id: str
    source: str
    triggers: tuple[str, ...]
    name: str | None
    enabled: bool
    definition: Event
    place: Place
    contact: tuple[tuple[IdentifierKind, Find], ...]
    metadata: tuple[Field, ...]
    dialect: Dialect = field(repr=False)
    when: Evaluate | None = None
    derive: Find | None = None
    make_name: Callable[[str], str | None] = derive_name
    once: Find | None = None
    created_at: Find | None = None
    vars: tuple[tuple[str, Find], ...] = ()
    each: Find | None = None
    needs_before: bool = False
    needs_root: bool = False
    example_places: tuple[Place, ...] = ()

    def example_place(self, number: int) -> Place:
        """Where the example of this number stands; its entry's place where that is not known."""
        return self.example_places[number] if number < len(self.example_places) else self.place

    @property
    def description(self) -> str:
        return self.definition.description or ""

    @property
    def examples(self) -> tuple[Example, ...]:
        return self.definition.examples

    @property
    def types(self) -> Mapping[str, MetadataType]:
        return {one.key: one.type for one in self.metadata}


def completed(event: Event, head: Head) -> Event:
    """`event` with its document's contact and defaults where it has none of its own."""
    defaults: Defaults = head.defaults
    return event.model_copy(
        update={
            "enabled": defaults.enabled if event.enabled is None else event.enabled,
            "contact": event.contact or head.contact,
            "vars": {**defaults.vars, **event.vars},
            "when": event.when or defaults.when,
            "created_at": event.created_at or defaults.created_at,
        }
    )


def entry_id(event: Event, source: str) -> str:
    """What the entry is known by, whatever its file and place."""
    if event.id is not None:
        return event.id
    return f"{source}:{fixed_name(event) or event.trigger[0]}"


def fixed_name(event: Event) -> str | None:
    """The event's name, where it is the same every time."""
    match event.name:
        case str() as name:
            return name
        case Keep(keep=name):
            return name
        case Derive():
            return None


def compile_entry(
    event: Event, source: str, place: Place, example_places: tuple[Place, ...] = (), rule: Reads | None = None
) -> Entry:
    """The completed `event` as an Entry; its expressions have been checked. `rule` is what they read, where known."""
    dialect = DIALECTS[source]
    extras = event.metadata.__pydantic_extra__
    needed = needs(rule or reads(event))
    return Entry(
        id=entry_id(event, source),
        source=source,
        triggers=tuple(dict.fromkeys(dialect.normal(trigger) for trigger in event.trigger)),
        name=fixed_name(event),
        enabled=event.enabled is not False,
        definition=event,
        place=place,
        contact=tuple((kind, contact_finder(kind, found)) for kind, found in (event.contact or {}).items()),
        metadata=tuple(metadata_field(key, value, dialect.unit) for key, value in extras.items()),
        dialect=dialect,
        when=event.when.evaluate if event.when else None,
        derive=finder(event.name.derive, "name", _text) if isinstance(event.name, Derive) else None,
        make_name=kept_name if isinstance(event.name, Derive) and not event.name.turn else derive_name,
        once=_optional(event.once, "once", _text),
        created_at=_optional(event.created_at, "created_at", _moment),
        vars=tuple((name, finder(event.vars[name], f"vars.{name}", as_it_is)) for name in needed.vars),
        each=each_finder(event.metadata.each, event.metadata.only) if event.metadata.each else None,
        needs_before=needed.before,
        needs_root=needed.any,
        example_places=example_places,
    )


def _optional(source: Lookup | None, about: str, convert: Convert) -> Find | None:
    return None if source is None else finder(source, about, convert)


def _text(value: Json, context: Context, about: str) -> str | None:
    if (found := text_of(value)) is None:
        context.note(about, "neither text nor a number")
    return found


def _moment(value: Json, context: Context, about: str) -> float | None:
    if (moment := exact_seconds(value)) is None:
        context.note(about, "no moment that can be read")
    return moment

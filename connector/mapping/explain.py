"""What an entry does, in words: for `connector mappings show` and whoever else has to tell a person."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from connector.mapping.document import Derive, Event
from connector.mapping.entry import Entry
from connector.mapping.forms import Date, Image, Join, Link, Money, Number, Text, Value
from connector.mapping.metadata import field
from connector.mapping.values import Constant, Item, Lookup, Template, items


@dataclass(frozen=True, slots=True)
class Row:
    """One metadata key, its type, and where its value comes from."""

    key: str
    type: str
    source: str


@dataclass(frozen=True, slots=True)
class Explanation:
    """An entry in sentences, and its metadata as rows of a table, in the order of sending."""

    sentences: tuple[str, ...]
    rows: tuple[Row, ...]


def explain(entry: Entry) -> Explanation:
    """What `entry` does."""
    return Explanation(tuple(_sentences(entry)), tuple(_rows(entry)))


def _sentences(entry: Entry) -> Iterator[str]:
    event = entry.definition
    if event.description:
        yield event.description
    yield _what(entry)
    yield f"It goes to the contact with {_contact(event)}."
    if event.created_at is not None:
        yield f"It happened at {tried(event.created_at)}, else when {entry.source.capitalize()} says."
    if event.once is not None:
        yield f"Events with the same {tried(event.once)} become one."
    for name, _find in entry.vars:
        yield f"`vars.{name}` is {tried(event.vars[name])}."
    if not entry.enabled:
        yield "It is off: write `enabled: true` to use it."


def _what(entry: Entry) -> str:
    event = entry.definition
    triggers = " or ".join(f"`{trigger}`" for trigger in event.trigger)
    condition = f", and {_code(event.when.text)} is true" if event.when else ""
    made = f"an event named after {_code(event.name.derive.text)}" if isinstance(event.name, Derive) else ""
    return f"When {entry.source.capitalize()} sends {triggers}{condition}, Intercom gets {made or f'`{entry.name}`'}."


def _contact(event: Event) -> str:
    ways = (f"{kind.value} {tried(found)}" for kind, found in (event.contact or {}).items())
    return "; else ".join(ways)


def _rows(entry: Entry) -> Iterator[Row]:
    metadata = entry.definition.metadata
    for key, value in (metadata.__pydantic_extra__ or {}).items():
        yield Row(key, field(key, value, entry.dialect.unit).type.value, origin(value, entry.dialect.unit))
    if metadata.each is not None:
        which = ", ".join(metadata.only) if metadata.only is not None else "all fields"
        yield Row("…", "as sent", f"{which} of {tried(metadata.each)}")


def origin(value: Value, unit: str) -> str:
    """Where a metadata value comes from, in words."""
    match value:
        case Money():
            return f"{tried(value.money)} in {tried(value.currency)}, {value.unit or unit} units"
        case Link(title=None) | Image():
            return tried(value.link if isinstance(value, Link) else value.image)
        case Link():
            return f"{tried(value.link)}, shown as {tried(value.title or ())}"
        case Text():
            return tried(value.text) + _words(value)
        case Number():
            return tried(value.number)
        case Date():
            return tried(value.date)
        case Join():
            return f"the items of {tried(value.join)}" + (f", at most {value.max}" if value.max else "")
        case source:
            return tried(source)


def _words(value: Text) -> str:
    if value.translate is None:
        return ""
    words = ", ".join(f"{said} → {word}" for said, word in value.translate.items())
    match value.otherwise:
        case Constant(constant=constant):
            return f" ({words}, others → {constant})"
        case "drop":
            return f" ({words}, others left out)"
        case _:
            return f" ({words}, others as they are)"


def tried(source: Lookup) -> str:
    """A source's attempts in order: `a`, else `b`."""
    return ", else ".join(_item(item) for item in items(source))


def _item(item: Item) -> str:
    match item:
        case Constant(constant=constant):
            return f"“{constant}”"
        case Template(template=template):
            return f"“{template.text}”"
        case expression:
            return _code(expression.text)


def _code(text: str) -> str:
    """`text` as Markdown's code, which wants two backticks around one, and a blank beside it."""
    if "`" not in text:
        return f"`{text}`"
    return f"``{text} ``" if text.endswith("`") else f"``{text}``"

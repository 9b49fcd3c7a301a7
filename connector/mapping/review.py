"""What is wrong with a rule that is well-formed: names, keys, triggers, and what its expressions look at."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from connector.mapping.context import METADATA_KEYS
from connector.mapping.dialect import ANY, Dialect
from connector.mapping.document import Event, Keep
from connector.mapping.english import mistake_in_english
from connector.mapping.event_name import mistake_in_kept_name, mistake_in_name
from connector.mapping.forms import Date, Image, Link, Money, Text, Value
from connector.mapping.keys import mistake_in_key
from connector.mapping.metadata import DATE_ENDING, MetadataType, key_type
from connector.mapping.problem import Mistake, did_you_mean
from connector.mapping.roots import BEFORE, EXTRA_ROOTS, RECEIVED_AT, Reads, circular
from connector.mapping.syntax import Loc
from connector.mapping.text import MAX_TEXT, is_url
from connector.mapping.values import Constant, Form, Lookup, Template, items
from connector.mapping.walk import Found

MAX_KEYS = 20
"""No workspace keeps more metadata keys of an event."""


@dataclass(frozen=True, slots=True)
class Finding:
    """A mistake at the value (or, `at_key`, the key) that `loc` leads to from the event."""

    loc: Loc
    mistake: Mistake
    at_key: bool = False
    warning: bool = False


@dataclass(frozen=True, slots=True)
class Checks:
    """How closely to look: `metadata_keys` are kept of an event; `thorough` asks books about names and types, which
    takes a second.
    """

    metadata_keys: int = METADATA_KEYS
    thorough: bool = False


def review(event: Event, dialect: Dialect, checks: Checks, found: Sequence[Found], rule: Reads) -> Iterator[Finding]:
    """Everything wrong with the completed `event`, given how its source writes, its expressions and what they read."""
    for look in (_trigger, _name, _contact, _keys, _types, _constants, _examples):
        yield from look(event, dialect)
    yield from _reads(found, event, dialect)
    yield from _vars(event, rule)
    yield from _too_many_keys(event, checks.metadata_keys)
    if checks.thorough:
        yield from _english(event)
        yield from _unknown_types(event, dialect)


def _trigger(event: Event, dialect: Dialect) -> Iterator[Finding]:
    seen: dict[str, str] = {}
    for index, trigger in enumerate(event.trigger):
        if mistake := dialect.misspelt(trigger):
            yield Finding(("trigger", index), mistake)
        elif (first := seen.setdefault(dialect.normal(trigger), trigger)) is not trigger:
            yield Finding(("trigger", index), Mistake(f"`{trigger}` is the same as `{first}`", "take one out"))


def _name(event: Event, _dialect: Dialect) -> Iterator[Finding]:
    match event.name:
        case str() as name if mistake := mistake_in_name(name):
            yield Finding(("name",), mistake)
        case Keep(keep=name) if mistake := mistake_in_kept_name(name):
            yield Finding(("name", "keep"), mistake)


def _english(event: Event) -> Iterator[Finding]:
    name = event.name
    if isinstance(name, str) and mistake_in_name(name) is None and (mistake := mistake_in_english(name)):
        yield Finding(("name",), mistake)


def _unknown_types(event: Event, dialect: Dialect) -> Iterator[Finding]:
    """A warning only: Stripe invents new types before its library knows them."""
    known = dialect.known()
    for index, trigger in enumerate(event.trigger):
        if known and trigger not in known and trigger != ANY and not dialect.misspelt(trigger):
            meant = did_you_mean(trigger, known, likeness=0.8)
            remedy = f"did you mean `{meant}`?" if meant else "compare it with Stripe's list of event types"
            what = f"no event type of {dialect.source.capitalize()} is known as `{trigger}`"
            yield Finding(("trigger", index), Mistake(what, remedy), warning=True)


def _contact(event: Event, dialect: Dialect) -> Iterator[Finding]:
    if not event.contact:
        example = "{email: data.object.customer_email}" if dialect.source == "stripe" else "{user_id: userId}"
        mistake = Mistake("nothing says who it happened to", f"add `contact: {example}` here or at the file's top")
        yield Finding((), mistake)


def _reads(found: Sequence[Found], event: Event, dialect: Dialect) -> Iterator[Finding]:
    for loc, expression in found:
        for names in expression.reads:
            if mistake := _misread(names, event, dialect):
                yield Finding(loc, mistake)
                break


def _misread(names: tuple[str, ...], event: Event, dialect: Dialect) -> Mistake | None:
    match names:
        case ():
            return None
        case ("vars", name, *_) if name not in event.vars:
            meant = did_you_mean(name, event.vars)
            return Mistake(
                f"there is no `vars.{name}`", f"did you mean `vars.{meant}`?" if meant else "define it in `vars`"
            )
        case (first, *_) if first == BEFORE and dialect.source != "stripe":
            return Mistake("`before` is there for Stripe's updates only", "read the event's own fields")
        case (first, *rest) if first not in dialect.shape and first not in EXTRA_ROOTS:
            return _unknown_root(first, rest, dialect)
        case (first, *rest) if rest and not dialect.shape.get(first, first != RECEIVED_AT):
            path = rest if dialect.within.endswith(first) else names
            better = f"{dialect.within}.{'.'.join(path)}"
            return Mistake(
                f"`{first}` is a single value of the event, with nothing below it", f"did you mean `{better}`?"
            )
    return None


def _unknown_root(first: str, rest: list[str], dialect: Dialect) -> Mistake:
    what = f"no {dialect.source.capitalize()} event has `{first}` at its top"
    if meant := did_you_mean(first, [*dialect.shape, *EXTRA_ROOTS], likeness=0.8):
        return Mistake(what, f"did you mean `{'.'.join([meant, *rest])}`?")
    path = ".".join([first, *rest])
    text = "" if rest else f", or {{constant: {first}}} for the text itself"
    return Mistake(what, f"write `{dialect.within}.{path}`{text}")


def _vars(event: Event, rule: Reads) -> Iterator[Finding]:
    for name in event.vars:
        if not name.isidentifier() or not name.isascii():
            mistake = Mistake(f"`{name}` is no name for a value", "use letters, digits and _")
            yield Finding(("vars", name), mistake, at_key=True)
    if (circle := circular(rule)) is not None:
        yield Finding(("vars", circle), Mistake(f"`vars.{circle}` is made of itself", "take the circle apart"))


def _keys(event: Event, _dialect: Dialect) -> Iterator[Finding]:
    seen: dict[str, str] = {}
    for key in event.metadata.__pydantic_extra__ or {}:
        loc = ("metadata", key)
        if mistake := mistake_in_key(key):
            yield Finding(loc, mistake, at_key=True)
        elif (first := seen.setdefault(key.casefold(), key)) is not key:
            mistake = Mistake(f"`{key}` and `{first}` are one key to Intercom", "take one out")
            yield Finding(loc, mistake, at_key=True)
        elif (price := _stands_in_for(key, event)) is not None:
            what = f"`{key}` is sent instead of `{price}`, where its amount cannot be said"
            yield Finding(loc, Mistake(what, "give this key another name"), at_key=True)
    if event.metadata.only is not None and event.metadata.each is None:
        yield Finding(("metadata", "only"), Mistake("`only` without `each`", "add `each: properties`"), at_key=True)


def _stands_in_for(key: str, event: Event) -> str | None:
    price, _, ending = key.rpartition("_")
    value = (event.metadata.__pydantic_extra__ or {}).get(price)
    return price if ending in ("amount", "currency") and isinstance(value, Money) else None


def _types(event: Event, _dialect: Dialect) -> Iterator[Finding]:
    for key, value in (event.metadata.__pydantic_extra__ or {}).items():
        if mistake := _mistyped(key, value):
            yield Finding(("metadata", key), mistake, at_key=True)


def _mistyped(key: str, value: Value) -> Mistake | None:
    kind = key_type(key)
    if isinstance(value, Date) and kind is not MetadataType.DATE:
        return Mistake(f"a date under `{key}` is a bare number to Intercom", f"call it `{_dated(key)}`")
    if kind is None or not isinstance(value, Form) or isinstance(value, Template | Constant):
        return None
    if kind is MetadataType.DATE and not isinstance(value, Date):
        return Mistake(
            f"Intercom takes `{key}` for a date, by its ending", "give it another ending, or write {date: …}"
        )
    if kind is MetadataType.STRIPE:
        return Mistake(f"Intercom takes `{key}` for a Stripe id", "give it another name, or write the id's path alone")
    return None


def _dated(key: str) -> str:
    """paid_at → paid_date"""
    return re.sub(r"_?(at|on|time|timestamp)?$", "", key, count=1) + DATE_ENDING


def _constants(event: Event, _dialect: Dialect) -> Iterator[Finding]:
    for key, value in (event.metadata.__pydantic_extra__ or {}).items():
        for part, found in _addresses(value):
            if not all(_may_be_address(item) for item in items(found)):
                remedy = "begin it with https://"
                yield Finding(("metadata", key, part), Mistake("a link that is no http(s) address", remedy))
        if isinstance(value, Text) and any(len(word) > MAX_TEXT for word in (value.translate or {}).values()):
            mistake = Mistake(f"a text beyond {MAX_TEXT} characters", "shorten it")
            yield Finding(("metadata", key, "translate"), mistake)


def _addresses(value: Value) -> Iterator[tuple[str, Lookup]]:
    match value:
        case Link(link=found):
            yield "link", found
        case Image(image=found):
            yield "image", found


def _may_be_address(item: object) -> bool:
    match item:
        case Constant(constant=constant):
            return is_url(str(constant))
        case Template(template=template):
            first = template.pieces[0]
            return not isinstance(first, str) or first.lower().startswith(("http://", "https://"))
        case _:
            return True


def _examples(event: Event, _dialect: Dialect) -> Iterator[Finding]:
    for index, example in enumerate(event.examples):
        if (example.file is None) is (example.payload is None):
            mistake = Mistake("an example wants either `file` or `payload`", "write `file: payloads/invoice.paid.json`")
            yield Finding(("examples", index), mistake)


def _too_many_keys(event: Event, limit: int) -> Iterator[Finding]:
    keys = list(event.metadata.__pydantic_extra__ or {})
    if len(keys) > MAX_KEYS:
        mistake = Mistake(f"{len(keys)} metadata keys", f"Intercom keeps {limit}: take out the least important")
        yield Finding(("metadata", keys[MAX_KEYS]), mistake, at_key=True)
    elif len(keys) > limit:
        mistake = Mistake(f"{len(keys)} metadata keys", f"only the first {limit} reach Intercom")
        yield Finding(("metadata", keys[limit]), mistake, at_key=True, warning=True)

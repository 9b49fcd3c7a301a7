"""One source event and one entry → the Intercom event it becomes, or why it becomes none. Never raises."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

from connector.events import Identifier, IntercomEvent, MetadataValue, SourceEvent
from connector.mapping.closures import EVALUATION_ERRORS, is_false
from connector.mapping.context import Context, Json, Names, Options
from connector.mapping.dates import EARLIEST_EVENT
from connector.mapping.entry import Entry
from connector.mapping.functions import previous_attributes
from connector.mapping.lookup import why
from connector.mapping.roots import BEFORE, RECEIVED_AT, VARS

__all__ = ["Names", "Options", "Skipped", "translate"]

Root: TypeAlias = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Skipped:
    """No Intercom event. `reason`: "disabled", "when" (its condition does not hold) or "name" (none can be made)."""

    reason: str
    notes: tuple[str, ...] = ()


def translate(
    event: SourceEvent,
    payload: Mapping[str, Any],
    entry: Entry,
    *,
    received_at: int,
    names: Names,
    options: Options,
) -> IntercomEvent | Skipped:
    """What `entry` makes of `event`, whose body is `payload`; `received_at` is Unix seconds.

    A contact that is not to be found is an empty `contact`; what was left out or corrected is in the notes.
    """
    if not entry.enabled:
        return Skipped("disabled")
    context = Context(payload, received_at, names, options, entry.dialect.unit)
    root = root_of(entry, context)
    if not _holds(entry, root, context):
        return Skipped("when", tuple(context.notes))
    name = entry.name or _derived(entry, root, context)
    if name is None:
        return Skipped("name", tuple(context.notes))
    created_at = _created_at(event, entry, root, context)
    contact = _contact(entry, root, context)
    metadata = _metadata(entry, root, context)
    once = entry.once(root, context) if entry.once else None
    return IntercomEvent(entry.id, name, created_at, contact, metadata, once, tuple(context.notes))


def root_of(entry: Entry, context: Context) -> Root:
    """What the expressions see: the payload, and as much of `vars`, `before` and `received_at` as they use."""
    payload = context.payload
    if not entry.needs_root:
        return payload if isinstance(payload, dict) else dict(payload)
    values: dict[str, Any] = {}
    root = {**payload, RECEIVED_AT: context.received_at, VARS: values}
    if entry.needs_before:
        root[BEFORE] = _before(context)
    for name, find in entry.vars:
        values[name] = find(root, context)
    return root


def _before(context: Context) -> Json:
    """The object of a Stripe update as it was: `data.object` with `data.previous_attributes` laid over it."""
    data = context.payload.get("data")
    current = data.get("object") if isinstance(data, Mapping) else None
    try:
        return overlaid(current, previous_attributes(context.payload))
    except RecursionError:
        context.note(BEFORE, "nested too deeply")
        return None


def overlaid(value: Json, previous: Json) -> Json:
    """`value` with what `previous` says instead; objects are merged key by key, lists are whole."""
    if not isinstance(value, Mapping) or not isinstance(previous, Mapping):
        return previous
    merged = dict(value)
    for key, was in previous.items():
        merged[key] = overlaid(merged.get(key), was)
    return merged


def _holds(entry: Entry, root: Root, context: Context) -> bool:
    if entry.when is None:
        return True
    try:
        return not is_false(entry.when(root, context))
    except EVALUATION_ERRORS as error:
        context.note("when", why(error))
        return False


def _derived(entry: Entry, root: Root, context: Context) -> str | None:
    said = entry.derive(root, context) if entry.derive else None
    name = entry.make_name(said) if said else None
    if name is None:
        context.note("name", "no event name can be made of what the payload says")
    return name


def _created_at(event: SourceEvent, entry: Entry, root: Root, context: Context) -> int:
    """Unix seconds; the moment of receipt instead of one that is missing, before 2001 or still to come."""
    moment = entry.created_at(root, context) if entry.created_at else None
    if moment is None:
        moment = entry.dialect.happened(context.payload, context.received_at)
    if moment is None:
        moment = event.occurred_at
    if moment is None:
        context.note("created_at", "missing: the moment of receipt instead")
        return context.received_at
    second = int(moment)
    if not EARLIEST_EVENT <= second <= context.received_at:
        context.note("created_at", f"{second} is not between 2001 and its receipt: the moment of receipt instead")
        return context.received_at
    return second


def _contact(entry: Entry, root: Root, context: Context) -> tuple[Identifier, ...]:
    found = []
    for kind, find in entry.contact:
        if value := find(root, context):
            found.append(Identifier(kind, value))
    return tuple(found)


def _metadata(entry: Entry, root: Root, context: Context) -> dict[str, MetadataValue]:
    metadata = context.metadata
    for field in entry.metadata:
        if (value := field.find(root, context)) is not None:
            metadata[field.key] = value
    if entry.each:
        entry.each(root, context)
    return metadata if len(metadata) <= context.options.metadata_keys else _capped(metadata, context)


def _capped(metadata: dict[str, MetadataValue], context: Context) -> dict[str, MetadataValue]:
    limit = context.options.metadata_keys
    context.note("metadata", f"only the first {limit} keys are sent, not {', '.join(list(metadata)[limit:])}")
    return dict(list(metadata.items())[:limit])

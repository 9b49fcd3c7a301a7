"""One received event through the mapping: what it says, what goes out because of it, and what it means for its state.

Pure: the event, its body, the catalogue and the workspace's choices come in, a value goes out.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

from connector import strict_json
from connector.contacts.evidence import Evidence, evidence, identified, to_forget
from connector.events import Identifier, IntercomEvent, ReceivedState, SourceEvent, Trust
from connector.inbox.store import ReceivedEvent
from connector.mapping.catalog import Catalog
from connector.mapping.context import Options
from connector.mapping.translate import Skipped, translate
from connector.names import Name, stripe_names
from connector.workspaces.store import Workspace


@dataclass(frozen=True, slots=True)
class Rules:
    """What one workspace's events are mapped by; `digest` is what its deliveries say that they were made by."""

    catalog: Catalog
    options: Options
    digest: str


RulesOf: TypeAlias = Callable[[Workspace | None], Rules]
"""One mapping set, as each workspace has chosen to have it."""


@dataclass(frozen=True, slots=True)
class Translation:
    """What came of one received event. `reason` is set where `state` needs one; `catalogue` is what mapped it."""

    received: ReceivedEvent
    state: ReceivedState
    reason: str | None = None
    events: tuple[IntercomEvent, ...] = ()
    evidence: tuple[Evidence, ...] = ()
    names: tuple[Name, ...] = ()
    unnamed: tuple[str, ...] = ()
    """What the mapping asked the name of, and nobody has told: the next fallback was taken."""
    identified: tuple[Identifier, ...] = ()
    """Who may have appeared at Intercom because of it."""
    to_forget: Identifier | None = None
    """Whose data it asks to delete."""
    catalogue: str = ""


class _Lookup:
    """The names that are known, and a note of those that are not."""

    def __init__(self, known: Mapping[str, str]) -> None:
        self._known = known
        self.unnamed: dict[str, None] = {}

    def __call__(self, object_id: str) -> str | None:
        found = self._known.get(object_id)
        if found is None:
            self.unnamed[object_id] = None
        return found


def translation(received: ReceivedEvent, body: bytes, rules: Rules, *, names: Mapping[str, str]) -> Translation:
    """Never raises for any body: what breaks the mapping is a `failed` event that can be replayed."""
    try:
        payload = strict_json.parse_object(body)
    except strict_json.NotJson as error:
        return Translation(received, ReceivedState.UNPARSEABLE, str(error))
    try:
        return _translated(received, payload, rules, names)
    except Exception as error:  # noqa: BLE001 - one event must not stop the others
        return Translation(received, ReceivedState.FAILED, f"{type(error).__name__}: {error}")


def _translated(
    received: ReceivedEvent, payload: Mapping[str, Any], rules: Rules, names: Mapping[str, str]
) -> Translation:
    event, lookup = source_event(received), _Lookup(names)
    if forget := to_forget(event, payload):
        return Translation(received, ReceivedState.IGNORED, "deletes_a_person", to_forget=forget)
    found = [
        translate(event, payload, entry, received_at=received.received_at // 1000, names=lookup, options=rules.options)
        for entry in rules.catalog.select(event.source, event.type)
    ]
    events = tuple(each for each in found if isinstance(each, IntercomEvent))
    state, reason = _state(events, [each for each in found if isinstance(each, Skipped)])
    called = stripe_names(payload) if event.source == "stripe" and event.trust is Trust.SIGNED else ()
    return Translation(
        received,
        state,
        reason,
        events,
        evidence(event, payload),
        tuple(Name(received.workspace_id, object_id, name) for object_id, name in called),
        tuple(lookup.unnamed) if events else (),
        identified(event, payload),
        catalogue=rules.digest,
    )


def _state(events: tuple[IntercomEvent, ...], skipped: list[Skipped]) -> tuple[ReceivedState, str | None]:
    if events:
        return ReceivedState.MAPPED, None
    return (ReceivedState.IGNORED, skipped[0].reason) if skipped else (ReceivedState.UNMAPPED, None)


def source_event(received: ReceivedEvent, body: bytes = b"") -> SourceEvent:
    """A stored event as the mapping takes it."""
    return SourceEvent(
        received.source,
        received.external_key,
        received.type,
        body,
        received.occurred_at,
        received.livemode,
        received.api_version,
        received.trust,
    )

"""A whole document around one proposed entry, as text, with an example that the entry passes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from connector.events import IntercomEvent
from connector.mapping.context import Json
from connector.mapping.dialect import DIALECTS
from connector.mapping.metadata import MetadataType
from connector.mapping.proposal.fields import metadata_of
from connector.mapping.proposal.naming import proposed_name
from connector.mapping.proposal.people import contact_of
from connector.mapping.proposal.tracing import looked_at
from connector.mapping.proposal.yaml_text import block, sayable

_ENVELOPE = {
    "stripe": ("object", "type", "created", "livemode"),
    "segment": ("type", "event", "name", "timestamp", "originalTimestamp", "sentAt", "receivedAt"),
}
"""What an example keeps in any case: it says which event this is, and when it happened."""


@dataclass(frozen=True, slots=True)
class Proposal:
    """One entry for one type: everything but its example."""

    source: str
    event_type: str
    name: str
    contact: Mapping[str, list[str]]
    metadata: Mapping[str, Json]

    def text(self, example: Mapping[str, Any] | None = None) -> str:
        """The document as YAML; `example` as from `example_of`."""
        event: dict[str, Any] = {"trigger": self.event_type, "name": self.name, "description": self._description()}
        event |= {"metadata": dict(self.metadata)} if self.metadata else {}
        event |= {"examples": [dict(example)]} if example else {}
        contact = {kind: found[0] if len(found) == 1 else found for kind, found in self.contact.items()}
        document = {"version": 1, "source": self.source, "contact": contact, "events": [event]}
        lines = list(block(document))
        if example:
            at = next(index for index, line in enumerate(lines) if line.strip() == "examples:")
            lines.insert(at, "    # From a real event. Take out what is nobody's business before others see this file.")
        return "\n".join(lines) + "\n"

    def _description(self) -> str:
        called = self.event_type.removeprefix("track ") if self.source == "segment" else self.event_type
        return f"{called}, as {self.source.capitalize()} tells it."


def propose(
    source: str,
    event_type: str,
    payload: Mapping[str, Any] | None,
    *,
    limit: int,
    name: str | None = None,
    taken: Mapping[str, MetadataType] | None = None,
) -> Proposal:
    """An entry for `event_type`, by what `payload` has; `taken` are types of keys that events of its name have."""
    called = name or proposed_name(source, event_type)
    found = payload or _nothing_known(source, event_type)
    metadata = metadata_of(source, found, limit=limit, taken=taken)
    return Proposal(source, event_type, called, contact_of(source, found), metadata)


def _nothing_known(source: str, event_type: str) -> Mapping[str, Any]:
    return {"type": event_type if source == "stripe" else event_type.partition(" ")[0]}


def example_of(source: str, traced_payload: Mapping[str, Any], became: IntercomEvent) -> dict[str, Any] | None:
    """An example out of a payload that the entry has looked at (`tracing.traced`), cut down to that.

    None where no mapping file can hold it.
    """
    kept = looked_at(traced_payload)
    envelope = {key: traced_payload[key] for key in _ENVELOPE[source] if key in traced_payload}
    gives: dict[str, Any] = {"created_at": became.created_at}
    gives |= {"contact": {way.kind.value: way.value for way in became.contact}} if became.contact else {}
    gives |= {"metadata": dict(became.metadata)} if became.metadata else {}
    payload = {**envelope, **{key: value for key, value in kept.items() if key not in envelope}}
    example = {"payload": payload, "gives": gives}
    return example if sayable(example) else None


def type_of(source: str, payload: Mapping[str, Any]) -> str:
    """The type of a payload, as its source's mappings write it."""
    return DIALECTS[source].type_of(payload)

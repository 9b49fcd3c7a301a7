"""What an event would become: a payload, from a file or as it was received, through the catalogue. Nothing is sent."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from connector import strict_json
from connector.cli import events
from connector.cli.output import moment
from connector.cli.session import Session
from connector.errors import UsageError
from connector.events import IntercomEvent
from connector.inbox import store
from connector.mapping.catalog import Catalog
from connector.mapping.context import Options
from connector.mapping.dialect import DIALECTS
from connector.mapping.entry import Entry
from connector.mapping.example import became_of
from connector.mapping.translate import Skipped
from connector.names import Names
from connector.workspaces import store as workspaces


@dataclass(frozen=True, slots=True)
class Trial:
    """A payload and what is known around it; `received_at` is Unix seconds, None for the day after it happened."""

    source: str
    payload: Mapping[str, Any]
    options: Options
    received_at: int | None = None
    names: Mapping[str, str] | None = None


def of_file(path: Path, source: str | None, options: Options) -> Trial:
    """A payload in a file; Stripe's are known by `"object": "event"`. Raises UsageError."""
    try:
        payload = strict_json.parse_object(path.read_bytes())
    except strict_json.NotJson as error:
        raise UsageError(f"{path} is no event: {error}") from None
    return Trial(source or ("stripe" if payload.get("object") == "event" else "segment"), payload, options)


async def of_event(session: Session, text: str, app_id: str | None, options: Options) -> Trial:
    """A received event, as its workspace would have it. Raises UsageError."""
    event = await events.find(session, text, app_id)
    stored = await session.database.read(store.find, event.workspace_id, event.key)
    payload = events.readable(stored[1] if stored else None)
    if not isinstance(payload, dict):
        raise UsageError(f"the body of {text!r} is " + ("no longer kept" if payload is None else "no JSON object"))
    workspace = await session.database.read(workspaces.get, session.vault, event.workspace_id)
    theirs = replace(options, time_zone=workspace.time_zone, language=workspace.language)
    names = await session.database.read(Names().of, event.workspace_id)
    return Trial(event.source, payload, theirs, event.received_at // 1000, names)


def outcome(catalog: Catalog, trial: Trial) -> dict[str, Any]:
    """What each entry that is asked makes of it, and which entries would be asked if they were on."""
    event_type = DIALECTS[trial.source].type_of(trial.payload)
    becomes, skipped = [], []
    for entry in catalog.select(trial.source, event_type):
        match became_of(entry, trial.payload, trial.options, received_at=trial.received_at, names=trial.names):
            case IntercomEvent() as event:
                becomes.append(_event(entry, event))
            case Skipped(reason, notes):
                skipped.append({"mapping": entry.id, "reason": reason, "notes": list(notes)})
    off = [entry for entry in catalog.entries if not entry.enabled and _asks(entry, trial.source, event_type)]
    skipped += [{"mapping": entry.id, "reason": "disabled", "notes": []} for entry in off]
    return {"source": trial.source, "type": event_type, "becomes": becomes, "skipped": skipped}


def _asks(entry: Entry, source: str, event_type: str) -> bool:
    return entry.source == source and DIALECTS[source].normal(event_type) in entry.triggers


def _event(entry: Entry, event: IntercomEvent) -> dict[str, Any]:
    types = entry.types
    return {
        "mapping": entry.id,
        "name": event.name,
        "created_at": moment(event.created_at * 1000),
        "contact": [{way.kind.value: way.value} for way in event.contact],
        "once": event.once,
        "metadata": dict(event.metadata),
        "types": {key: types[key].value if key in types else None for key in event.metadata},
        "notes": list(event.notes),
    }

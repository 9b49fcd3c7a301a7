"""What an event would become: a payload, from a file or as it was received, through the catalogue. Nothing is sent."""

from __future__ import annotations

import shlex
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
from connector.inbox.store import ReceivedEvent
from connector.mapping.catalog import Catalog
from connector.mapping.context import Options
from connector.mapping.dialect import DIALECTS
from connector.mapping.entry import Entry
from connector.mapping.example import a_day_later, became_of
from connector.mapping.problem import did_you_mean
from connector.mapping.reasons import Reason, reason
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


def is_file(text: str) -> bool:
    """Whether `text` names a file rather than an event. Raises UsageError for a file that is not there."""
    path = Path(text)
    if not path.is_file() and (path.suffix == ".json" or len(path.parts) > 1):
        raise UsageError(f"{text} is a folder" if path.is_dir() else f"there is no file {text}")
    return path.is_file()


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
    return await of_stored(session, event, stored[1] if stored else None, options)


async def of_stored(session: Session, event: ReceivedEvent, body: bytes | None, options: Options) -> Trial:
    """A received event and its body, as its workspace would have it. Raises UsageError."""
    payload = events.readable(body)
    if not isinstance(payload, dict):
        why = "no longer kept" if payload is None else "no JSON object"
        raise UsageError(f"the body of {event.external_key!r} is {why}")
    workspace = await session.database.read(workspaces.get, session.vault, event.workspace_id)
    theirs = replace(options, time_zone=workspace.time_zone, language=workspace.language)
    names = await session.database.read(Names().of, event.workspace_id)
    return Trial(event.source, payload, theirs, event.received_at // 1000, names)


def outcome(catalog: Catalog, trial: Trial) -> dict[str, Any]:
    """What each entry that is asked makes of it; why the others make nothing, with those that are off; and advice."""
    event_type = DIALECTS[trial.source].type_of(trial.payload)
    becomes, skipped = [], []
    for entry in (*catalog.select(trial.source, event_type), *catalog.switched_off(trial.source, event_type)):
        if (
            why := reason(entry, trial.payload, trial.options, received_at=_received(trial), names=trial.names)
        ) is None:
            becomes.append(_event(entry, _made(entry, trial)))
        else:
            skipped.append(_skipped(entry, why))
    advice = None if becomes else _advice(catalog, trial.source, event_type, skipped)
    return {"source": trial.source, "type": event_type, "becomes": becomes, "skipped": skipped, "advice": advice}


def _received(trial: Trial) -> int:
    return a_day_later(DIALECTS[trial.source], trial.payload) if trial.received_at is None else trial.received_at


def _made(entry: Entry, trial: Trial) -> IntercomEvent:
    made = became_of(entry, trial.payload, trial.options, received_at=trial.received_at, names=trial.names)
    assert isinstance(made, IntercomEvent)
    return made


def _skipped(entry: Entry, why: Reason) -> dict[str, Any]:
    return {
        "mapping": entry.id,
        "file": f"{entry.place.file}:{entry.place.line}",
        "reason": why.word,
        "why": why.why,
        "condition": [{"text": part.text, "holds": part.holds} for part in why.condition],
        "read": [{"path": read.path, "value": read.value} for read in why.read],
        "notes": list(why.notes),
    }


def _advice(catalog: Catalog, source: str, event_type: str, skipped: list[dict[str, Any]]) -> str:
    """What to do where there is no event."""
    if not event_type:
        return f"this is no event of {source.capitalize()}: it has no `type`"
    if off := [entry.id for entry in catalog.switched_off(source, event_type) if entry.name]:
        switch = '{id: "' + off[0] + '", enabled: true}'
        return f"to turn it on, write `- {switch}` under `events:` of a file of yours for {source}"
    if any(each["reason"] != "disabled" for each in skipped):
        return "no entry makes an event of it"
    triggers = catalog.triggers(source)
    meant = did_you_mean(event_type, triggers, likeness=0.8)
    hint = f"; one asks for {meant!r}" if meant else ""
    command = shlex.join(["connector", "mappings", "new", source, event_type])
    return f"no entry asks for {event_type!r} of {source}{hint}. To write one: {command}"


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

"""What a workspace chooses about its events: which families and events are on, its own entries, order, cap, language.

Kept in `workspaces.settings`, beside what others keep there; time zone and language have columns of their own. What
the choices do to a mapping set, and whether its families and entries are there, is `catalogues.choosing`'s.  [SQL]
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Annotated, Any
from zoneinfo import ZoneInfo

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError
from sqlalchemy import Connection, select
from sqlalchemy import update as sql_update

from connector.database.tables import workspaces
from connector.errors import UsageError
from connector.events import IdentifierKind
from connector.workspaces import audit, changes
from connector.workspaces.store import Workspace

MOST_OWN = 64 * 1024
"""Bytes of a workspace's own entries."""
_LANGUAGE = re.compile(r"[A-Za-z]{2,3}([-_][A-Za-z0-9]{2,8})?")
_COLUMNS = ("time_zone", "language")


def _zone(name: str) -> str:
    try:
        ZoneInfo(name)
    except (KeyError, ValueError, OSError):
        raise ValueError("is no time zone: write one of the IANA's, such as Europe/Berlin") from None
    return name


def _tag(text: str) -> str:
    if _LANGUAGE.fullmatch(text) is None:
        raise ValueError("is no language: write a tag such as en, en-GB or de")
    return text


def _short(text: str | None) -> str | None:
    if text is not None and len(text.encode("utf-8", "surrogatepass")) > MOST_OWN:
        raise ValueError(f"is larger than {MOST_OWN // 1024} KiB")
    return text or None


def _each_once(order: tuple[IdentifierKind, ...]) -> tuple[IdentifierKind, ...]:
    if len(set(order)) < len(order):
        raise ValueError("names a way twice")
    return order


class Choices(BaseModel):
    """All of a workspace's choices. Unset ones leave the catalogue, and the service's settings, as they are."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    families: dict[str, bool] = Field(
        default={}, description="files of the catalogue, such as stripe/invoices, on or off"
    )
    events: dict[str, bool] = Field(default={}, description="single entries by their id, on or off; beats families")
    entries: Annotated[str | None, AfterValidator(_short)] = Field(
        default=None, description="own entries as YAML, laid over the catalogue's by id"
    )
    contact_order: Annotated[tuple[IdentifierKind, ...], AfterValidator(_each_once)] = Field(
        default=(), description="which ways to name a contact are tried first: email, user_id …"
    )
    metadata_keys: int | None = Field(
        default=None, ge=10, le=20, description="metadata keys sent with an event, 10 … 20"
    )
    time_zone: Annotated[str, Field(max_length=64), AfterValidator(_zone)] = Field(
        default="UTC", description="of dates in texts, by its IANA name"
    )
    language: Annotated[str, Field(max_length=16), AfterValidator(_tag)] = Field(
        default="en", description="of amounts and dates in texts"
    )

    @property
    def about_rules(self) -> str:
        """What of them makes another catalogue, equal for equal choices; empty where nothing does."""
        said = self.model_dump(mode="json", include={"families", "events", "entries", "contact_order"})
        chosen = {key: value for key, value in said.items() if value}
        return json.dumps(chosen, sort_keys=True) if chosen else ""


def read(workspace: Workspace) -> Choices:
    """What a workspace has chosen. Raises ValidationError where that was not written by `write`."""
    return Choices.model_validate(
        {**workspace.settings, "time_zone": workspace.time_zone, "language": workspace.language}
    )


def changed(choices: Choices, wanted: Mapping[str, Any]) -> Choices:
    """`choices` with `wanted` in it: `families` and `events` are merged, None takes one back. Raises UsageError."""
    values = choices.model_dump(mode="json")
    if unknown := wanted.keys() - Choices.model_fields.keys():
        raise UsageError(f"there is no choice {min(unknown)!r}: there are {', '.join(Choices.model_fields)}")
    for name, value in wanted.items():
        if name in ("families", "events") and isinstance(value, Mapping):
            values[name] = {key: on for key, on in {**values[name], **value}.items() if on is not None}
        elif value is None:
            values.pop(name)
        else:
            values[name] = value
    try:
        return Choices.model_validate(values)
    except ValidationError as error:
        raise UsageError("; ".join(_sentence(problem) for problem in error.errors())) from None


def write(connection: Connection, workspace_id: int, choices: Choices, *, actor: str, now: int) -> None:
    """Store choices, and have every process see them within a second."""
    here = workspaces.c.id == workspace_id
    kept = json.loads(connection.scalars(select(workspaces.c.settings).where(here).with_for_update()).one())
    said = choices.model_dump(mode="json")
    for name in Choices.model_fields:
        if name not in _COLUMNS:
            kept.pop(name, None)
            if said[name]:
                kept[name] = said[name]
    values = {"settings": json.dumps(kept), "updated_at": now, **{name: said[name] for name in _COLUMNS}}
    connection.execute(sql_update(workspaces).where(here).values(values))
    detail = {name: value for name, value in said.items() if name != "entries" and value}
    audit.record(connection, workspace_id, actor=actor, action="choices", detail=detail, now=now)
    changes.bump(connection)


def _sentence(problem: Any) -> str:  # noqa: ANN401 - pydantic's ErrorDetails
    name = ".".join(str(part) for part in problem["loc"])
    words = str(problem["msg"]).removeprefix("Value error, ").removeprefix("Input ")
    return f"{name} {words}"

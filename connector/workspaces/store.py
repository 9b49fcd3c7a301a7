"""Workspaces that installed us: who they are, their access token, and whether anything is sent to them.  [SQL]

A removed workspace keeps its row: its id must never belong to another, because every key begins with it, and what it
received before must still be recognised as a duplicate should it come back.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import Connection, Row, case, func, select, update

from connector.database.rows import insert_new
from connector.database.tables import workspaces
from connector.errors import UsageError
from connector.workspaces import changes, endpoints
from connector.workspaces.modes import Mode as Mode
from connector.workspaces.modes import Region as Region
from connector.workspaces.vault import Place, Vault


@dataclass(frozen=True, slots=True)
class Workspace:
    """One Intercom workspace. Times are milliseconds since 1970."""

    id: int
    app_id: str
    name: str | None
    region: Region
    time_zone: str
    language: str
    token: str | None = field(repr=False)
    mode: Mode
    mode_reason: str | None
    mode_before: Mode | None
    settings: Mapping[str, Any]
    created_at: int
    updated_at: int


@dataclass(frozen=True, slots=True)
class Installation:
    """What is known of a workspace when it is added, or added again with a new token."""

    app_id: str
    token: str = field(repr=False)
    mode: Mode = Mode.LIVE
    region: Region = Region.US
    name: str | None = None
    time_zone: str = "UTC"
    language: str = "en"


def add(connection: Connection, vault: Vault, new: Installation, *, now: int) -> Workspace:
    """Add a workspace. One that is there takes the new token and goes on; one that was removed starts afresh."""
    known = {"name": new.name, "region": new.region, "time_zone": new.time_zone, "language": new.language}
    found = find(connection, vault, new.app_id)
    if found is None:
        row = {"app_id": new.app_id, "mode": new.mode, "settings": "{}", "created_at": now, "updated_at": now}
        # two may install it at once: whoever comes second waits here, and brings another token for the same workspace
        insert_new(connection, workspaces, [{**row, **known}], key=("app_id",))
        workspace_id = connection.scalars(select(workspaces.c.id).where(workspaces.c.app_id == new.app_id)).one()
    else:
        workspace_id = found.id
        known["name"] = new.name or found.name
        _update(connection, workspace_id, now, **known, **_mode_once_authorised(found, new))
    _update(connection, workspace_id, now, token=vault.seal(new.token, _place(workspace_id)))
    changes.bump(connection)
    return get(connection, vault, workspace_id)


def get(connection: Connection, vault: Vault, workspace_id: int) -> Workspace:
    """The workspace of that id, removed or not. Raises UsageError."""
    row = connection.execute(select(workspaces).where(workspaces.c.id == workspace_id)).one_or_none()
    if row is None:
        raise UsageError(f"there is no workspace {workspace_id}")
    return _workspace(row, vault)


def find(connection: Connection, vault: Vault, app_id: str) -> Workspace | None:
    """The workspace that Intercom calls `app_id`, removed or not."""
    row = connection.execute(select(workspaces).where(workspaces.c.app_id == app_id)).one_or_none()
    return None if row is None else _workspace(row, vault)


def count_by_mode(connection: Connection) -> dict[str, int]:
    """How many workspaces are in each mode."""
    query = select(workspaces.c.mode, func.count()).group_by(workspaces.c.mode)
    return {row[0]: row[1] for row in connection.execute(query)}


def ids(connection: Connection) -> dict[str, int]:
    """The id of each workspace, removed or not, by Intercom's id; no secret is opened for it."""
    return {row.app_id: row.id for row in connection.execute(select(workspaces.c.app_id, workspaces.c.id))}


def page(
    connection: Connection, vault: Vault, *, removed: bool = True, limit: int | None = None, after: int = 0
) -> Sequence[Workspace]:
    """Workspaces in the order in which they were added, from behind the id `after`."""
    query = select(workspaces).where(workspaces.c.id > after).order_by(workspaces.c.id).limit(limit)
    if not removed:
        query = query.where(workspaces.c.mode != Mode.REMOVED)
    return [_workspace(row, vault) for row in connection.execute(query)]


def set_mode(
    connection: Connection,
    workspace_id: int,
    mode: Mode,
    *,
    reason: str | None = None,
    now: int,
    if_unchanged_since: int | None = None,
) -> bool:
    """Put a workspace that is not removed into `mode`; whether that changed anything.

    With `if_unchanged_since` (an `updated_at`) nothing happens to a workspace that was changed since: an answer to
    a request made with the old token says nothing about the new one.
    """
    mode_now = workspaces.c.mode
    stopped = [each for each in Mode if each.stopped]
    before = case((mode_now.in_(stopped), workspaces.c.mode_before), else_=mode_now) if mode.stopped else None
    statement = update(workspaces).where(workspaces.c.id == workspace_id, mode_now.not_in([mode, Mode.REMOVED]))
    if if_unchanged_since is not None:
        statement = statement.where(workspaces.c.updated_at <= if_unchanged_since)
    values = {"mode": mode, "mode_reason": reason, "mode_before": before, "updated_at": now}
    changed = connection.execute(statement.values(values)).rowcount > 0
    if changed:
        changes.bump(connection)
    return changed


def set_choice(connection: Connection, workspace_id: int, name: str, value: object, *, now: int) -> None:
    """Change one of a workspace's settings; the others stay."""
    query = select(workspaces.c.settings).where(workspaces.c.id == workspace_id).with_for_update()
    settings = json.loads(connection.scalars(query).one()) | {name: value}
    _update(connection, workspace_id, now, settings=json.dumps(settings))
    changes.bump(connection)


def resume(connection: Connection, workspace: Workspace, *, now: int) -> bool:
    """Put a workspace that was paused or lost its authorisation back into what it was; whether it was either."""
    if workspace.mode not in (Mode.PAUSED, Mode.NEEDS_REAUTHORIZATION):
        return False
    return set_mode(connection, workspace.id, workspace.mode_before or Mode.LIVE, now=now)


def remove(connection: Connection, workspace_id: int, *, now: int) -> bool:
    """Mark a workspace and its endpoints as removed and erase their secrets; whether it was there."""
    if not set_mode(connection, workspace_id, Mode.REMOVED, now=now):
        return False
    _update(connection, workspace_id, now, token=None)
    endpoints.remove_all(connection, workspace_id, now=now)
    return True


def _mode_once_authorised(found: Workspace, new: Installation) -> dict[str, Any]:
    match found.mode:
        case Mode.REMOVED:
            return {"mode": new.mode, "mode_before": None, "mode_reason": None, "settings": "{}"}
        case Mode.NEEDS_REAUTHORIZATION:
            return {"mode": found.mode_before or Mode.LIVE, "mode_before": None, "mode_reason": None}
        case _:
            return {}


def _update(connection: Connection, workspace_id: int, now: int, **values: Any) -> None:  # noqa: ANN401 - columns
    connection.execute(update(workspaces).where(workspaces.c.id == workspace_id).values(updated_at=now, **values))


def _place(workspace_id: int) -> Place:
    return Place("workspaces", workspace_id, "token", workspace_id)


def _workspace(row: Row[Any], vault: Vault) -> Workspace:
    return Workspace(
        id=row.id,
        app_id=row.app_id,
        name=row.name,
        region=Region(row.region),
        time_zone=row.time_zone,
        language=row.language,
        token=None if row.token is None else vault.open(row.token, _place(row.id)),
        mode=Mode(row.mode),
        mode_reason=row.mode_reason,
        mode_before=None if row.mode_before is None else Mode(row.mode_before),
        settings=json.loads(row.settings),
        created_at=row.created_at,
        updated_at=row.updated_at,
    )

"""Whether an addressed delivery may go out, by what its workspace is doing at that moment.  [SQL, reading only]

Read in the transaction that stores the delivery, never from memory: a process that has not heard yet that a workspace
was added or went live would hold its deliveries back until somebody notices.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from sqlalchemy import Connection, RowMapping, bindparam, select

from connector.database.tables import workspaces
from connector.events import Identifier, IdentifierKind
from connector.outbox.delivery import State
from connector.workspaces.modes import Mode


@dataclass(frozen=True, slots=True)
class Standing:
    """A workspace's mode, or the one that it returns to, and the contacts that are listed for trying it out."""

    mode: Mode
    listed: frozenset[str] = frozenset()
    """Contacts as `kind:value`, an e-mail address without case; see `listing`."""


def standings(connection: Connection, workspace_ids: Iterable[int]) -> dict[int, Standing]:
    """How these workspaces stand now; one that is not there is left out."""
    ids = sorted(set(workspace_ids))
    found = connection.execute(_STANDINGS, {"ids": ids}).mappings() if ids else ()
    return {row["id"]: _standing(row) for row in found}


_STANDINGS = select(workspaces.c.id, workspaces.c.mode, workspaces.c.mode_before, workspaces.c.settings).where(
    workspaces.c.id.in_(bindparam("ids", expanding=True, type_=workspaces.c.id.type))
)


def _standing(row: RowMapping) -> Standing:
    mode = Mode(row["mode"])
    if mode.stopped and mode is not Mode.REMOVED:
        mode = Mode(row["mode_before"] or Mode.LIVE)
    listed = json.loads(row["settings"]).get("try_contacts", ()) if mode is Mode.TRYING else ()
    return Standing(mode, frozenset(map(str, listed)))


def listing(identifier: Identifier) -> str:
    """How a contact stands in a workspace's list: equal for equal persons."""
    email = identifier.kind is IdentifierKind.EMAIL
    return f"{identifier.kind}:{identifier.value.casefold() if email else identifier.value}"


def ready(standing: Standing | None, contact: Sequence[Identifier]) -> tuple[State, str | None]:
    """The state of a delivery for `contact`, all of whose identifiers count, and the reason where it is held."""
    match standing:
        case None:
            return State.HELD, "unknown_workspace"
        case Standing(Mode.REMOVED):
            return State.HELD, "workspace_removed"
        case Standing(Mode.WATCHING):
            return State.HELD, "watching"
        case Standing(Mode.TRYING, listed) if not listed & {listing(each) for each in contact}:
            return State.HELD, "not_listed"
    return State.DUE, None

"""People who are to be forgotten: asked for by Segment's `delete` or Intercom's `contact.deleted`, done a moment later.

The asking is one durable row, written together with whatever carried it; the forgetting is `people`'s. [SQL of
`erasures`]
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import Connection, delete, select

from connector.database.rows import insert_new
from connector.database.tables import erasures
from connector.events import Identifier, IdentifierKind


@dataclass(frozen=True, slots=True)
class Erasure:
    """Forget the person whom `identifier` names. `asked_at` in milliseconds."""

    workspace_id: int
    identifier: Identifier
    asked_by: str
    asked_at: int


def ask(connection: Connection, asked: Sequence[Erasure]) -> None:
    """Keep these until they are done; whoever is asked for twice is forgotten once."""
    rows = {
        (each.workspace_id, each.identifier.key): {
            "workspace_id": each.workspace_id,
            "identifier": each.identifier.key,
            "identifier_kind": each.identifier.kind.value,
            "identifier_value": each.identifier.value,
            "asked_by": each.asked_by,
            "asked_at": each.asked_at,
        }
        for each in asked
    }
    insert_new(connection, erasures, [rows[key] for key in sorted(rows)])


def pending(connection: Connection, *, limit: int = 20) -> list[Erasure]:
    """Those that are still to be done, the oldest first."""
    query = select(erasures).order_by(erasures.c.asked_at, erasures.c.identifier).limit(limit)
    return [
        Erasure(
            row.workspace_id,
            Identifier(IdentifierKind(row.identifier_kind), row.identifier_value),
            row.asked_by,
            row.asked_at,
        )
        for row in connection.execute(query)
    ]


def done(connection: Connection, erasure: Erasure) -> None:
    """This one is done; its own row was the last that named the person."""
    here = (erasures.c.workspace_id == erasure.workspace_id, erasures.c.identifier == erasure.identifier.key)
    connection.execute(delete(erasures).where(*here))

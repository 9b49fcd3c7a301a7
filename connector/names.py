"""Names of things: what Stripe's events call a product, a price, a plan or a coupon by its id only.

Kept from the webhooks that carry the thing itself, one row for each id, and read from memory when events are mapped.
`stripe_names` is pure; the rest is SQL and the memory over it.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import Connection, select

from connector.database.rows import upsert
from connector.database.tables import names
from connector.events import DISPLAY_LENGTH, digest, display

FEW = 1_000
FRESH_S = 30.0
"""How long another process's new name may go unnoticed."""

_NAME_FIELDS = {"product": "name", "coupon": "name", "price": "nickname", "plan": "nickname", "promotion_code": "code"}


@dataclass(frozen=True, slots=True)
class Name:
    """A thing of one workspace's Stripe account, and what it is called."""

    workspace_id: int
    object_id: str
    name: str


def stripe_names(payload: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """(id, name) of the thing that a Stripe event is about, if it has a name of its own."""
    data = payload.get("data")
    thing = data.get("object") if isinstance(data, Mapping) else None
    if not isinstance(thing, Mapping) or not isinstance(kind := thing.get("object"), str):
        return
    object_id, name = thing.get("id"), thing.get(_NAME_FIELDS.get(kind, ""))
    if isinstance(object_id, str) and 0 < len(object_id) <= DISPLAY_LENGTH and isinstance(name, str) and name:
        yield object_id, display(name)


def record(connection: Connection, found: Sequence[Name], *, now: int) -> None:
    """Keep names; a later one of the same thing takes the place of the earlier."""
    rows = {
        (name.workspace_id, name.object_id): {
            "workspace_id": name.workspace_id,
            "key": digest(name.object_id),
            "object_id": display(name.object_id),
            "name": name.name,
            "seen_at": now,
        }
        for name in found
    }
    upsert(connection, names, [rows[key] for key in sorted(rows)], changes=["name", "seen_at"])


@dataclass
class Names:
    """Each workspace's names in memory, read anew after `FRESH_S` or when this process has recorded one."""

    _known: dict[int, tuple[float, Mapping[str, str]]] = field(default_factory=dict)

    def of(self, connection: Connection, workspace_id: int) -> Mapping[str, str]:
        """Names by id."""
        read_at, known = self._known.get(workspace_id, (float("-inf"), {}))
        if time.monotonic() - read_at >= FRESH_S:
            known = _all(connection, workspace_id)
            self._known[workspace_id] = (time.monotonic(), known)
        return known

    def are_few(self, workspace_id: int) -> bool:
        """Whether they were few when they were last read, so that reading them anew takes no time to speak of."""
        read_at, known = self._known.get(workspace_id, (None, {}))
        return read_at is not None and len(known) <= FEW

    def forget(self, workspace_id: int) -> None:
        """Something was recorded: read anew next time."""
        self._known.pop(workspace_id, None)


def _all(connection: Connection, workspace_id: int) -> Mapping[str, str]:
    query = select(names.c.object_id, names.c.name).where(names.c.workspace_id == workspace_id)
    return {row.object_id: row.name for row in connection.execute(query)}

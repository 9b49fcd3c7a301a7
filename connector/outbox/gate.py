"""The last look before a delivery is sent: may this one go out now? What may not is held, and stays to be released.

Whatever the way a delivery came here (mapped just now, a contact that appeared, a workspace that was paused for days),
it is claimed before it is sent; so this is the one place where no way around leads. Two rules:

- a late event can set off automatic messages: what Intercom surely has not got is not sent more than `max_age_ms`
  after it happened, by its sender's own time;
- while a workspace is trying, only what is for a listed contact is sent.

Neither counts for what an operator has released; from then on its age is reckoned anew. What may have arrived already
is sent again whatever its age: Intercom drops the double, and a message that it sets off was set off then.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import Connection

from connector.events import Identifier, IdentifierKind
from connector.outbox import queue, readiness
from connector.outbox.delivery import State
from connector.outbox.readiness import Standing

TOO_OLD = "too_old"
Row = Mapping[str, Any]
"""A row of the queue with its delivery and the times of its event: `occurred_at` in seconds, None where not known."""


def hold_back(
    connection: Connection, workspace_id: int, rows: Sequence[Any], *, now: int, max_age_ms: int | None
) -> Sequence[Any]:
    """Hold those of `rows` that may not go out now; the others. `max_age_ms` None is any age."""
    if not rows:
        return rows
    standing = readiness.standings(connection, [workspace_id]).get(workspace_id)
    reasons = [why_not(row, standing, now=now, max_age_ms=max_age_ms) for row in rows]
    for reason in sorted({reason for reason in reasons if reason}):
        ids = [(workspace_id, row["delivery_id"]) for row, why in zip(rows, reasons, strict=True) if why == reason]
        queue.give_up(connection, ids, State.HELD, reason, now=now)
    return [row for row, reason in zip(rows, reasons, strict=True) if reason is None]


def why_not(row: Row, standing: Standing | None, *, now: int, max_age_ms: int | None) -> str | None:
    """Why a delivery is held instead of sent; None where it may go out."""
    released = row["released_at"]
    if released is None and standing is not None:
        state, reason = readiness.ready(standing, _contact(row))
        if state is State.HELD:
            return reason
    if max_age_ms is not None and _not_sent_yet(row) and now - happened_ms(row) > max_age_ms:
        return TOO_OLD
    return None


def happened_ms(row: Row) -> int:
    """When the event happened, by its sender's time, or when it was released since."""
    occurred = row["received_at"] if row["occurred_at"] is None else row["occurred_at"] * 1000
    return max(occurred, row["released_at"] or 0)


def _not_sent_yet(row: Row) -> bool:
    """Whether Intercom surely has not got it, and trying it has only to begin (again)."""
    return row["first_attempt_at"] is None and not row["ambiguous"] and row["claims"] == 0


def _contact(row: Row) -> list[Identifier]:
    ways = [Identifier(IdentifierKind(kind), value) for kind, value in json.loads(row["contact"])]
    if row["identifier_kind"] is not None:
        ways.append(Identifier(IdentifierKind(row["identifier_kind"]), row["identifier_value"]))
    return ways

"""The last look before a delivery is sent: may this one go out now? What may not is held, and stays to be released.

Whatever the way a delivery came here (mapped just now, a contact that appeared, a workspace that was paused for days),
it is claimed before it is sent; so this is the one place where no way around leads. Two rules:

- a late event can set off automatic messages: what Intercom surely has not got is not sent more than `max_age_ms`
  after it happened, by its sender's own time;
- while a workspace is trying, only what is for a listed contact is sent.

Neither counts for what an operator has released; from then on its age is reckoned anew. What may have arrived already
is sent again whatever its age: Intercom drops the double, and a message that it sets off was set off then.

And what Intercom is to be told of in counts (`outbox.summaries`) does not go out as an event unless it was released.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import Connection

from connector.events import Priority
from connector.outbox import queue, readiness
from connector.outbox.delivery import State
from connector.outbox.lanes import Lane
from connector.outbox.readiness import Standing
from connector.outbox.summary import FOR_SUMMARY
from connector.workspaces.modes import Mode

if TYPE_CHECKING:
    from connector.outbox.claim import Claimed

TOO_OLD = "too_old"


def hold_back(
    connection: Connection, lane: Lane, found: list[Claimed], *, now: int, max_age_ms: int | None
) -> list[Claimed]:
    """Hold those of `found` that may not go out now; the others. `max_age_ms` None is any age."""
    if not found:
        return found
    standing = _standing(connection, lane)
    passed: list[Claimed] = []
    held: dict[str, list[queue.Id]] = {}
    for each in found:
        reason = why_not(each, standing, now=now, max_age_ms=max_age_ms)
        if reason is None:
            passed.append(each)
        else:
            held.setdefault(reason, []).append((lane.workspace_id, each.delivery.id))
    for reason, ids in sorted(held.items()):
        queue.give_up(connection, ids, State.HELD, reason, now=now)
    return passed


def _standing(connection: Connection, lane: Lane) -> Standing | None:
    """Nothing more is read of a workspace that is live, as most are."""
    if lane.mode is Mode.LIVE:
        return Standing(Mode.LIVE)
    return readiness.standings(connection, [lane.workspace_id]).get(lane.workspace_id)


def why_not(claimed: Claimed, standing: Standing | None, *, now: int, max_age_ms: int | None) -> str | None:
    """Why a delivery is held instead of sent; None where it may go out. Pure."""
    if claimed.released_at is None and standing is not None and standing.mode is not Mode.LIVE:
        delivery = claimed.delivery
        contact = (*delivery.contact, *([delivery.identifier] if delivery.identifier else []))
        state, reason = readiness.ready(standing, contact)
        if state is State.HELD:
            return reason
    if claimed.released_at is None and claimed.priority is Priority.SUMMARY and _not_sent_yet(claimed):
        return FOR_SUMMARY
    if max_age_ms is not None and _not_sent_yet(claimed) and now - happened_ms(claimed) > max_age_ms:
        return TOO_OLD
    return None


def happened_ms(claimed: Claimed) -> int:
    """When the event happened, by its sender's time, or when it was released since."""
    occurred = claimed.received_at if claimed.occurred_at is None else claimed.occurred_at * 1000
    return max(occurred, claimed.released_at or 0)


def _not_sent_yet(claimed: Claimed) -> bool:
    """Whether Intercom surely has not got it, and trying it has only to begin (again)."""
    history = claimed.history
    return history.first_attempt_ms is None and not history.ambiguous

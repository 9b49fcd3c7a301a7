"""What to do next about a delivery: one outcome, what went before, and the time, to one of a few named steps.

Doing it (rescheduling, looking a contact up, stopping a workspace) is `deliver`'s and `queue`'s. The policy is that of
Standard Webhooks and of Stripe's own retries where Intercom does not say otherwise: full jitter, three days.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import ClassVar, TypeAlias

import msgspec

from connector.intercom.outcome import (
    ContactNotFound,
    Delivered,
    NameBudgetSpent,
    Outcome,
    RateLimited,
    Refused,
    ServerTrouble,
    SeveralContacts,
    Unauthorized,
    Unknown,
    Unreachable,
)

BASE_MS, CAP_MS = 5_000, 3_600_000
GIVE_UP_MS = 72 * 3_600_000
UNKNOWNS = 5
"""Answers of a kind we do not know that one delivery may get."""
CLAIMS_TOGETHER, CLAIMS = 2, 3
"""Claims without an outcome after which a delivery runs alone, and after which it runs no more."""
LADDER_MS = (60_000, 600_000, 3_600_000, 6 * 3_600_000, 24 * 3_600_000)
"""How long a delivery whose contact is not there waits, step by step, before it is tried unasked."""
SPREAD_MS = 1_000
"""Jitter after a rate limit, so that all who were refused together do not come back together."""


class History(msgspec.Struct, frozen=True):
    """What happened to a delivery before the outcome at hand. One that its contact's appearance woke begins anew."""

    attempts: int = 0
    """That count towards giving up."""
    claims: int = 0
    """Since an outcome was last recorded, the present one not counted."""
    first_attempt_ms: int | None = None
    unknowns: int = 0
    lookups: int = 0
    """Of the contact, for the identifier in use, since it was chosen or the delivery was last woken."""
    frozen_ms: int = 0
    """Since the first attempt, while nothing could be sent: that time does not count towards giving up."""
    ambiguous: bool = False
    """An attempt may have arrived: the identity on the wire is final."""
    ladder: int = 0
    """Steps of the ladder taken."""


@dataclass(frozen=True, slots=True)
class Done:
    """Delivered."""

    spends_attempt: ClassVar[bool] = True


@dataclass(frozen=True, slots=True)
class Again:
    """Try the same bytes again at `due_ms`."""

    due_ms: int
    spends_attempt: ClassVar[bool] = True


@dataclass(frozen=True, slots=True)
class HoldLane:
    """Nothing for this workspace before `until_ms`; this delivery is then tried again as if it had not been."""

    until_ms: int
    spends_attempt: ClassVar[bool] = False


@dataclass(frozen=True, slots=True)
class LookUp:
    """Ask Intercom who has this identifier; exactly one contact: resend by its id.

    Otherwise, after a 404 only, go on with the mapping's next identifier. Where there is none, decide about the same
    outcome again, with the look-up counted.
    """

    spends_attempt: ClassVar[bool] = True


@dataclass(frozen=True, slots=True)
class Park:
    """Wait for the contact to appear; try unasked at `wake_at_ms`, or not at all once the ladder is used up."""

    reason: str
    wake_at_ms: int | None
    spends_attempt: ClassVar[bool] = True


@dataclass(frozen=True, slots=True)
class Dead:
    """Nothing more is tried until somebody replays it. `reason` is short and stable, for the delivery's own row."""

    reason: str
    spends_attempt: ClassVar[bool] = True


@dataclass(frozen=True, slots=True)
class StopWorkspace:
    """Nothing for this workspace until it is installed anew; this delivery then goes on as if it had not been tried."""

    reason: str
    spends_attempt: ClassVar[bool] = False


@dataclass(frozen=True, slots=True)
class StopName:
    """This delivery is held, and none of its event name is sent in this workspace until there is a place for it."""

    reason: str
    spends_attempt: ClassVar[bool] = True


Step: TypeAlias = Done | Again | HoldLane | LookUp | Park | Dead | StopWorkspace | StopName


_DONE = Done()


def decide(outcome: Outcome, history: History, *, now_ms: int, random: Callable[[], float]) -> Step:
    """The step after `outcome`. `random` gives numbers in [0, 1); times are Unix milliseconds."""
    match outcome:
        case Delivered():
            return _DONE
        case RateLimited():
            return HoldLane(outcome.until_ms + int(random() * SPREAD_MS))
        case Unauthorized():
            return StopWorkspace("needs_reauthorization")
        case NameBudgetSpent():
            return StopName("event_names_full")
        case Refused():
            return Dead("refused")
        case ContactNotFound():
            return LookUp() if _may_look_up(history) else _wait_for_contact(history, now_ms)
        case SeveralContacts():
            return LookUp() if _may_look_up(history) else Dead("ambiguous_contact")
        case Unknown() if history.unknowns + 1 >= UNKNOWNS:
            return Dead("unknown_answer")
        case Unreachable() | ServerTrouble() | Unknown():
            return _again(history, now_ms, random)


def quarantined(history: History) -> Dead | None:
    """To be asked when a delivery is claimed, before it is run: it may be what kills the process that runs it."""
    return Dead("quarantined") if history.claims >= CLAIMS else None


def runs_alone(history: History) -> bool:
    """Whether a claimed delivery is to be run while no other is, so that only it can be to blame."""
    return history.claims >= CLAIMS_TOGETHER


def backoff_ms(attempts: int, random: Callable[[], float]) -> int:
    """Full jitter: anything up to 5 s · 2ⁿ, at most an hour (AWS, "Exponential Backoff And Jitter")."""
    return int(random() * min(CAP_MS, BASE_MS << min(attempts, 20)))


def _may_look_up(history: History) -> bool:
    """What a look-up finds may only be used while no attempt can have arrived under the present identifier."""
    return history.lookups == 0 and not history.ambiguous


def _wait_for_contact(history: History, now_ms: int) -> Park:
    wait = LADDER_MS[history.ladder] if history.ladder < len(LADDER_MS) else None
    return Park("no_contact", None if wait is None else now_ms + wait)


def _again(history: History, now_ms: int, random: Callable[[], float]) -> Again | Dead:
    first = now_ms if history.first_attempt_ms is None else history.first_attempt_ms
    if now_ms - first - history.frozen_ms >= GIVE_UP_MS:
        return Dead("gave_up")
    return Again(now_ms + backoff_ms(history.attempts, random))

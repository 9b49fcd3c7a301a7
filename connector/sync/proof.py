"""Whether Intercom has counted a summary whose answer never came: what it counted before and counts now tell.  Pure.

A count only grows. So one that has grown by less than the summary proves that it did not arrive, once Intercom has had
time to count. One that has grown by more is no proof yet, for events that came meanwhile are counted too; but those are
of today, and a summary is of long ago: if what is the first now is the summary's first, it is there.
"""

from __future__ import annotations

from enum import Enum

from connector.intercom.listed_events import EventCount

GRACE_MS = 10 * 60_000
"""What Intercom has accepted may take a while to be counted."""


class Proof(Enum):
    """What can be said of a summary."""

    ARRIVED = "arrived"
    NOT_ARRIVED = "not_arrived"
    NOT_YET = "not_yet"
    """It is not there, and may still appear."""
    UNKNOWN = "unknown"


def prove(
    before: EventCount | None, after: EventCount | None, *, count: int, first: int, others: int, age_ms: int
) -> Proof:
    """What `before` and `after` prove of a summary of `count` that begins at `first`, tried `age_ms` ago.

    None where Intercom could not be asked; `others` is how many events of ours it may have counted meanwhile.
    """
    if before is None or after is None:
        return Proof.UNKNOWN
    gained = after.count - before.count
    absent = Proof.NOT_ARRIVED if age_ms >= GRACE_MS else Proof.NOT_YET
    if gained < count:
        return absent
    if not before.count or before.first > first:
        return Proof.ARRIVED if after.first == first else absent if after.first > first else Proof.UNKNOWN
    return Proof.ARRIVED if gained == count and not others else Proof.UNKNOWN

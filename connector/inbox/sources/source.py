"""What every sender's module is made of: what it is given, and the two things it can answer."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum

import msgspec

from connector.events import ReceivedState, SourceEvent, digest

LARGEST_SECOND = 1 << 40
"""No timestamp beyond this year 36,812 is taken for one: a sender's number must fit a column."""


class BatchPolicy(StrEnum):
    """What an endpoint does with a Segment batch, of which Segment signs the first element only (or all of it)."""

    FIRST_EVENT_SIGNED = "first-event-signed"
    WHOLE_BODY_SIGNED = "whole-body-signed"
    REFUSE_BATCHES = "refuse-batches"


class Credentials(msgspec.Struct, frozen=True):
    """What an endpoint expects its sender to prove. At least one of the first two is there."""

    signing_secrets: tuple[str, ...]
    authorization: str | None = None
    batch_policy: BatchPolicy = BatchPolicy.FIRST_EVENT_SIGNED


class Request(msgspec.Struct, frozen=True):
    """What was sent: raw bytes, all values of the signature header and of `Authorization`, Unix seconds of receipt."""

    body: bytes
    signatures: Sequence[str]
    authorizations: Sequence[str]
    now: int


class Accepted(msgspec.Struct, frozen=True):
    """The sender is who it says, and sent these."""

    events: Sequence[SourceEvent]


class Refused(msgspec.Struct, frozen=True):
    """Answer with `status`, store nothing. `why` is one stable word; it tells a stranger nothing."""

    status: int
    why: str


@dataclass(frozen=True, slots=True)
class Source:
    """One kind of sender. `read` is pure and never raises, whatever the bytes."""

    name: str
    signature_header: str
    max_body: int
    read: Callable[[Request, Credentials], Accepted | Refused]


BAD_SIGNATURE = Refused(401, "bad_signature")


def unparseable(source: str, body: bytes, reason: str) -> SourceEvent:
    """A signed message that cannot be read: kept, and the same bytes sent again are the same event."""
    key = f"sha:{digest(body).hex()}"
    return SourceEvent(source, key, "unparseable", body, state=ReceivedState.UNPARSEABLE, reason=reason)


def seconds(value: object) -> int | None:
    """`value` as Unix seconds, None where it is not a plausible number of them."""
    if isinstance(value, int) and not isinstance(value, bool) and 0 <= value < LARGEST_SECOND:
        return value
    return None

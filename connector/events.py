"""The two events of this product: what came in (SourceEvent) and what goes out (IntercomEvent), and their ids.

Pure values. What is made for each message on the way in is a `msgspec.Struct`, which costs a fifth of a frozen
dataclass. Reading a sender's bytes is `inbox.sources`, making one out of the other is `mapping.translate`.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from enum import IntEnum, StrEnum
from functools import lru_cache
from typing import TypeAlias

import msgspec

DISPLAY_LENGTH = 255
"""Characters of a sender's text kept beside the body, for display; also Intercom's limit for a metadata string."""

Key: TypeAlias = bytes
"""16 bytes that stand for something a sender wrote: no sender's text is ever in a database key."""


class Trust(StrEnum):
    """How far the sender vouched for these very bytes."""

    SIGNED = "signed"
    """A signature or a secret credential covers them: may also teach who is who."""
    UNSIGNED = "unsigned"
    """Element 2..n of a batch that signs its first element only: may become an event and no more."""


class ReceivedState(StrEnum):
    """Where a received event stands.

    received ──► mapped            at least one delivery was made of it
        ├──────► ignored           a rule says no: the reason tells which
        ├──────► unmapped          no entry asks for its type
        ├──────► unparseable       its bytes cannot be read as one message
        └──────► failed            mapping it broke; kept for a replay
    """

    RECEIVED = "received"
    MAPPED = "mapped"
    IGNORED = "ignored"
    UNMAPPED = "unmapped"
    UNPARSEABLE = "unparseable"
    FAILED = "failed"


class Priority(IntEnum):
    """Of a received event, and of the deliveries that come of it: what happens now goes before what is caught up on."""

    LIVE = 0
    HISTORY = 1
    SUMMARY = 2
    """History that Intercom is told of in counts: mapped like the rest, and held until it is counted."""


QUEUED = (Priority.LIVE, Priority.HISTORY)
"""Those that a row of the queue can have, first come first."""


class SourceEvent(msgspec.Struct, frozen=True):
    """One message, as its sender sent it.

    `key` is the sender's own id of it (Stripe's `evt_…`, Segment's `messageId`) or a digest of the bytes where there
    is none; `occurred_at` is Unix seconds by the sender's clock, None where it does not say; `body` is the exact
    bytes of this one message. `state` is `received`, or final at once with its `reason`.
    """

    source: str
    key: str
    type: str
    body: bytes
    occurred_at: int | None = None
    livemode: bool = True
    api_version: str | None = None
    trust: Trust = Trust.SIGNED
    state: ReceivedState = ReceivedState.RECEIVED
    reason: str | None = None


class IdentifierKind(StrEnum):
    """What a contact can be known by. Intercom takes the first three; the others lead to one of them by evidence."""

    ID = "id"
    USER_ID = "user_id"
    EMAIL = "email"
    ANONYMOUS_ID = "anonymous_id"
    STRIPE_CUSTOMER = "stripe_customer"
    STRIPE_CHARGE = "stripe_charge"
    STRIPE_INVOICE = "stripe_invoice"
    STRIPE_PAYMENT_INTENT = "stripe_payment_intent"
    STRIPE_SUBSCRIPTION = "stripe_subscription"

    __hash__ = str.__hash__  # an enumeration's own hashes the name, in Python; these are in keys looked up all the time

    @property
    def addresses(self) -> bool:
        """Whether Intercom itself accepts this kind on an event."""
        return self in _ADDRESSING


_ADDRESSING = frozenset((IdentifierKind.ID, IdentifierKind.USER_ID, IdentifierKind.EMAIL))


class Identifier(msgspec.Struct, frozen=True):
    """One way to name a person; `value` holds 1 … 255 characters."""

    kind: IdentifierKind
    value: str

    @property
    def key(self) -> Key:
        """16 bytes that are equal for equal persons: an e-mail address counts without case."""
        return _key_of(self.kind, self.value)


@lru_cache(maxsize=8192)  # one event names the same few people and things again and again
def _key_of(kind: IdentifierKind, value: str) -> Key:
    return digest(kind.value, value.casefold() if kind is IdentifierKind.EMAIL else value)


MetadataValue: TypeAlias = str | int | float | Mapping[str, str | int]
"""Text, link, image, Stripe id · number, date · rich link {url, value} · money {amount, currency}."""


@dataclass(frozen=True, slots=True)
class IntercomEvent:
    """One Intercom data event, as a mapping entry made it.

    `created_at` is Unix seconds; `contact` are the ways to name its person, most trusted first; `metadata` is in the
    order of sending (Intercom keeps the first ten keys); `once` is the value that makes several source events one,
    None where each counts; `notes` say what was left out or corrected, for the one who asks later.
    """

    mapping_id: str
    name: str
    created_at: int
    contact: tuple[Identifier, ...]
    metadata: Mapping[str, MetadataValue]
    once: str | None = None
    notes: tuple[str, ...] = ()


def digest(*parts: str | bytes | int | bool | None) -> Key:
    """16 bytes for any sequence of parts; no two different sequences share one by concatenation."""
    raw = [part if isinstance(part, bytes) else str(part).encode("utf-8", "surrogatepass") for part in parts]
    return hashlib.blake2b(b"".join([b"%d:%b" % (len(part), part) for part in raw]), digest_size=16).digest()


def display(text: str) -> str:
    """`text` as a column can hold it: no NUL, no lone surrogates, at most 255 characters."""
    if len(text) <= DISPLAY_LENGTH and text.isascii() and text.isprintable():
        return text
    clean = text[:DISPLAY_LENGTH].replace("\x00", "�")
    return clean.encode("utf-8", "replace").decode("utf-8") if not clean.isascii() else clean

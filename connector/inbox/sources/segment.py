"""Segment: one message in a request, or a batch of them, signed as a whole or by the first element only.

Three forms come in: one message, an array of messages, an array of `{"json": message}`. Today's batches sign their
first element (unwrapped) and nothing else, so a captured one vouches for whatever is appended; tomorrow's sign the
whole array (segmentio/action-destinations#3989). Both hold here; what is not covered is stored with lower trust.
There is no timestamp: a repeat is known by its `messageId`.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import msgspec

from connector import strict_json
from connector.events import ReceivedState, SourceEvent, Trust, digest
from connector.inbox.signature import authorized, segment_signed
from connector.inbox.sources.batch import elements, is_batch, unwrapped
from connector.inbox.sources.source import (
    BAD_SIGNATURE,
    Accepted,
    BatchPolicy,
    Credentials,
    Refused,
    Request,
    seconds,
    unparseable,
)

NAMED = {"track": "event", "page": "name", "screen": "name"}
"""The calls whose kind is told by a second field."""
MOST_MESSAGES = 10_000
"""In a batch. Segment sends 4,000 at most; half a million empty ones fit into a body, and would stop all else."""


class _Message(msgspec.Struct, rename={"message_id": "messageId", "original_timestamp": "originalTimestamp"}):
    type: str
    message_id: str | None = None
    event: str | None = None
    name: str | None = None
    timestamp: str | None = None
    original_timestamp: str | None = None


_decode = msgspec.json.Decoder(_Message).decode


@dataclass(frozen=True, slots=True)
class _Covered:
    """Which of a batch's elements the proof covers."""

    all: bool


def read(request: Request, credentials: Credentials) -> Accepted | Refused:
    """The messages in `request`, as far as the endpoint's secrets and its batch policy let them in."""
    if credentials.authorization and not authorized(credentials.authorization, headers=request.authorizations):
        return BAD_SIGNATURE
    if not is_batch(request.body):
        return _single(request, credentials)
    if credentials.batch_policy is BatchPolicy.REFUSE_BATCHES:
        return Refused(400, "batch")
    return _batch(request, credentials)


def _single(request: Request, credentials: Credentials) -> Accepted | Refused:
    if not _signs(request, credentials, request.body):
        return BAD_SIGNATURE
    return Accepted((message(unwrapped(request.body), Trust.SIGNED),))


def _batch(request: Request, credentials: Credentials) -> Accepted | Refused:
    parts = elements(request.body)
    covered = _covered(request, credentials, parts)
    if covered is None:
        return BAD_SIGNATURE
    if parts is None:
        return Accepted((unparseable("segment", request.body, "an array that breaks off"),))
    if len(parts) > MOST_MESSAGES:
        return Refused(413, "too_many_messages")
    # a secret that only the sender knows came with the whole request
    whole = covered.all or credentials.authorization is not None
    return Accepted(_messages(parts, whole=whole))


def _messages(parts: Iterable[bytes], *, whole: bool) -> Sequence[SourceEvent]:
    return [
        message(unwrapped(part), Trust.SIGNED if whole or place == 0 else Trust.UNSIGNED)
        for place, part in enumerate(parts)
    ]


def _covered(request: Request, credentials: Credentials, parts: Sequence[bytes] | None) -> _Covered | None:
    if _signs(request, credentials, request.body):
        return _Covered(all=True)
    if credentials.batch_policy is BatchPolicy.WHOLE_BODY_SIGNED or not parts:
        return None
    first = parts[0]
    if _signs(request, credentials, first) or _signs(request, credentials, unwrapped(first)):
        return _Covered(all=False)
    return None


def _signs(request: Request, credentials: Credentials, part: bytes) -> bool:
    if not credentials.signing_secrets:
        return credentials.authorization is not None
    return segment_signed(part, headers=request.signatures, secrets=credentials.signing_secrets)


def message(body: bytes, trust: Trust) -> SourceEvent:
    """One message's bytes as an event; `unparseable` where they are not a message."""
    try:
        found = _decode(body)
    except (msgspec.MsgspecError, RecursionError, UnicodeDecodeError):
        return _odd_message(body, trust)
    named = found.event if found.type == "track" else found.name if found.type in NAMED else None
    moment = found.timestamp or found.original_timestamp
    return _event(body, trust, found.type, named, found.message_id, moment)


def _odd_message(body: bytes, trust: Trust) -> SourceEvent:
    try:
        found = strict_json.parse_object(body)
    except strict_json.NotJson as error:
        return unparseable("segment", body, str(error))
    kind = found.get("type")
    if not (isinstance(kind, str) and kind):
        return unparseable("segment", body, "no type")
    moment = found.get("timestamp") or found.get("originalTimestamp")
    return _event(body, trust, kind, _text(found.get(NAMED.get(kind, ""))), _text(found.get("messageId")), moment)


def _event(
    body: bytes, trust: Trust, kind: str, named: str | None, message_id: str | None, moment: object
) -> SourceEvent:
    key = message_id or f"sha:{digest(body).hex()}"
    state, reason = _state(kind, trust)
    shown = f"{kind} {named}" if named else kind
    return SourceEvent("segment", key, shown, body, _unix(moment), trust=trust, state=state, reason=reason)


def _state(kind: str, trust: Trust) -> tuple[ReceivedState, str | None]:
    if kind == "delete" and trust is not Trust.SIGNED:
        return ReceivedState.IGNORED, "unsigned_delete"
    return ReceivedState.RECEIVED, None


def _text(value: Any) -> str | None:  # noqa: ANN401 - JSON is any value
    if isinstance(value, str):
        return value or None
    return str(value) if isinstance(value, int) and not isinstance(value, bool) else None


def _unix(moment: object) -> int | None:
    if not isinstance(moment, str):
        return seconds(moment)
    try:
        when = datetime.fromisoformat(moment)
        return seconds(int((when if when.tzinfo else when.replace(tzinfo=UTC)).timestamp()))
    except (ValueError, OverflowError):
        return None

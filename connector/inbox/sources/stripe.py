"""Stripe: one signed event in each request. Snapshot events are taken; thin ones are kept and ignored.

Only the envelope is read before the answer (https://docs.stripe.com/api/events/object); the rest of the body is
looked at when it is mapped.
"""

from __future__ import annotations

from typing import Any

import msgspec

from connector import strict_json
from connector.events import ReceivedState, SourceEvent
from connector.inbox.signature import authorized, stripe_signed
from connector.inbox.sources.source import (
    BAD_SIGNATURE,
    Accepted,
    Credentials,
    Refused,
    Request,
    seconds,
    unparseable,
)

THIN = "v2.core.event"


class _Envelope(msgspec.Struct):
    """The fast way to read a well-formed envelope: 1.5 µs instead of 20 for the whole event."""

    id: str
    type: str
    object: str
    created: int
    livemode: bool = True
    api_version: str | None = None


_decode = msgspec.json.Decoder(_Envelope).decode


def read(request: Request, credentials: Credentials) -> Accepted | Refused:
    """The event in `request`, if one of the endpoint's signing secrets signs its bytes."""
    secrets = credentials.signing_secrets
    if not stripe_signed(request.body, headers=request.signatures, secrets=secrets, now=request.now):
        return BAD_SIGNATURE
    if credentials.authorization and not authorized(credentials.authorization, headers=request.authorizations):
        return BAD_SIGNATURE
    return Accepted((event(request.body),))


def event(body: bytes) -> SourceEvent:
    """One event's bytes, from a webhook or from Stripe's own list; `unparseable` where they are not one."""
    try:
        envelope = _decode(body)
    except (msgspec.MsgspecError, RecursionError, UnicodeDecodeError):
        return _odd_event(body)
    if envelope.object != "event":
        return _odd_event(body)
    return SourceEvent(
        "stripe",
        envelope.id,
        envelope.type,
        body,
        seconds(envelope.created),
        envelope.livemode,
        envelope.api_version,
    )


def _odd_event(body: bytes) -> SourceEvent:
    """What the fast way does not take: a thin event, an envelope with odd types, or no JSON at all."""
    try:
        envelope = strict_json.parse_object(body)
    except strict_json.NotJson as error:
        return unparseable("stripe", body, str(error))
    key, kind = envelope.get("id"), envelope.get("type")
    if not (isinstance(key, str) and key and isinstance(kind, str) and kind):
        return unparseable("stripe", body, "no id or no type")
    state, reason = _state(envelope)
    version = envelope.get("api_version")
    return SourceEvent(
        "stripe",
        key,
        kind,
        body,
        seconds(envelope.get("created")),
        envelope.get("livemode") is not False,
        version if isinstance(version, str) else None,
        state=state,
        reason=reason,
    )


def _state(envelope: dict[str, Any]) -> tuple[ReceivedState, str | None]:
    if envelope.get("object") == THIN:
        return ReceivedState.IGNORED, "thin"
    return ReceivedState.RECEIVED, None

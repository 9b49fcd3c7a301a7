"""Segment's tracking API: what its client libraries post, as the messages that Segment would have passed on.  Pure.

https://segment.com/docs/connections/sources/catalog/libraries/server/http-api/
A batch's `context` and `integrations` count for each of its messages; the clock of the sender is corrected by `sentAt`
as Segment does it; the write key is taken out before anything is kept.
"""

from __future__ import annotations

import base64
import binascii
import hmac
import json
import zlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any, Final, TypeAlias

from connector import strict_json
from connector.events import SourceEvent, Trust, digest
from connector.inbox.sources.segment import message
from connector.inbox.sources.source import Accepted, Refused, unparseable

SINGLE: Final[Mapping[str, str]] = {
    "track": "track",
    "t": "track",
    "identify": "identify",
    "i": "identify",
    "page": "page",
    "p": "page",
    "screen": "screen",
    "s": "screen",
    "group": "group",
    "g": "group",
    "alias": "alias",
    "a": "alias",
}
"""Calls that carry one message, and its type."""
BATCHED: Final = ("batch", "import", "b")
CALLS: Final = (*SINGLE, *BATCHED)
MOST_MESSAGES: Final = 2_500
"""As Segment's own limit is."""
LARGEST_INFLATED: Final = 4 * 1024 * 1024
LONGEST_KEY: Final = 256

Json: TypeAlias = Any


class Kind(StrEnum):
    """Whose a write key is."""

    SERVER = "server"
    """Only its sender knows it: what comes with it is as good as signed."""
    BROWSER = "browser"
    """Everybody can read it in a page: what comes with it may become an event and no more."""


@dataclass(frozen=True, slots=True)
class WriteKeys:
    """The keys of one endpoint, several of a kind while one is rotated."""

    server: tuple[str, ...] = field(default=(), repr=False)
    browser: tuple[str, ...] = field(default=(), repr=False)

    def kind(self, shown: Iterable[str]) -> Kind | None:
        """Whose the first of these keys is that is one of ours."""
        for key in shown:
            if _among(key, self.server):
                return Kind.SERVER
            if _among(key, self.browser):
                return Kind.BROWSER
        return None


def _among(key: str, keys: Iterable[str]) -> bool:
    given = key.encode("utf-8", "surrogatepass")
    return any(hmac.compare_digest(given, each.encode()) for each in keys)


def shown_keys(authorizations: Sequence[str], body: Mapping[str, Any]) -> list[str]:
    """The write keys that a request shows: Basic (as the user's name), Bearer, or in its body."""
    found: list[str] = []
    for header in authorizations[:1]:
        kind, _, value = header.partition(" ")
        if kind.lower() == "bearer":
            found.append(value.strip())
        elif kind.lower() == "basic":
            found += _user_of(value.strip())
    if isinstance(in_body := body.get("writeKey"), str):
        found.append(in_body)
    return [key for key in found if 0 < len(key) <= LONGEST_KEY]


def _user_of(encoded: str) -> list[str]:
    try:
        return [base64.b64decode(encoded, validate=True).decode().partition(":")[0]]
    except (binascii.Error, ValueError):
        return []


def inflated(body: bytes, limit: int = LARGEST_INFLATED) -> bytes | None:
    """A gzipped body unpacked; None where it is none, breaks off, or would be larger than `limit`."""
    unpacker = zlib.decompressobj(zlib.MAX_WBITS | 16)
    try:
        plain = unpacker.decompress(body, limit + 1)
    except zlib.error:
        return None
    return plain if unpacker.eof and len(plain) <= limit and not unpacker.unused_data else None


def parse(body: bytes) -> Mapping[str, Any] | Refused:
    """The JSON object that was posted, whatever its content type."""
    try:
        return strict_json.parse_object(body)
    except strict_json.NotJson:
        return Refused(400, "json")


def read(call: str, posted: Mapping[str, Any], *, kind: Kind, now_ms: int) -> Accepted | Refused:
    """The messages of one call, for a key of that kind, received at `now_ms`."""
    trust = Trust.SIGNED if kind is Kind.SERVER else Trust.UNSIGNED
    if call in SINGLE:
        return Accepted([_event(posted, {}, SINGLE[call], trust, now_ms)])
    batch = posted.get("batch")
    if not isinstance(batch, list):
        return Refused(400, "no_batch")
    if len(batch) > MOST_MESSAGES:
        return Refused(400, "too_many_messages")
    return Accepted([_event(each, posted, None, trust, now_ms) for each in batch])


def _event(item: Json, batch: Mapping[str, Any], kind: str | None, trust: Trust, now_ms: int) -> SourceEvent:
    if not isinstance(item, Mapping):
        return unparseable("segment", _bytes(item), "a message that is no object")
    return message(_bytes(_completed(item, batch, kind, now_ms)), trust)


def _completed(item: Mapping[str, Any], batch: Mapping[str, Any], kind: str | None, now_ms: int) -> dict[str, Any]:
    """The message as Segment would have passed it on."""
    own = {name: value for name, value in item.items() if name not in ("writeKey", "sentAt")}
    sent_at = item.get("sentAt") or batch.get("sentAt")
    said = own.get("originalTimestamp") or own.get("timestamp")
    full = dict(own)
    if kind is not None:
        full["type"] = kind
    if not isinstance(full.get("messageId"), str) or not full["messageId"]:
        full["messageId"] = f"api-{digest(_bytes(own)).hex()}"  # the same when it is sent again
    for shared in ("context", "integrations"):
        if isinstance(batch.get(shared), Mapping):
            mine = full.get(shared)
            full[shared] = {**batch[shared], **mine} if isinstance(mine, Mapping) else dict(batch[shared])
    full["receivedAt"] = _iso(now_ms)
    full["timestamp"] = _iso(happened(said, sent_at, now_ms))
    if said is not None:
        full["originalTimestamp"] = said
    return full


def happened(said: Json, sent_at: Json, now_ms: int) -> int:
    """When it happened by our clock, in milliseconds: the receipt, less what lay between happening and sending."""
    original, sent = _millis(said), _millis(sent_at)
    if original is None:
        return now_ms
    return min(now_ms, original if sent is None else now_ms - (sent - original))


def _millis(moment: Json) -> int | None:
    if not isinstance(moment, str) or len(moment) > 64:
        return None
    try:
        when = datetime.fromisoformat(moment)
        return round((when if when.tzinfo else when.replace(tzinfo=UTC)).timestamp() * 1000)
    except (ValueError, OverflowError):
        return None


def _iso(milliseconds: int) -> str:
    try:
        when = datetime.fromtimestamp(milliseconds / 1000, UTC)
    except (ValueError, OverflowError, OSError):
        when = datetime.fromtimestamp(0, UTC)
    return when.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _bytes(value: Json) -> bytes:
    """JSON in ASCII: a sender may have put lone surrogates into it."""
    return json.dumps(value, separators=(",", ":")).encode()

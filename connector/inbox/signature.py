"""Did the sender really send these bytes? Stripe's and Segment's signatures, over raw bytes, with several secrets.

Pure: bytes, header values, secrets and the time come in, an answer goes out. Nothing here parses a body.
A header of any kind (not ASCII, doubled, empty, 100 kB) is an answer too, never an exception.
"""

from __future__ import annotations

import hmac
import re
from collections.abc import Iterable, Sequence

from stripe import SignatureVerificationError, WebhookSignature

STRIPE_TOLERANCE_S = 300
"""Seconds that a Stripe signature may be old, or ahead of us."""

_STRIPE_HEADER = re.compile(r"t=([0-9]{1,12})(?:,[a-z0-9_]{1,16}=[0-9a-f]{1,128}){1,16}", re.ASCII)
_SHA1_HEX = re.compile(r"[0-9a-fA-F]{40}", re.ASCII)


def stripe_signed(body: bytes, *, headers: Sequence[str], secrets: Iterable[str], now: int) -> bool:
    """Whether exactly one `Stripe-Signature` header signs `body` with one of `secrets`, within 300 s of `now`.

    The comparison is the SDK's own. Its check of the time is not used: it reads the clock itself and lets any
    timestamp of the future pass; nor is its reading of the number, which takes `1_0` and Arabic digits.
    https://docs.stripe.com/webhooks#verify-manually
    """
    if len(headers) != 1 or not (header := _STRIPE_HEADER.fullmatch(headers[0])):
        return False
    if abs(now - int(header[1])) > STRIPE_TOLERANCE_S:
        return False
    return any(_stripe_matches(body, headers[0], secret) for secret in secrets)


def _stripe_matches(body: bytes, header: str, secret: str) -> bool:
    try:
        return bool(WebhookSignature.verify_header(body, header, secret, None))
    except (SignatureVerificationError, UnicodeDecodeError):
        return False


def segment_signed(body: bytes, *, headers: Sequence[str], secrets: Iterable[str]) -> bool:
    """Whether exactly one `X-Signature` header is the hex HMAC-SHA1 of `body` with one of `secrets`.

    https://segment.com/docs/connections/destinations/catalog/webhooks/#authenticate-webhook-requests
    """
    if len(headers) != 1 or not _SHA1_HEX.fullmatch(headers[0]):
        return False
    given = bytes.fromhex(headers[0])
    return any(hmac.compare_digest(hmac.digest(secret.encode(), body, "sha1"), given) for secret in secrets)


def authorized(expected: str, *, headers: Sequence[str]) -> bool:
    """Whether exactly one `Authorization` header is `expected`, to the letter."""
    if len(headers) != 1:
        return False
    return hmac.compare_digest(headers[0].encode("utf-8", "surrogateescape"), expected.encode())

"""Did Intercom really send these bytes? `X-Body-Signature`, over the raw body, with the app's client secret.

Pure. Canvas requests, uninstall notices and health checks are signed so:
https://developers.intercom.com/docs/canvas-kit#signing-notifications
A header of any kind (not ASCII, doubled, empty, 100 kB) is an answer, never an exception.
"""

from __future__ import annotations

import hmac
import re
from collections.abc import Sequence

BODY_SIGNATURE = "X-Body-Signature"
_SHA256_HEX = re.compile(r"[0-9a-fA-F]{64}", re.ASCII)


def body_signed(body: bytes, *, headers: Sequence[str], secret: str) -> bool:
    """Whether exactly one header is the hex HMAC-SHA256 of `body` with `secret`, which must not be empty."""
    if not secret or len(headers) != 1 or not _SHA256_HEX.fullmatch(headers[0]):
        return False
    return hmac.compare_digest(hmac.digest(secret.encode(), body, "sha256"), bytes.fromhex(headers[0]))

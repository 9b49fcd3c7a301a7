"""Did Intercom really send these bytes? Its signatures over raw bodies, keyed with the app's client secret.  Pure.

Webhooks carry `X-Hub-Signature: sha1=<40 hex>`; what else Intercom posts to an app (canvas, uninstall, health check)
carries `X-Body-Signature: <64 hex>`, an HMAC-SHA256. A header of any kind is an answer, never an exception.

https://developers.intercom.com/docs/references/webhooks/webhook-models
"""

from __future__ import annotations

import hmac
import re
from collections.abc import Sequence

HUB_HEADER, BODY_HEADER = "X-Hub-Signature", "X-Body-Signature"

_HUB = re.compile(r"sha1=([0-9a-fA-F]{40})", re.ASCII)
_BODY = re.compile(r"([0-9a-fA-F]{64})", re.ASCII)


def hub_signed(body: bytes, *, headers: Sequence[str], secret: str) -> bool:
    """Whether exactly one `X-Hub-Signature` header is the HMAC-SHA1 of `body`."""
    return _signed(body, headers, secret, _HUB, "sha1")


def body_signed(body: bytes, *, headers: Sequence[str], secret: str) -> bool:
    """Whether exactly one `X-Body-Signature` header is the HMAC-SHA256 of `body`."""
    return _signed(body, headers, secret, _BODY, "sha256")


def _signed(body: bytes, headers: Sequence[str], secret: str, form: re.Pattern[str], algorithm: str) -> bool:
    if not secret or len(headers) != 1 or not (given := form.fullmatch(headers[0])):
        return False
    return hmac.compare_digest(hmac.digest(secret.encode(), body, algorithm), bytes.fromhex(given[1]))

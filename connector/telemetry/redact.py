"""Takes secrets and e-mail addresses out of text that is about to be logged, whoever wrote it.  Pure.

Facts hold none; this is for the words of others: an error of a library, a path in a traceback, a URL with a password.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import lru_cache
from typing import Any

HIDDEN = "[hidden]"

_SECRET_NAMES = re.compile(
    r"token|secret|password|authorization|signature|cookie|api_key|restricted_key|encryption_key", re.IGNORECASE
)
_SUSPECT = re.compile(r"[/@]|[Bb]earer|BEARER|[Bb]asic|BASIC|whsec|k_live|k_test|dG9rO")
"""Found in all text that a pattern below can match; most text is spared the rest by it."""
_PATTERNS = (
    (re.compile(r"(/webhooks/[a-z]{1,32}/|/segment/)[^/\s?#\"']+"), rf"\1{HIDDEN}"),  # the token in an address
    (re.compile(r"\b([Bb]earer|BEARER|[Bb]asic|BASIC)\s+[\w.~+/=:-]+"), rf"\1 {HIDDEN}"),
    (re.compile(r"\b(?:whsec|[rsp]k_live|[rsp]k_test)_\w+"), HIDDEN),  # Stripe
    (re.compile(r"\bdG9rO[\w+/=-]+"), HIDDEN),  # Intercom: base64 of "tok:…"
    (re.compile(r"(://[^\s:/@]{0,64}):[^\s/@]+@"), rf"\1:{HIDDEN}@"),  # a password in a URL
    (re.compile(r"[\w.+-]{1,64}@[\w-]{1,64}\.[\w.-]{1,255}"), "[e-mail]"),
)


def redacted(fields: Mapping[str, Any]) -> dict[str, Any]:
    """`fields` with the value of each secret-looking name hidden, and secrets cut out of all text."""
    return {name: HIDDEN if _is_secret(name) else _clean(value) for name, value in fields.items()}


def redacted_text(text: str) -> str:
    """`text` with everything that looks like a secret or an e-mail address cut out."""
    if _SUSPECT.search(text):
        for pattern, replacement in _PATTERNS:
            text = pattern.sub(replacement, text)
    return text


@lru_cache(1024)
def _is_secret(name: str) -> bool:
    return _SECRET_NAMES.search(name) is not None


def _clean(value: Any) -> Any:  # noqa: ANN401 - any value of a log line
    return redacted_text(value) if isinstance(value, str) else value

"""What a question to Stripe comes to. An error of its library becomes one of four shapes, and none is raised.

Statuses: https://docs.stripe.com/api/errors. A 429 says nothing about when to come back, so that is reckoned here.
"""

from __future__ import annotations

import re
import time
from dataclasses import dataclass
from typing import Any, Generic, TypeAlias, TypeVar

T = TypeVar("T")

KEY_REFUSED, PERMISSION_MISSING, INVALID = "key_refused", "permission_missing", "invalid_request"

_PERMISSION = re.compile(r"\brak_[a-z_]+")
_ACCOUNT = re.compile(r"\bacct_\w+")
_KEY = re.compile(r"\b[rsp]k_(?:live|test)_[\w*]+")


@dataclass(frozen=True, slots=True)
class Found(Generic[T]):
    """Stripe has it."""

    value: T


@dataclass(frozen=True, slots=True)
class Missing:
    """Stripe has no such thing, at least not for this key and mode."""


@dataclass(frozen=True, slots=True)
class Refused:
    """Stripe says no, and will until somebody acts.

    `reason` is key_refused, permission_missing or invalid_request; `words` are Stripe's own, without the key;
    `permission` is what a restricted key lacks (rak_charge_read) and `account` whose it is, where Stripe says so.
    """

    reason: str
    words: str
    permission: str | None = None
    account: str | None = None


@dataclass(frozen=True, slots=True)
class TryLater:
    """Stripe did not answer, or not now: ask again at `at` (milliseconds since 1970). `why` is one stable word."""

    at: int
    why: str


Answer: TypeAlias = Found[T] | Missing | Refused | TryLater
NoAnswer: TypeAlias = Missing | Refused | TryLater


@dataclass(frozen=True, slots=True)
class Failure:
    """A call that did not bring what it was for: `status` is None where nothing came back."""

    status: int | None
    code: str | None = None
    words: str = ""


def failure(error: Exception) -> Failure:
    """An error of Stripe's library, or of the connection below it."""
    status = getattr(error, "http_status", None)
    code = getattr(error, "code", None)
    words = getattr(error, "user_message", None) or type(error).__name__
    return Failure(status if isinstance(status, int) else None, code if isinstance(code, str) else None, str(words))


def read(failed: Failure) -> Missing | Refused | None:
    """What a failed call means for good; None where it may be different the next time."""
    words = without_keys(failed.words)
    match failed.status:
        case 404:
            return Missing()
        case 401:
            return Refused(KEY_REFUSED, words)
        case 403:
            return Refused(PERMISSION_MISSING, words, _found(_PERMISSION, words), _found(_ACCOUNT, words))
        case 400 if failed.code == "rate_limit":
            return None
        case 400 | 402 | 405 | 413 | 422:
            return Refused(INVALID, words)
    return None


def is_too_many(failed: Failure) -> bool:
    """Whether the key, or its account, has asked too often."""
    return failed.status == 429 or (failed.status == 400 and failed.code == "rate_limit")


def why_later(failed: Failure) -> str:
    """One stable word for a call that is worth another try."""
    if failed.status is None:
        return "no_answer"
    return "rate_limited" if is_too_many(failed) else f"status_{failed.status}"


def later(why: str, seconds: float = 1.0) -> TryLater:
    """To be asked again in so many seconds."""
    return TryLater(round((time.time() + seconds) * 1000), why)


def without_keys(words: str) -> str:
    """Stripe repeats the key in its refusals, in part: not even that goes any further."""
    return " ".join(_KEY.sub("[key]", words).split())[:500]


def _found(pattern: re.Pattern[str], words: str) -> str | None:
    found = pattern.search(words)
    return found.group() if found else None


def mapping(value: Any) -> dict[str, Any]:  # noqa: ANN401 - JSON is any value
    """`value` where it is an object, else an empty one."""
    return value if isinstance(value, dict) else {}

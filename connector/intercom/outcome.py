"""What one answer of Intercom's means: bytes and headers in, one of a few named outcomes out.

It leaves what to do about an outcome to `outbox.retry`. Nothing here raises, whatever the answer holds.

    202                          Delivered
    429                          RateLimited
    408, 425, 3xx, 5xx           ServerTrouble         also a 404 that does not say `not_found`
    no answer at all             Unreachable           ambiguous once the body was on its way
    404 `not_found`              ContactNotFound
    409                          SeveralContacts
    400, 413, 422                Refused               NameBudgetSpent where it is the 120 event names
    401, 403                     Unauthorized
    anything else                Unknown
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Literal, TypeAlias

import msgspec

from connector.intercom.rate_headers import refused_until
from connector.strict_json import NotJson, parse_object

WORDS_LENGTH = 1000
"""Characters of Intercom's own words that are kept."""

Fault: TypeAlias = Literal["connect", "dns", "tls", "timeout_before_send", "no_answer", "bad_answer"]
"""Why there is no status: the first four before the request was sent, the last two after it."""


class Answer(msgspec.Struct, frozen=True):
    """What came back from one call.

    `status` is None exactly where `fault` is not; `headers` have lower-case keys and are only those that somebody
    reads; `body` is at most 64 KiB of it; `detail` is the fault in the client library's words.
    """

    status: int | None
    headers: Mapping[str, str] = msgspec.field(default_factory=dict)
    body: bytes = b""
    fault: Fault | None = None
    duration_ms: int = 0
    request_id: str | None = None
    detail: str | None = None

    @property
    def json(self) -> dict[str, Any]:
        """The body as a JSON object; empty where it is none."""
        return _object(self.body)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Outcome:
    """`name` is short and stable, for the attempts table; `code` and `words` are Intercom's own, cleaned.

    `ambiguous`: Intercom may hold the event all the same, so that its identity must not change any more. Only an
    answer below 500 that is a 4xx rules that out. `trouble`: counts toward the circuit breaker.
    """

    name: str
    code: str | None = None
    words: str | None = None
    ambiguous: bool = False
    trouble: ClassVar[bool] = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivered(_Outcome):
    """Intercom has accepted the event. Only a 202 says so: a captive portal answers 200."""

    name: str = "delivered"


@dataclass(frozen=True, slots=True, kw_only=True)
class RateLimited(_Outcome):
    """Nothing for this workspace before `until_ms` (Unix ms, our clock)."""

    name: str = "rate_limited"
    until_ms: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Unreachable(_Outcome):
    """No answer that could be read; `name` tells connect_failed, dns_failed, tls_failed, … apart."""

    trouble: ClassVar[bool] = True


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerTrouble(_Outcome):
    """An answer that says nothing about the event: Intercom's trouble, or that of something in between."""

    trouble: ClassVar[bool] = True


@dataclass(frozen=True, slots=True, kw_only=True)
class ContactNotFound(_Outcome):
    """Nobody in the workspace has this identifier, yet."""

    name: str = "contact_not_found"


@dataclass(frozen=True, slots=True, kw_only=True)
class SeveralContacts(_Outcome):
    """More than one contact has this identifier."""

    name: str = "several_contacts"


@dataclass(frozen=True, slots=True, kw_only=True)
class Refused(_Outcome):
    """The event itself is not acceptable, and never will be."""

    name: str = "refused"


@dataclass(frozen=True, slots=True, kw_only=True)
class NameBudgetSpent(_Outcome):
    """The workspace has all the 120 event names it may have, and this one is not among them."""

    name: str = "name_budget_spent"


@dataclass(frozen=True, slots=True, kw_only=True)
class Unauthorized(_Outcome):
    """The token is not, or no longer, good for this."""

    name: str = "unauthorized"


@dataclass(frozen=True, slots=True, kw_only=True)
class Unknown(_Outcome):
    """An answer that no documentation mentions."""

    name: str = "unknown"
    trouble: ClassVar[bool] = True


Outcome: TypeAlias = (
    Delivered
    | RateLimited
    | Unreachable
    | ServerTrouble
    | ContactNotFound
    | SeveralContacts
    | Refused
    | NameBudgetSpent
    | Unauthorized
    | Unknown
)


_DELIVERED = Delivered()


def read(answer: Answer, *, now_ms: int) -> Outcome:
    """What `answer` to a submitted event means. `now_ms` is when it came, in Unix milliseconds."""
    if answer.status is None:
        return _unreachable(answer)
    if answer.status == 202:
        return _DELIVERED
    said = _said(answer.body)
    if answer.status == 429:
        until = refused_until(answer.headers, now_ms=now_ms)
        return RateLimited(until_ms=until, code=said.code, words=said.words)
    return _about_the_event(answer.status, said) or _trouble(answer.status, said)


def read_counted(answer: Answer, *, now_ms: int) -> Outcome:
    """What `answer` to a submitted summary means: taken is 200 there. A page in HTML is some captive portal's."""
    if answer.status == 200 and not answer.body.lstrip().startswith(b"<"):
        return _DELIVERED
    return read(answer, now_ms=now_ms)


def error_code(body: bytes) -> str | None:
    """The code of the first error, where `body` is Intercom's `error.list`."""
    return _said(body).code


def error_words(body: bytes) -> str | None:
    """The message of the first error, where `body` is Intercom's `error.list`; else what there is of it."""
    return _said(body).words


def request_id(headers: Mapping[str, str], body: bytes) -> str | None:
    """Intercom's id of the request, which its support asks for: from the header, or else the error's own."""
    found = headers.get("x-request-id") or _object(body).get("request_id")
    return _clean(found, 255) if isinstance(found, str) else None


@dataclass(frozen=True, slots=True)
class _Said:
    """The first error of an `error.list`; without one, `words` are the start of whatever text there is."""

    code: str | None
    words: str | None


def _about_the_event(status: int, said: _Said) -> Outcome | None:
    """The outcome where the status is Intercom's judgement of the event, the contact or the token."""
    code, words = said.code, said.words
    match status:
        case 401 | 403:
            return Unauthorized(code=code, words=words)
        case 404 if code == "not_found":
            return ContactNotFound(code=code, words=words)
        case 409:
            return SeveralContacts(code=code, words=words)
        case 422 if "active event names" in (words or "").lower():
            return NameBudgetSpent(code=code, words=words)
        case 400 | 413 | 422:
            return Refused(code=code, words=words)
    return None


def _trouble(status: int, said: _Said) -> Outcome:
    ambiguous = not 400 <= status < 500
    match status:
        case 404 | 408 | 425:
            name = {404: "strange_404", 408: "request_timeout", 425: "too_early"}[status]
        case _ if 300 <= status < 400:
            name = "redirected"
        case _ if 500 <= status < 600:
            name = "server_error"
        case _:
            return Unknown(code=said.code, words=said.words, ambiguous=ambiguous)
    return ServerTrouble(name=name, code=said.code, words=said.words, ambiguous=ambiguous)


_FAULTS: Mapping[Fault | None, str] = {
    "connect": "connect_failed",
    "dns": "dns_failed",
    "tls": "tls_failed",
    "timeout_before_send": "not_sent_in_time",
    "no_answer": "no_answer",
    "bad_answer": "bad_answer",
}


def _unreachable(answer: Answer) -> Unreachable:
    ambiguous = answer.fault in ("no_answer", "bad_answer", None)
    name = _FAULTS.get(answer.fault, "no_answer")
    return Unreachable(name=name, words=_clean(answer.detail or "", WORDS_LENGTH), ambiguous=ambiguous)


def _said(body: bytes) -> _Said:
    value = _object(body)
    errors = value.get("errors") if value.get("type") == "error.list" else None
    first = errors[0] if isinstance(errors, list) and errors else None
    if not isinstance(first, dict):
        return _Said(None, _clean(body[: 4 * WORDS_LENGTH].decode("utf-8", "replace"), WORDS_LENGTH))
    code, message = first.get("code"), first.get("message")
    return _Said(
        _clean(code, 100) if isinstance(code, str) else None,
        _clean(message, WORDS_LENGTH) if isinstance(message, str) else None,
    )


def _object(body: bytes) -> dict[str, Any]:
    try:
        return parse_object(body)
    except NotJson:
        return {}


def _clean(text: str, length: int) -> str | None:
    """`text` without control characters, lone surrogates and the like; None where nothing is left."""
    kept = text[:length]
    if not kept.isprintable():
        kept = "".join(character if character.isprintable() else " " for character in kept)
    return kept.strip() or None

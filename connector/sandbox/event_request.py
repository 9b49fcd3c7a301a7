"""The body of POST /events, read and checked, before anyone asks who the contact is."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from typing import Any, Literal, NoReturn

import msgspec

from connector.sandbox import metadata as rules
from connector.sandbox.answers import Refused, invalid, missing

IdentifierKind = Literal["id", "user_id", "email"]
# Intercom says this order for contacts; for events it is not stated.
PRECEDENCE: tuple[IdentifierKind, ...] = ("id", "user_id", "email")
LONGEST_NUMBER = 15
NOT_SECONDS = 10**11  # the year 5138; anything above is milliseconds


class Submission(msgspec.Struct, frozen=True):
    """A well-formed event as it was sent, its name normalised, its metadata cut to the keys that count."""

    name: str
    created_at: int
    identified_by: IdentifierKind
    identifier: str
    metadata: Mapping[str, Any]
    dropped_keys: tuple[str, ...]
    body: bytes


def normal_name(name: str) -> str:
    """The spelling Intercom stores: case does not matter, periods and dollars become hyphens."""
    return name.lower().replace(".", "-").replace("$", "-")


def json_object(body: bytes) -> dict[str, Any] | Refused:
    """`body` as a JSON object, or Intercom's 400 for what is none."""
    try:
        value = _DECODER.decode(body.decode())
    except (ValueError, RecursionError):
        return Refused(400, "parameter_invalid", "invalid JSON")
    return value if isinstance(value, dict) else Refused(400, "parameter_invalid", "the body is not a JSON object")


def whole_number(value: object) -> int | None:
    """`value`, or the number its digits spell, if that is a whole number of at most fifteen digits."""
    if isinstance(value, str):
        return int(value) if value.isascii() and value.isdecimal() and len(value) <= LONGEST_NUMBER else None
    if isinstance(value, bool) or not isinstance(value, int):
        return None
    return value if 0 <= value < 10**LONGEST_NUMBER else None


def read_submission(body: bytes, *, metadata_keys: int) -> Submission | Refused:
    """The event in `body`, or the first thing that is wrong with it."""
    sent = json_object(body)
    if isinstance(sent, Refused):
        return sent
    if refused := _name_refused(sent) or _time_refused(sent):
        return refused
    kind = next((kind for kind in PRECEDENCE if sent.get(kind)), None)
    if kind is None:
        return missing("user_id")
    if not isinstance(sent[kind], str):
        return invalid(kind, f"{kind} must be a string")
    metadata = sent.get("metadata") or {}
    if not isinstance(metadata, dict):
        return invalid("metadata", "Invalid metadata: not an object")
    kept, dropped = rules.split_keys(metadata, metadata_keys)
    if refused := _metadata_refused(kept):
        return refused
    return Submission(normal_name(sent["event_name"]), sent["created_at"], kind, sent[kind], kept, dropped, body)


def _name_refused(sent: Mapping[str, Any]) -> Refused | None:
    name = sent.get("event_name")
    if name is None or name == "":
        return missing("event_name")
    return None if isinstance(name, str) else invalid("event_name", "event_name must be a string")


def _time_refused(sent: Mapping[str, Any]) -> Refused | None:
    seconds = sent.get("created_at")
    if seconds is None:
        return missing("created_at")
    if isinstance(seconds, bool) or not isinstance(seconds, int) or not 0 <= seconds < NOT_SECONDS:
        return invalid("created_at", "created_at must be a Unix timestamp in seconds")
    return None


def _metadata_refused(metadata: Mapping[str, Any]) -> Refused | None:
    for key, value in metadata.items():
        if why := rules.problem(key, value):
            return invalid(f"metadata.{key}", why)
    return None


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not JSON")


def _finite(digits: str) -> float:
    if not math.isfinite(number := float(digits)):
        raise ValueError(f"{digits[:20]} is too large a number")
    return number


_DECODER = json.JSONDecoder(parse_constant=_refuse_constant, parse_float=_finite)

"""Where a body names a person: whether it is about them, and the same body without them.  Pure.

A body that is about a person goes as a whole. One that is about somebody else and names them in passing (a company's
invoice, sent to their address) keeps everything but the name, so that it can still be replayed.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Any
from urllib.parse import quote

from connector.events import Identifier, IdentifierKind
from connector.people.person import Person
from connector.strict_json import NotJson, parse

DELETED = "[deleted]"
_LOOSE = (IdentifierKind.USER_ID, IdentifierKind.ANONYMOUS_ID)
_USER_KEYS = frozenset({"userid", "user_id", "previousid", "anonymousid", "external_id", "externalid"})
"""The keys, in lower case, under which `42` is somebody and not a number of things."""


class Mention(Enum):
    """How a body names a person."""

    NOT = "not"
    ABOUT = "about"
    IN_PASSING = "in passing"


@dataclass(frozen=True, slots=True)
class Names:
    """How to recognise one person in text: addresses and ids anywhere, user ids where a user id stands."""

    person: Person
    distinct: re.Pattern[str] | None
    loose: frozenset[str]

    @classmethod
    def of(cls, person: Person) -> Names:
        """Those of `person`."""
        distinct = sorted({each.value for each in person.identifiers if each.kind not in _LOOSE}, key=len, reverse=True)
        forms = [form for value in distinct for form in dict.fromkeys((value, quote(value, safe="")))]
        pattern = "|".join(map(re.escape, forms))
        return cls(
            person,
            re.compile(rf"(?<![\w.+-])(?:{pattern})(?![\w-])", re.IGNORECASE) if forms else None,
            frozenset(each.value for each in person.identifiers if each.kind in _LOOSE),
        )

    def maybe_in(self, body: bytes) -> bool:
        """Whether it is worth reading `body`: cheap, and never wrong where it says no."""
        if b"\\" in body:
            return True
        text = body.decode("utf-8", "replace")
        return bool(self.distinct and self.distinct.search(text)) or any(value in text for value in self.loose)


def mention(names: Names, source: str, body: bytes) -> Mention:
    """How `body` names the person; one that is no JSON is about them if it names them at all."""
    if not names.maybe_in(body):
        return Mention.NOT
    try:
        payload = parse(body)
    except NotJson:
        text = body.decode("utf-8", "replace")
        return Mention.ABOUT if names.distinct and names.distinct.search(text) else Mention.NOT
    if without(names, payload) == payload:
        return Mention.NOT
    return Mention.ABOUT if _is_about(names.person, source, payload) else Mention.IN_PASSING


def _is_about(person: Person, source: str, payload: Any) -> bool:  # noqa: ANN401 - JSON is any value
    """Whether its subject is the person; where it names no subject, whoever it mentions is it."""
    if not isinstance(payload, Mapping):
        return True
    subjects = list(_segment_subjects(payload) if source == "segment" else _stripe_subjects(payload))
    return not subjects or any(person.has(subject) for subject in subjects)


def _segment_subjects(message: Mapping[str, Any]) -> Iterable[Identifier]:
    for kind, keys in (
        (IdentifierKind.USER_ID, ("userId", "previousId")),
        (IdentifierKind.ANONYMOUS_ID, ("anonymousId", "previousId")),
    ):
        for key in keys:
            if (value := message.get(key)) and isinstance(value, str | int):
                yield Identifier(kind, str(value))


def _stripe_subjects(event: Mapping[str, Any]) -> Iterable[Identifier]:
    data = event.get("data")
    thing = data.get("object") if isinstance(data, Mapping) else None
    if not isinstance(thing, Mapping):
        return
    customer = thing if thing.get("object") == "customer" else thing.get("customer")
    customer_id = customer.get("id") if isinstance(customer, Mapping) else customer
    if isinstance(customer_id, str):
        yield Identifier(IdentifierKind.STRIPE_CUSTOMER, customer_id)


def without(names: Names, value: Any, key: str = "") -> Any:  # noqa: ANN401 - JSON is any value
    """`value` with every mention of the person written over."""
    match value:
        case dict():
            return {name: without(names, part, name.lower()) for name, part in value.items()}
        case list():
            return [without(names, part, key) for part in value]
        case str() if names.distinct is not None and names.distinct.search(value):
            return names.distinct.sub(DELETED, value)
        case str() | int() if key in _USER_KEYS and str(value) in names.loose:
            return DELETED
    return value


def redacted(names: Names, body: bytes) -> bytes:
    """The bytes of a body that names them in passing, without the mention."""
    return json.dumps(without(names, parse(body)), ensure_ascii=False, separators=(",", ":")).encode("utf-8", "replace")

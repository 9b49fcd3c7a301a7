"""POST /contacts/search: which contacts a query means. Reads contacts, changes none."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, tzinfo
from typing import Any, TypeGuard
from zoneinfo import ZoneInfo

from connector.sandbox.answers import Refused
from connector.sandbox.contacts import Contact
from connector.sandbox.event_request import NOT_SECONDS, whole_number

DEEPEST = 2
MOST_FILTERS = 15
TEXT_FIELDS = frozenset({"id", "role", "name", "avatar", "owner_id", "email", "email_domain", "phone", "external_id"})
DATE_FIELDS = frozenset({"created_at", "updated_at", "signed_up_at", "last_seen_at"})
SORTABLE = (TEXT_FIELDS | DATE_FIELDS) - {"email_domain"}
BOOLEAN_FIELDS = frozenset({"unsubscribed_from_emails"})
CUSTOM = "custom_attributes."
ORDERS = ("ascending", "descending")

Test = Callable[[Contact], bool]

TEXT_OPERATORS: Mapping[str, Callable[[Any, Any], bool]] = {
    "=": lambda have, want: have == want,
    "!=": lambda have, want: have != want,
    "IN": lambda have, want: have in want,
    "NIN": lambda have, want: have not in want,
    "~": lambda have, want: want in _text(have),
    "!~": lambda have, want: want not in _text(have),
    "^": lambda have, want: _text(have).startswith(want),
    "$": lambda have, want: _text(have).endswith(want),
}
PARTIAL = frozenset({"~", "!~", "^", "$"})
DATE_OPERATORS: Mapping[str, Callable[[date, date], bool]] = {
    "=": lambda have, want: have == want,
    ">": lambda have, want: have > want,
    "<": lambda have, want: have < want,
}


@dataclass(frozen=True, slots=True)
class Reader:
    """How a workspace reads a query: whose midnight ends a day, and whether the case of an email matters."""

    timezone: str
    match_email_case: bool

    def value(self, contact: Contact, field: str) -> object:
        """What `contact` has under a text or boolean field."""
        if field.startswith(CUSTOM):
            return contact.custom_attributes.get(field.removeprefix(CUSTOM))
        if field == "email_domain":
            return (contact.email or "").rpartition("@")[2] or None
        value = getattr(contact, field)
        return self.wanted(field, value)

    def wanted(self, field: str, value: object) -> object:
        """`value` as it is compared under `field`."""
        if isinstance(value, list):
            return [self.wanted(field, item) for item in value]
        fold = field == "email" and not self.match_email_case
        return value.casefold() if fold and isinstance(value, str) else value

    def day(self, seconds: int) -> date:
        """The calendar day of a Unix timestamp, in the workspace's time zone."""
        zone: tzinfo = UTC if self.timezone == "UTC" else ZoneInfo(self.timezone)
        return datetime.fromtimestamp(seconds, zone).date()


def find(contacts: Iterable[Contact], query: object, *, reader: Reader, now: float) -> list[Contact] | Refused:
    """The active contacts that match, leaving out those created too recently to be searched."""
    test = _group(query, reader, depth=1) if _is_group(query) else _filter(query, reader)
    if isinstance(test, Refused):
        return test
    return [contact for contact in contacts if contact.active and contact.searchable_at <= now and test(contact)]


def sort(contacts: list[Contact], order: object) -> list[Contact] | Refused:
    """`contacts` as the request's `sort` wants them: newest first unless it says otherwise."""
    wanted = order if isinstance(order, dict) else {}
    field, direction = wanted.get("field", "created_at"), wanted.get("order", "descending")
    if direction not in ORDERS:
        message = f"Invalid sort order '{direction}'. Must be one of: ascending, descending"
        return Refused(400, "invalid_sort_order", message)
    if not isinstance(field, str) or field not in SORTABLE:
        return _bad_field(field)

    def rank(contact: Contact) -> tuple[bool, Any, str]:
        have = getattr(contact, field)
        return have is not None, 0 if have is None else have, contact.id

    return sorted(contacts, key=rank, reverse=direction == "descending")


def _is_group(query: object) -> TypeGuard[dict[str, Any]]:
    return isinstance(query, dict) and query.get("operator") in ("AND", "OR")


def _group(query: Mapping[str, Any], reader: Reader, *, depth: int) -> Test | Refused:
    parts = query.get("value")
    if not isinstance(parts, list) or not parts:
        return Refused(400, "parameter_invalid", "the value of AND and OR is a list of filters")
    if depth > DEEPEST or len(parts) > MOST_FILTERS:
        return Refused(400, "parameter_invalid", f"at most {DEEPEST} levels and {MOST_FILTERS} filters in a group")
    tests: list[Test] = []
    for part in parts:
        test = _group(part, reader, depth=depth + 1) if _is_group(part) else _filter(part, reader)
        if isinstance(test, Refused):
            return test
        tests.append(test)
    together = all if query["operator"] == "AND" else any
    return lambda contact: together(test(contact) for test in tests)


def _filter(query: object, reader: Reader) -> Test | Refused:
    if not isinstance(query, dict) or not {"field", "operator", "value"} <= query.keys():
        return Refused(400, "parameter_missing", "a filter has a field, an operator and a value")
    field, operator, value = query["field"], query["operator"], query["value"]
    if not isinstance(field, str):
        return _bad_field(field)
    if field in DATE_FIELDS:
        return _date_filter(field, operator, value, reader)
    if field not in TEXT_FIELDS | BOOLEAN_FIELDS and not field.startswith(CUSTOM):
        return _bad_field(field)
    compare = TEXT_OPERATORS.get(operator) if isinstance(operator, str) else None
    if compare is None or (operator in ("IN", "NIN")) != isinstance(value, list):
        return _bad_operator(field, operator)
    if operator in PARTIAL and (field in BOOLEAN_FIELDS or not isinstance(value, str)):
        return _bad_operator(field, operator)
    want = reader.wanted(field, value)
    return lambda contact: compare(reader.value(contact, field), want)


def _date_filter(field: str, operator: object, value: object, reader: Reader) -> Test | Refused:
    compare = DATE_OPERATORS.get(operator) if isinstance(operator, str) else None
    if compare is None:
        return _bad_operator(field, operator)
    seconds = whole_number(value)
    if seconds is None or seconds >= NOT_SECONDS:
        return Refused(400, "parameter_invalid", f"{field} is compared with a Unix timestamp")
    day = reader.day(seconds)

    def test(contact: Contact) -> bool:
        have = getattr(contact, field)
        return have is not None and compare(reader.day(have), day)

    return test


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""


def _bad_field(field: object) -> Refused:
    return Refused(400, "invalid_field", f"{field!r} is not a field that can be searched")


def _bad_operator(field: object, operator: object) -> Refused:
    return Refused(400, "invalid_operator", f"{operator!r} is not an operator for {field!r} and this value")

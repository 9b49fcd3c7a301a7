"""Contacts as Intercom answers with them: its JSON to frozen values. Asking for them is `client`'s.

An answer that says neither who it is nor that it is nobody is handed back as it came.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from connector.intercom.outcome import Answer, error_code, error_words

_TWIN = re.compile(r"already exists with id=([\w-]{1,255})", re.ASCII)
_CANONICAL = re.compile(r'</contacts/([\w-]{1,255})>\s*;\s*rel="?canonical"?', re.ASCII)


@dataclass(frozen=True, slots=True)
class Contact:
    """One person in Intercom. `role` is user or lead; of one merged into another only the other's `id` is known."""

    id: str
    role: str | None = None
    external_id: str | None = None
    email: str | None = None
    active_at: int = 0
    """When they were last seen (Unix seconds); where Intercom never saw them, when they signed up or were created."""


@dataclass(frozen=True, slots=True)
class NewContact:
    """A contact to be created; at least one of the last two is there."""

    role: str
    external_id: str | None
    email: str | None


@dataclass(frozen=True, slots=True)
class Created:
    """There is now a contact with those details: a new one, or one that was there already."""

    id: str
    answer: Answer
    archived: bool = False
    """One that was there, and that takes no events until it is brought back."""


@dataclass(frozen=True, slots=True)
class Found:
    """Everybody who has the identifier asked for, without archived contacts; `answer` is what to pace by."""

    contacts: tuple[Contact, ...]
    answer: Answer


def one_contact(answer: Answer) -> Found | Answer:
    """Who a request for a single contact found, or nobody.

    One who was merged away is answered 410 with a `Link` to who is left, or else 404:
    https://developers.intercom.com/docs/references/rest-api/api.intercom.io/contacts/showcontact
    """
    if answer.status == 404 and error_code(answer.body) == "not_found":
        return Found((), answer)
    if answer.status == 410 and (link := _CANONICAL.search(answer.headers.get("link", ""))):
        return Found((Contact(link[1]),), answer)
    value = answer.json
    if answer.status != 200 or value.get("type") != "contact":
        return answer
    return Found(_contacts([value]), answer)


def contacts_with_email(answer: Answer, email: str) -> Found | Answer:
    """Who a search for `email` found, compared without case."""
    data = answer.json.get("data")
    if answer.status != 200 or not isinstance(data, list):
        return answer
    same = (found for found in _contacts(data) if (found.email or "").casefold() == email.casefold())
    return Found(tuple(same), answer)


def created(answer: Answer) -> Created | Answer:
    """Who a request to create a contact made, or who stood in its way; the answer itself where it says neither.

    "A contact matching those details already exists with id=…", or "An archived contact …", come with a 409 that no
    documentation mentions: https://github.com/intercom/Intercom-OpenAPI/issues/543
    """
    value = answer.json
    if answer.status == 200 and value.get("type") == "contact" and (made := _text(value.get("id"))):
        return Created(made, answer)
    words = error_words(answer.body) or ""
    if answer.status == 409 and (twin := _TWIN.search(words)):
        return Created(twin[1], answer, archived=words.lower().startswith("an archived contact"))
    return answer


def _contacts(values: list[object]) -> tuple[Contact, ...]:
    return tuple(
        Contact(
            value["id"],
            _text(value.get("role")),
            _text(value.get("external_id")),
            _text(value.get("email")),
            _active_at(value),
        )
        for value in values
        if isinstance(value, dict) and _text(value.get("id")) and value.get("archived") is not True
    )


def _active_at(value: dict[str, object]) -> int:
    times = (value.get(name) for name in ("last_seen_at", "signed_up_at", "created_at"))
    return next((at for at in times if isinstance(at, int) and not isinstance(at, bool) and at > 0), 0)


def _text(value: object) -> str | None:
    return value if isinstance(value, str) and 0 < len(value) <= 255 else None

"""What Intercom's successful answers hold, as frozen values: contacts, and the workspace a token belongs to.

Asking for them is `client`'s. Whatever cannot be read is handed back as the answer it was.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from connector.intercom.outcome import Answer, error_code
from connector.strict_json import NotJson, parse_object

_CANONICAL = re.compile(r'</contacts/([\w-]{1,255})>\s*;\s*rel="?canonical"?', re.ASCII)


@dataclass(frozen=True, slots=True)
class Contact:
    """One person in Intercom. `role` is user or lead; of one merged into another only the other's `id` is known."""

    id: str
    role: str | None = None
    external_id: str | None = None
    email: str | None = None


@dataclass(frozen=True, slots=True)
class Found:
    """Everybody who has the identifier asked for, without archived contacts; `answer` is what to pace by."""

    contacts: tuple[Contact, ...]
    answer: Answer


@dataclass(frozen=True, slots=True)
class Me:
    """The workspace that a token opens. `region` is us, eu or au, `time_zone` an IANA name; `app_id` is its id."""

    app_id: str
    name: str | None
    region: str | None
    time_zone: str | None
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
    value = _successful(answer)
    return Found(_contacts([value]), answer) if value.get("type") == "contact" else answer


def contacts_with_email(answer: Answer, email: str) -> Found | Answer:
    """Who a search for `email` found, compared without case."""
    data = _successful(answer).get("data")
    if not isinstance(data, list):
        return answer
    same = (found for found in _contacts(data) if (found.email or "").casefold() == email.casefold())
    return Found(tuple(same), answer)


def workspace(answer: Answer) -> Me | Answer:
    """Whose token it is."""
    app = _successful(answer).get("app")
    app_id = _text(app.get("id_code")) if isinstance(app, dict) else None
    if not isinstance(app, dict) or app_id is None:
        return answer
    region = _text(app.get("region"))
    return Me(app_id, _text(app.get("name")), region and region.lower(), _text(app.get("timezone")), answer)


def _contacts(values: list[object]) -> tuple[Contact, ...]:
    return tuple(
        Contact(value["id"], _text(value.get("role")), _text(value.get("external_id")), _text(value.get("email")))
        for value in values
        if isinstance(value, dict) and _text(value.get("id")) and value.get("archived") is not True
    )


def _text(value: object) -> str | None:
    return value if isinstance(value, str) and value else None


def _successful(answer: Answer) -> dict[str, object]:
    if answer.status != 200:
        return {}
    try:
        return parse_object(answer.body)
    except NotJson:
        return {}

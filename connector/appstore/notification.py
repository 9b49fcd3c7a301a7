"""One webhook of Intercom's: signed bytes in, what it says about which contact out.  Pure.

`TOPICS` is the list of what is subscribed to, written once: what to do, the manifest and its test come from it.
https://developers.intercom.com/docs/references/webhooks/webhook-models
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from connector.events import DISPLAY_LENGTH, Identifier, IdentifierKind
from connector.strict_json import NotJson, parse_object


class Meaning(StrEnum):
    """What a topic tells of its contact."""

    APPEARED = "appeared"
    """There is somebody by these identifiers: what waits for one of them may go."""
    MERGED = "merged"
    """There is one where there were two: what waits for either may go, the other's id leads nowhere."""
    HIDDEN = "hidden"
    """Their id takes no events for now."""
    DELETED = "deleted"
    """They are gone for good, and are to be forgotten."""
    SEEN = "seen"
    """Intercom holds an event of theirs."""


TOPICS: Mapping[str, Meaning] = {
    "contact.user.created": Meaning.APPEARED,
    "contact.lead.created": Meaning.APPEARED,
    "contact.lead.signed_up": Meaning.APPEARED,
    "contact.lead.added_email": Meaning.APPEARED,
    "contact.email.updated": Meaning.APPEARED,
    "contact.unarchive": Meaning.APPEARED,
    "contact.merged": Meaning.MERGED,
    "contact.archived": Meaning.HIDDEN,
    "contact.deleted": Meaning.DELETED,
}
"""Every topic that is subscribed to, by Intercom's name. `ping` comes unasked."""
OPTIONAL_TOPICS: Mapping[str, Meaning] = {"event.created": Meaning.SEEN}
"""Those that need a permission which the listed app does without."""
_MEANINGS = {**TOPICS, **OPTIONAL_TOPICS}


@dataclass(frozen=True, slots=True)
class ToldEvent:
    """An event that Intercom holds; `second` is its `created_at`."""

    name: str
    second: int


@dataclass(frozen=True, slots=True)
class Notification:
    """What came. `meaning` is None for a topic that means nothing to us, `contact_id` where no contact is named."""

    app_id: str
    topic: str
    meaning: Meaning | None
    contact_id: str | None
    people: tuple[Identifier, ...]
    """Every identifier of the contact, and of the one that it took over."""
    gone_id: str | None = None
    """Of the contact that was merged into it."""
    event: ToldEvent | None = None
    """What `people` did, where that is what it tells of."""


def read(body: bytes) -> Notification | None:
    """The notification in a signed body; None where the bytes are none."""
    try:
        envelope = parse_object(body)
    except NotJson:
        return None
    app_id, topic = _text(envelope.get("app_id")), _text(envelope.get("topic"))
    if app_id is None or topic is None:
        return None
    told = _mapping(_mapping(envelope.get("data")).get("item"))
    if OPTIONAL_TOPICS.get(topic) is Meaning.SEEN:
        return _seen(app_id, topic, told)
    item = _contact(told)
    gone_id = _text(_mapping(item.get("merged_from")).get("id"))
    people = [*_identifiers(item), *([Identifier(IdentifierKind.ID, gone_id)] if gone_id else [])]
    return Notification(app_id, topic, _MEANINGS.get(topic), _text(item.get("id")), tuple(people), gone_id)


def _seen(app_id: str, topic: str, item: Mapping[str, Any]) -> Notification:
    """An event's own `id` is nobody's: its contact is called `intercom_user_id`, `user_id` and `email`.

    https://developers.intercom.com/docs/references/webhooks/webhook-models: the item is a data event.
    """
    name, second = _text(item.get("event_name")), _second(item.get("created_at"))
    people = tuple(_identifiers({**item, "id": item.get("intercom_user_id"), "external_id": item.get("user_id")}))
    event = None if name is None or second is None or not people else ToldEvent(name, second)
    return Notification(app_id, topic, Meaning.SEEN if event else None, None, people, event=event)


def _second(value: object) -> int | None:
    whole = isinstance(value, int) and not isinstance(value, bool)
    return value if whole and 0 <= value < 1 << 40 else None  # type: ignore[operator,return-value]


def _contact(item: Mapping[str, Any]) -> Mapping[str, Any]:
    """The contact itself, where a topic wraps it together with something else."""
    inner = item.get("contact")
    return inner if isinstance(inner, Mapping) else item


def _identifiers(contact: Mapping[str, Any]) -> list[Identifier]:
    found = (
        (IdentifierKind.ID, contact.get("id")),
        (IdentifierKind.USER_ID, contact.get("external_id") or contact.get("user_id")),
        (IdentifierKind.EMAIL, contact.get("email")),
    )
    return [Identifier(kind, text) for kind, value in found if (text := _text(value))]


def _text(value: object) -> str | None:
    """1 … 255 characters that a column can hold."""
    if not isinstance(value, str) or not 0 < len(value) <= DISPLAY_LENGTH or "\x00" in value:
        return None
    return value.encode("utf-8", "replace").decode()


def _mapping(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}

"""Who an event happened to: the identifiers that a payload holds, each as Intercom or our directory takes it."""

from __future__ import annotations

from connector.events import IdentifierKind
from connector.mapping.context import Context, Json
from connector.mapping.functions import id_of
from connector.mapping.lookup import Convert, Find, finder
from connector.mapping.text import MAX_TEXT, sound, text_of
from connector.mapping.values import Lookup


def contact_finder(kind: IdentifierKind, wanted: Lookup) -> Find:
    """How to find the identifier of one `kind`: 1 … 255 characters, numbers as text."""
    return finder(wanted, f"contact.{kind.value}", _CONVERSIONS.get(kind, _expanded))


def _plain(value: Json, context: Context, about: str) -> str | None:
    found = text_of(value)
    if found is None:
        context.note(about, "not used: neither text nor a number")
        return None
    if len(found) > MAX_TEXT:
        context.note(about, f"not used: longer than {MAX_TEXT} characters")
        return None
    if not sound(found):
        context.note(about, "not used: broken characters")
        return None
    return found


def _email(value: Json, context: Context, about: str) -> str | None:
    found = _plain(value.strip() if isinstance(value, str) else value, context, about)
    if found and "@" not in found:
        context.note(about, "not used: no e-mail address")
        return None
    return found or None


def _expanded(value: Json, context: Context, about: str) -> str | None:
    """Stripe's ids: an id, or the object itself where it was expanded."""
    identity = id_of(value)
    if not identity:
        context.note(about, "not used: neither an id nor an expanded object")
        return None
    return _plain(identity, context, about)


_CONVERSIONS: dict[IdentifierKind, Convert] = {
    IdentifierKind.ID: _plain,
    IdentifierKind.USER_ID: _plain,
    IdentifierKind.ANONYMOUS_ID: _plain,
    IdentifierKind.EMAIL: _email,
}

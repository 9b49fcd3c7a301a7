"""A value of a payload as one of Intercom's metadata types; what does not fit is left out, with a note."""

from __future__ import annotations

import math
from collections.abc import Mapping

from connector.mapping import money
from connector.mapping.context import Context, Json
from connector.mapping.dates import MILLISECONDS, seconds_of
from connector.mapping.functions import id_of
from connector.mapping.text import MAX_TEXT, MAX_URL, cut, is_url, mended, sound, text_of

LARGEST_INTEGER = 2**53
"""Beyond it JSON readers begin to lose digits."""


def text(value: Json, context: Context, key: str) -> str | None:
    """Text, or a number as text, that Intercom takes."""
    found = value if isinstance(value, str) else text_of(value)
    if found is None:
        refuse(value, context, key, "no text")
        return None
    if len(found) <= MAX_TEXT and found.isascii() and "\x00" not in found:
        return found
    return _fitted(found, context, key)


def number(value: Json, context: Context, key: str) -> int | float | None:
    """A finite number, or text that is one."""
    if isinstance(value, str) and (read := money.exact(value)) is not None:
        value = money.number_of(read)
    if isinstance(value, bool) or not isinstance(value, int | float):
        refuse(value, context, key, "no number")
    elif isinstance(value, int) and abs(value) > LARGEST_INTEGER:
        leave_out(context, key, "too large a number")
    elif not math.isfinite(value):
        leave_out(context, key, "not a finite number")
    else:
        return value
    return None


def date(value: Json, context: Context, key: str) -> int | None:
    """A moment as Unix seconds."""
    if type(value) is int and 0 < value < MILLISECONDS:
        return value
    moment = seconds_of(value)
    if moment is None:
        refuse(value, context, key, "no moment that can be read")
    return moment


def link(value: Json, context: Context, key: str) -> str | None:
    """An http(s) address."""
    return _address(value, context, key, MAX_TEXT)


def long_link(value: Json, context: Context, key: str) -> str | None:
    """The http(s) address of a rich link."""
    return _address(value, context, key, MAX_URL)


def stripe_id(value: Json, context: Context, key: str) -> str | None:
    """The id of a Stripe id or of an expanded object."""
    found = id_of(value)
    if found and len(found) <= MAX_TEXT and found.isascii() and "\x00" not in found:
        return found
    refuse(value, context, key, "no Stripe id")
    return None


def amount(value: Json, context: Context, key: str) -> money.Exact | None:
    """An exact amount of money."""
    found = money.exact(value)
    if found is None:
        refuse(value, context, key, "no amount")
    return found


def refuse(value: Json, context: Context, key: str, what: str) -> None:
    """Note why `value` cannot be sent under `key`."""
    match value:
        case bool():
            leave_out(context, key, "true and false want `translate`")
        case list():
            leave_out(context, key, "lists are never sent")
        case Mapping():
            leave_out(context, key, "objects are never sent")
        case _:
            leave_out(context, key, what)


def leave_out(context: Context, key: str, reason: str) -> None:
    """Note that `key` is not sent."""
    context.note(key, f"left out: {reason}")


def _address(value: Json, context: Context, key: str, longest: int) -> str | None:
    """One that is too long cannot be cut: it would lead elsewhere."""
    if not isinstance(value, str):
        refuse(value, context, key, "no address")
        return None
    address = value.strip()
    if is_url(address) and sound(address) and len(address) <= longest:
        return address
    leave_out(
        context, key, "not an http(s) address" if len(address) <= longest else f"longer than {longest} characters"
    )
    return None


def _fitted(found: str, context: Context, key: str) -> str:
    if not sound(found):
        context.note(key, "broken characters replaced")
        found = mended(found)
    if len(found) > MAX_TEXT:
        context.note(key, f"cut: {len(found)} characters, {MAX_TEXT} are allowed")
        found = cut(found)
    return found

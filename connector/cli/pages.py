"""Cursors of lists: opaque text for the outside, the place of the last item shown for us."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeVar

from connector.cli.output import Page
from connector.errors import UsageError
from connector.events import Key

T = TypeVar("T")
KEY_BYTES = 16


def after_id(cursor: str | None) -> int:
    """The id behind which a list goes on, 0 at its start. Raises UsageError."""
    if cursor is None:
        return 0
    if not (cursor.isascii() and cursor.isdigit() and len(cursor) <= 18):
        raise _no_cursor(cursor)
    return int(cursor)


def before_place(cursor: str | None) -> tuple[int, Key] | None:
    """The time and key before which a list, newest first, goes on; None at its start. Raises UsageError."""
    if cursor is None:
        return None
    time, _, text = cursor.partition("-")
    if (key := key_of(text)) is None:
        raise _no_cursor(cursor)
    return after_id(time), key


def key_of(text: str) -> Key | None:
    """One of our ids, which are 32 hexadecimal digits; None for anything else."""
    try:
        key = bytes.fromhex(text)
    except ValueError:
        return None
    return key if len(key) == KEY_BYTES else None


def place_cursor(time: int, key: Key) -> str:
    """The cursor of an item in a list that is ordered by time and key."""
    return f"{time}-{key.hex()}"


def cut(
    found: Sequence[T], limit: int, document: Callable[[T], Mapping[str, Any]], cursor_of: Callable[[T], str]
) -> Page:
    """The first `limit` of what was found, which was asked for one more: whether there is a next page."""
    shown = found[:limit]
    return Page([document(item) for item in shown], cursor_of(shown[-1]) if len(found) > limit else None)


def _no_cursor(text: str) -> UsageError:
    return UsageError(f"--cursor: {text!r} is not the `next` of a page")

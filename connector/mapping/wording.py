"""Words for what a payload says: codes and booleans translated, the items of a list in one text."""

from __future__ import annotations

from connector.mapping.context import Context, Json
from connector.mapping.conversions import leave_out, text
from connector.mapping.forms import Join, Text
from connector.mapping.language import more_text
from connector.mapping.lookup import Convert
from connector.mapping.text import MAX_TEXT, text_of
from connector.mapping.values import Constant


def translation(value: Text) -> Convert:
    """Text by `value`'s words; what has none is kept, dropped or replaced as it says."""
    words, otherwise = value.translate, value.otherwise
    if words is None:
        return text

    def convert(found: Json, context: Context, key: str) -> str | None:
        said = str(found).lower() if isinstance(found, bool) else text_of(found)
        if said is not None and said in words:
            return words[said] or None
        if isinstance(otherwise, Constant):
            return text(otherwise.constant, context, key)
        if otherwise == "drop":
            leave_out(context, key, "`translate` has no word for it")
            return None
        return text(said if isinstance(found, bool) else found, context, key)

    return convert


def joining(value: Join) -> Convert:
    """The texts and numbers of a list, named as far as they may be and fit, the rest counted."""

    def convert(found: Json, context: Context, key: str) -> str | None:
        said = [text_of(item) for item in found] if isinstance(found, list) else [text_of(found)]
        named = [item for item in said if item]
        return text(_joined(named, value, context.options.language), context, key) if named else None

    return convert


def _joined(named: list[str], value: Join, language: str) -> str:
    """`A, B, C +2 more`"""
    count = min(len(named), value.max or len(named), MAX_TEXT)
    while True:
        rest = len(named) - count
        joined = value.glue.join(named[:count]) + (f" {more_text(rest, language)}" if rest else "")
        if len(joined) <= MAX_TEXT or count == 1:
            return joined
        count -= 1

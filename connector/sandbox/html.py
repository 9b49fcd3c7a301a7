"""HTML as nested calls, escaped by construction: whatever is not an `Html` made here is text."""

from __future__ import annotations

from html import escape

VOID = frozenset({"br", "hr", "input", "link", "meta"})


class Html(str):
    """Markup that is safe to send as it is."""

    __slots__ = ()


def tag(name: str, /, *children: object, **attributes: str) -> Html:
    """One element; an attribute that is a Python keyword is written with an underscore at its end."""
    opening = "".join(f' {key.rstrip("_").replace("_", "-")}="{escape(value)}"' for key, value in attributes.items())
    if name in VOID:
        return Html(f"<{name}{opening}>")
    return Html(f"<{name}{opening}>{joined(children)}</{name}>")


def joined(parts: tuple[object, ...] | list[Html]) -> Html:
    """`parts` one after the other."""
    return Html("".join(part if isinstance(part, Html) else escape(str(part)) for part in parts))

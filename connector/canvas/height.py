"""About how tall a canvas is, in pixels: Intercom wants no more than 400 at first.  Pure.

Reckoned from the components as the inbox shows them, 300 pixels wide, and rather too tall than too low.
https://developers.intercom.com/docs/canvas-kit/canvas-kit-inbox-best-practices
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import ceil
from typing import Any, Final

LIMIT: Final = 400
PADDING: Final = 32
LINE: Final = 20
SMALL_LINE: Final = 18
GAP: Final = 8
CHARACTERS: Final = 34
"""In one line of a card."""
SPACERS: Final[Mapping[str, int]] = {"xs": 4, "s": 8, "m": 16, "l": 24, "xl": 32}

Component = Mapping[str, Any]


def height(components: Sequence[Component]) -> int:
    """Of a whole canvas."""
    return PADDING + sum(_height(each) for each in components)


def _height(component: Component) -> int:
    match component["type"]:
        case "text":
            big = component.get("style") == "header"
            return _lines(component.get("text", ""), big=big) * (26 if big else LINE) + GAP
        case "button":
            return 32 if component.get("style") == "link" else 48
        case "list":
            return sum(_item(each) for each in component["items"])
        case "data-table":
            return 28 * len(component["items"]) + GAP
        case "divider":
            return 17
        case "spacer":
            return SPACERS.get(component.get("size", "s"), 32)
        case _:
            return 80


def _item(item: Component) -> int:
    rest = sum(_lines(item[part]) * SMALL_LINE for part in ("subtitle", "tertiary_text") if item.get(part))
    return 16 + _lines(item["title"]) * LINE + rest


def _lines(text: str, *, big: bool = False) -> int:
    width = CHARACTERS - 8 if big else CHARACTERS
    return sum(max(1, ceil(len(line) / width)) for line in text.split("\n"))

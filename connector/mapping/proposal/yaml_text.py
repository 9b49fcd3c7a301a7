"""Values as YAML that this connector's reader reads back the same: short ones on one line, long ones in blocks."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator

from connector.mapping.context import Json
from connector.mapping.syntax import core
from connector.mapping.text import sound

WIDTH = 110
_OLD_WORDS = frozenset({"yes", "no", "on", "off", "y", "n"})
"""Text to this connector and to YAML 1.2, true and false to older readers."""

_PLAIN = re.compile(r"[A-Za-z_][A-Za-z0-9_./ -]*")
_PLAIN_KEY = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_UNPRINTABLE = re.compile("[\x7f-\x9f\u2028\u2029\ufeff\ufffe\uffff]")


def sayable(value: Json) -> bool:
    """Whether a mapping file can hold `value`: no halves of surrogate pairs, no number of hundreds of digits."""
    match value:
        case dict():
            return all(sayable(key) and sayable(child) for key, child in value.items())
        case list():
            return all(sayable(child) for child in value)
        case str():
            return sound(value.replace("\0", ""))
        case bool() | None:
            return True
        case _:
            return bool(core(json.dumps(value)) == value)


def scalar(value: Json) -> str:
    """A text, number, boolean or null."""
    if not isinstance(value, str):
        return json.dumps(value)
    if _PLAIN.fullmatch(value) and not value.endswith(" ") and core(value) == value and value.lower() not in _OLD_WORDS:
        return value
    return _UNPRINTABLE.sub(lambda found: f"\\u{ord(found[0]):04x}", json.dumps(value, ensure_ascii=False))


def key_text(key: str) -> str:
    """A key; in quotes where it would be something else without."""
    return key if _PLAIN_KEY.fullmatch(key) else scalar(key)


def flow(value: Json) -> str:
    """On one line."""
    match value:
        case dict():
            return "{" + ", ".join(f"{key_text(key)}: {flow(child)}" for key, child in value.items()) + "}"
        case list() | tuple():
            return "[" + ", ".join(flow(child) for child in value) + "]"
        case _:
            return scalar(value)


def block(value: Json, indent: int = 0) -> Iterator[str]:
    """Lines; what fits stands on one, except an object or list at the top."""
    margin = " " * indent
    match value:
        case dict() if value:
            for key, child in value.items():
                yield from _entry(f"{margin}{key_text(key)}:", child, indent)
        case list() if value:
            for child in value:
                first, *rest = block(child, indent + 2)
                yield f"{margin}- {first.lstrip()}"
                yield from rest
        case _:
            yield f"{margin}{flow(value)}"


def _entry(head: str, child: Json, indent: int) -> Iterator[str]:
    line = f"{head} {flow(child)}"
    if not isinstance(child, dict | list) or not child or (len(line) <= WIDTH and _is_flat(child)):
        yield line
        return
    yield head
    yield from block(child, indent + 2)


def _is_flat(value: Json) -> bool:
    """Whether it holds nothing that has parts of its own, beyond short lists and forms such as {constant: …}."""
    below = value.values() if isinstance(value, dict) else value
    return all(not isinstance(child, dict | list) or len(child) <= 1 or isinstance(child, list) for child in below)

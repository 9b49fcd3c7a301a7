"""A YAML document as values that know where they stand, and YAML 1.2's reading of plain words.

Only the core schema's null, booleans and numbers are told from text: `on`, `yes`, `2020-01-01`, `1_000` and `012`
stay text (https://yaml.org/spec/1.2.2/#103-core-schema; a leading zero is somebody's id, so it stays too).
Turning a file's bytes into these nodes is `connector.mapping_files`.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TypeAlias

from connector.mapping.context import Json
from connector.mapping.problem import Place

Scalar: TypeAlias = str | int | float | bool | None
Loc: TypeAlias = Sequence[str | int]
"""The way to a value: keys and indexes. Words in angle brackets name a form, not a key, and are passed over."""

_NUMBER = re.compile(r"[-+]?(?:0|[1-9][0-9]{0,17})(?P<fraction>(?:\.[0-9]{0,17})?(?:[eE][-+]?[0-9]{1,2})?)")
_NUMBER_BEGINS = frozenset("+-0123456789")
_WORDS: dict[str, Scalar] = {
    "": None, "~": None, "null": None, "Null": None, "NULL": None,
    "true": True, "True": True, "TRUE": True, "false": False, "False": False, "FALSE": False,
}  # fmt: skip


NO_KEYS: dict[str, tuple[int, int]] = {}
"""The keys of what is no mapping: one for all, as a file has tens of thousands of such."""


@dataclass(slots=True, eq=False)
class Node:
    """A value and its place.

    `column` of a text that stands in the file letter by letter (`verbatim`) is that of its first letter, behind a
    quotation mark. `keys` has the place of each key of a mapping.
    """

    line: int
    column: int
    value: Scalar | list[Node] | dict[str, Node]
    verbatim: bool = False
    keys: dict[str, tuple[int, int]] = field(default_factory=lambda: NO_KEYS)


def core(word: str) -> Scalar:
    """A plain (unquoted) word as YAML 1.2's core schema reads it."""
    if word in _WORDS:
        return _WORDS[word]
    if word[0] not in _NUMBER_BEGINS:
        return word
    if (number := _NUMBER.fullmatch(word)) is None:
        return word
    return float(word) if number["fraction"] else int(word)


def plain(node: Node) -> Json:
    """The bare value, without places."""
    value = node.value
    if type(value) is dict:
        return {key: plain(child) for key, child in value.items()}
    if type(value) is list:
        return [plain(item) for item in value]
    return value


def follow(root: Node, loc: Loc) -> Node:
    """The node at `loc`, or the last one on the way that exists."""
    node = root
    for step in loc:
        node = _below(node, step) or node
    return node


def _below(node: Node, step: str | int) -> Node | None:
    if isinstance(node.value, dict) and isinstance(step, str):
        return node.value.get(step)
    if isinstance(node.value, list) and isinstance(step, int) and step < len(node.value):
        return node.value[step]
    return None


def place_of(file: str, root: Node, loc: Loc, *, offset: int | None = None) -> Place:
    """Where the value at `loc` stands; `offset` letters into it, where it is text written letter by letter."""
    node = follow(root, loc)
    return Place(file, node.line, node.column + (offset if offset and node.verbatim else 0))


def key_place(file: str, root: Node, loc: Loc) -> Place:
    """Where the last key of `loc` stands; its mapping where it is not there."""
    parent = follow(root, loc[:-1])
    line, column = parent.keys.get(str(loc[-1]), (parent.line, parent.column))
    return Place(file, line, column)

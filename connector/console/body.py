"""A received body as a page shows it: indented, with what the mapping looked at marked.  Pure."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from connector import strict_json
from connector.mapping.proposal.tracing import TracedDict, TracedList

MOST_CHARACTERS = 200_000
DEEPEST = 60


@dataclass(frozen=True, slots=True)
class Piece:
    """Some text; `picked` is what the mapping looked at."""

    text: str
    picked: bool = False


@dataclass(frozen=True, slots=True)
class Body:
    """The pieces, in order; `cut` where it goes on."""

    pieces: tuple[Piece, ...]
    size: int
    cut: bool = False
    picks: int = 0


def shown_body(raw: bytes, traced: Mapping[str, Any] | None = None) -> Body:
    """`raw` as it is shown; `traced` is its payload after a mapping has looked at it."""
    if traced is None:
        try:
            payload: Any = strict_json.parse_object(raw)
        except strict_json.NotJson:
            text = raw.decode("utf-8", "replace")
            return Body((Piece(text[:MOST_CHARACTERS]),), len(raw), cut=len(text) > MOST_CHARACTERS)
    else:
        payload = traced
    pieces: list[Piece] = []
    length = 0
    for piece in _joined(_value(payload, 0, picked=False)):
        length += len(piece.text)
        if length > MOST_CHARACTERS:
            return Body(tuple(pieces), len(raw), cut=True, picks=_picks(pieces))
        pieces.append(piece)
    return Body(tuple(pieces), len(raw), picks=_picks(pieces))


def _picks(pieces: list[Piece]) -> int:
    return sum(piece.picked for piece in pieces)


def _joined(pieces: Iterator[Piece]) -> Iterator[Piece]:
    """Unmarked neighbours as one."""
    plain: list[str] = []
    for piece in pieces:
        if not piece.picked:
            plain.append(piece.text)
            continue
        yield Piece("".join(plain))
        plain = []
        yield piece
    yield Piece("".join(plain))


def _value(value: Any, depth: int, *, picked: bool) -> Iterator[Piece]:  # noqa: ANN401 - JSON is any value
    if isinstance(value, dict) and value and depth < DEEPEST:
        yield from _object(value, depth)
    elif isinstance(value, list) and value and depth < DEEPEST:
        yield from _list(value, depth)
    else:
        yield Piece(_text(value), picked)


def _object(value: dict[str, Any], depth: int) -> Iterator[Piece]:
    read = value.read if isinstance(value, TracedDict) else frozenset[str]()
    yield Piece("{\n")
    for place, key in enumerate(dict.keys(value)):
        yield Piece(f"{'  ' * (depth + 1)}{_text(key)}: ")
        yield from _value(dict.__getitem__(value, key), depth + 1, picked=key in read)
        yield Piece(",\n" if place + 1 < len(value) else "\n")
    yield Piece(f"{'  ' * depth}}}")


def _list(value: list[Any], depth: int) -> Iterator[Piece]:
    length = value.length if isinstance(value, TracedList) else 0
    yield Piece("[\n")
    for place in range(len(value)):
        yield Piece("  " * (depth + 1))
        yield from _value(list.__getitem__(value, place), depth + 1, picked=place < length)
        yield Piece(",\n" if place + 1 < len(value) else "\n")
    yield Piece(f"{'  ' * depth}]")


def _text(value: Any) -> str:  # noqa: ANN401 - JSON is any value
    return json.dumps(value, ensure_ascii=False)

"""The way through a document's models: every expression in them with its place, and their outline as plain values."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from enum import Enum
from typing import Any, TypeAlias

from pydantic import BaseModel

from connector.mapping.context import Json
from connector.mapping.expression import Expression
from connector.mapping.template import TemplateText

Path: TypeAlias = tuple[str | int, ...]


def expressions(value: Json, path: Path = ()) -> Iterator[tuple[Path, Expression]]:
    """Every expression below `value` and the keys that lead to it, as they are written in the file."""
    match value:
        case Expression():
            yield path, value
        case TemplateText(pieces=pieces):
            yield from ((path, piece) for piece in pieces if isinstance(piece, Expression))
        case BaseModel():
            for key, child in written(value):
                yield from expressions(child, (*path, key))
        case Mapping():
            for key, child in value.items():
                yield from expressions(child, (*path, key_of(key)))
        case tuple():
            for index, child in enumerate(value):
                yield from expressions(child, (*path, index))


def outline(value: Json) -> Json:
    """`value` as plain JSON values, expressions by their text; two that are equal behave equally."""
    match value:
        case Expression(text=text) | TemplateText(text=text):
            return text
        case BaseModel():
            return {key: outline(child) for key, child in written(value) if child is not None}
        case Mapping():
            return {key_of(key): outline(child) for key, child in value.items()}
        case tuple() | list():
            return [outline(child) for child in value]
        case _:
            return value


def written(model: BaseModel) -> Iterator[tuple[str, Any]]:
    """A model's values by the keys they have in the file."""
    for name, field in type(model).model_fields.items():
        yield field.alias or name, getattr(model, name)
    yield from (model.__pydantic_extra__ or {}).items()


def key_of(key: object) -> str:
    return str(key.value) if isinstance(key, Enum) else str(key)

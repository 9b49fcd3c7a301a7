"""The way through a document's models: every expression in them with its place, and their outline as plain values."""

from __future__ import annotations

from enum import Enum
from functools import lru_cache
from typing import TypeAlias

from pydantic import BaseModel

from connector.mapping.context import Json
from connector.mapping.expression import Expression
from connector.mapping.template import TemplateText

Path: TypeAlias = tuple[str | int, ...]
Found: TypeAlias = tuple[Path, Expression]
"""An expression, and the keys that lead to it."""

_WITHOUT_EXPRESSIONS = frozenset({str, bool, int, float})
_EXAMPLES = "examples"
"""Where no expressions are, and payloads of a thousand values may be."""


def expressions(value: Json) -> list[Found]:
    """Every expression below `value` and the keys that lead to it, as they are written in the file."""
    found: list[Found] = []
    _gather(value, (), found)
    return found


def _gather(value: Json, path: Path, found: list[Found]) -> None:
    """Told by exact types, the most frequent first: a catalogue has a hundred thousand values."""
    kind = type(value)
    if kind is Expression:
        found.append((path, value))
    elif value is None or kind in _WITHOUT_EXPRESSIONS:
        return
    elif kind is tuple:
        for index, child in enumerate(value):
            _gather(child, (*path, index), found)
    elif kind is dict:
        for key, child in value.items():
            _gather(child, (*path, key_of(key)), found)
    elif kind is TemplateText:
        found += [(path, piece) for piece in value.pieces if isinstance(piece, Expression)]
    elif isinstance(value, BaseModel):
        _gather_model(value, path, found)


def _gather_model(model: BaseModel, path: Path, found: list[Found]) -> None:
    for key, child in written(model):
        if key != _EXAMPLES:
            _gather(child, (*path, key), found)


def outline(value: Json) -> Json:
    """`value` as plain JSON values, expressions by their text; two that are equal behave equally."""
    match value:
        case Expression(text=text) | TemplateText(text=text):
            return text
        case BaseModel():
            return {key: outline(child) for key, child in written(value) if child is not None}
        case dict():
            return {key_of(key): outline(child) for key, child in value.items()}
        case tuple() | list():
            return [outline(child) for child in value]
        case _:
            return value


def written(model: BaseModel) -> list[tuple[str, Json]]:
    """A model's values by the keys they have in the file."""
    own = [(key, getattr(model, name)) for name, key in _keys(type(model))]
    return [*own, *model.__pydantic_extra__.items()] if model.__pydantic_extra__ else own


@lru_cache(maxsize=64)
def _keys(model: type[BaseModel]) -> list[tuple[str, str]]:
    """The attributes of a model and what they are called in the file."""
    return [(name, field.alias or name) for name, field in model.model_fields.items()]


def key_of(key: object) -> str:
    """A key as it is in the file."""
    return key if type(key) is str else str(key.value) if isinstance(key, Enum) else str(key)

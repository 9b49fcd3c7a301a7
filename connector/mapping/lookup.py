"""Finding a value: the first of several sources that is present and can be used, errors noted on the way."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from typing import Any, TypeAlias
from urllib.parse import quote

from jmespath.exceptions import JMESPathTypeError

from connector.mapping.closures import EVALUATION_ERRORS, Evaluate
from connector.mapping.context import Context, Json
from connector.mapping.expression import Expression
from connector.mapping.interpreter import TooMuchWork
from connector.mapping.template import Piece, TemplateText
from connector.mapping.text import text_of
from connector.mapping.values import Constant, Item, Lookup, Template, items

Convert: TypeAlias = Callable[[Any, Context, str], Any]
"""A present JSON value, the context and what it is for → the value as it is used; None (noted) where it cannot be."""

_JSON_KINDS = {
    "str": "text",
    "string": "text",
    "NoneType": "null",
    "int": "number",
    "float": "number",
    "bool": "boolean",
}

Find: TypeAlias = Callable[[Any, Context], Any]
"""The root of evaluation → a value as it is used, None where there is none. Never raises."""


@lru_cache(maxsize=8192)
def finder(wanted: Lookup, about: str, convert: Convert, *, in_link: bool = False) -> Find:
    """How to find `about`: present means neither null nor empty text; what `convert` refuses counts as missing.

    Kept, because the entries of a file look for the same things in the same places: a third of the time to load it.
    """
    finds = [_single(_evaluation(item, in_link=in_link), about, convert) for item in items(wanted)]
    if len(finds) == 1:
        return finds[0]

    def find(root: Json, context: Context) -> Json:
        for one in finds:
            if (found := one(root, context)) is not None:
                return found
        return None

    return find


def _single(evaluate: Evaluate, about: str, convert: Convert) -> Find:
    def find(root: Json, context: Context) -> Json:
        try:
            value = evaluate(root, context)
            return None if value is None or value == "" else convert(value, context, about)
        except EVALUATION_ERRORS as error:
            context.note(about, why(error))
            return None

    return find


def as_it_is(value: Json, _context: Context, _about: str) -> Json:
    """The conversion that converts nothing."""
    return value


def why(error: Exception) -> str:
    """Why an expression gave nothing, without the value that it stumbled over."""
    match error:
        case JMESPathTypeError():
            kind = _JSON_KINDS.get(error.actual_type, error.actual_type)
            return f"could not be evaluated: {error.function_name}() takes no {kind}"
        case TooMuchWork():
            return "could not be evaluated: too much work for one event"
        case TypeError():
            return "could not be evaluated: text and numbers do not compare"
        case RecursionError():
            return "could not be evaluated: nested too deeply"
        case _:
            return f"could not be evaluated: {type(error).__name__}"


def _evaluation(item: Item, *, in_link: bool) -> Evaluate:
    match item:
        case Expression():
            return item.evaluate
        case Template(template=template):
            return _rendering(template, in_link=in_link)
        case Constant(constant=constant):
            return lambda _root, _context: constant


def _rendering(template: TemplateText, *, in_link: bool) -> Evaluate:
    """Within a link, what is put in is percent-encoded, unless the link begins with it."""
    parts = [_part(piece, encoded=in_link and at > 0) for at, piece in enumerate(template.pieces)]

    def render(root: Json, context: Context) -> str | None:
        texts = []
        for part in parts:
            if not (text := part(root, context)):
                return None
            texts.append(text)
        return "".join(texts)

    return render


def _part(piece: Piece, *, encoded: bool) -> Evaluate:
    if isinstance(piece, str):
        return lambda _root, _context: piece
    evaluate = piece.evaluate
    if encoded:
        return lambda root, context: quote(text_of(evaluate(root, context)) or "", safe="")
    return lambda root, context: text_of(evaluate(root, context))

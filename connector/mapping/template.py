"""Text with expressions in braces: `https://dashboard.stripe.com/disputes/{data.object.id}`; `{{` is a brace."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

from connector.mapping.expression import BadExpression, Expression, compile_expression
from connector.mapping.problem import Mistake

Piece: TypeAlias = str | Expression

_QUOTES = "'\"`"


@dataclass(frozen=True, slots=True, eq=False)
class TemplateText:
    """`text` as written, and its pieces: literal text and expressions in turn."""

    text: str
    pieces: tuple[Piece, ...]


def compile_template(text: str) -> TemplateText:
    """`text` as a template. Raises BadExpression; its offset counts from the beginning of `text`."""
    pieces: list[Piece] = []
    literal, at = "", 0
    while at < len(text):
        two, one = text[at : at + 2], text[at]
        if two in ("{{", "}}"):
            literal, at = literal + one, at + 2
        elif one == "}":
            raise BadExpression(Mistake("`}` without its `{`", "write `}}` for a brace", at))
        elif one == "{":
            end = _closing(text, at)
            pieces += [piece for piece in (literal, _piece(text, at + 1, end)) if piece != ""]
            literal, at = "", end + 1
        else:
            literal, at = literal + one, at + 1
    pieces += [literal] if literal else []
    if not any(isinstance(piece, Expression) for piece in pieces):
        raise BadExpression(Mistake("a template without `{…}`", "write {constant: …} for a text that never changes"))
    return TemplateText(text, tuple(pieces))


def _piece(text: str, start: int, end: int) -> Expression:
    try:
        return compile_expression(text[start:end].strip())
    except BadExpression as error:
        mistake = error.mistake
        raise BadExpression(Mistake(mistake.what, mistake.remedy, start + (mistake.offset or 0))) from None


def _closing(text: str, opening: int) -> int:
    """Where the brace at `opening` is closed; braces within quotes and nested ones do not count."""
    depth, quote = 0, ""
    for at in range(opening, len(text)):
        letter = text[at]
        if quote:
            quote = "" if letter == quote and text[at - 1] != "\\" else quote
        elif letter in _QUOTES:
            quote = letter
        else:
            depth += (letter == "{") - (letter == "}")
            if depth == 0:
                return at
    raise BadExpression(
        Mistake("`{` without its `}`", "close the brace; write `{{` for one that stands for itself", opening)
    )

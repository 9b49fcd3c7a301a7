"""What people get wrong in JMESPath, told in their words: found in an expression that parses, or behind one that
does not.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import takewhile
from typing import Any

from jmespath.exceptions import JMESPathError, LexerError, ParseError
from jmespath.lexer import Lexer

from connector.mapping.closures import Tree
from connector.mapping.context import Json
from connector.mapping.problem import Mistake

CONSTANTS = ("true", "false", "null")
"""What is a constant in JSON, and between backticks in an expression."""

_COMPARATORS = frozenset({"eq", "ne", "lt", "lte", "gt", "gte"})
_BEFORE_OPERAND = _COMPARATORS | {"start", "or", "and", "not", "lparen", "comma", "filter", "pipe"}
_AFTER_OPERAND = _COMPARATORS | {"eof", "or", "and", "rparen", "comma", "rbracket", "pipe"}
_PLAIN_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_DASHED = re.compile(r"\w+(?:-\w+)+")
_NOT = re.compile(r"!(?!=)")
_QUOTED = re.compile(r"'[^']*'|\"[^\"]*\"|`[^`]*`")
_NUMBER = re.compile(r"-?[0-9]+(\.[0-9]+)?")
_NUMBERS = re.compile(
    r"(?:.*_)?(amount|quantity|count|created|subtotal|received_at)(?:_(?:paid|due|remaining|refunded|total))?"
)
"""Names of fields that hold numbers in every payload of Stripe's and Segment's."""
_PATH = ("unquoted_identifier", "dot")
_WORDS = {"and": "&&", "or": "||", "not": "!", "is": "==", "eq": "=="}
_CHARACTERS = {
    "=": "compare with `==`",
    "-": "there is no arithmetic beyond minus(a, b)",
    "+": "there is no arithmetic beyond minus(a, b)",
    "/": "there is no arithmetic beyond minus(a, b)",
    "%": "there is no arithmetic beyond minus(a, b)",
    "?": "take the first of several with `a || b`, or write a list",
    "$": "a path begins with a name, without `$`",
    "“": "write straight quotation marks",
    "”": "write straight quotation marks",
    "‘": "write straight quotation marks",
    "’": "write straight quotation marks",
    "#": 'a name with # stands in double quotes: "#name"',
}


@dataclass(frozen=True, slots=True)
class _Word:
    """A token between its neighbours' types."""

    kind: str
    value: Json
    start: int
    before: str
    after: str
    compared: str = ""
    """The name at the end of the path that it is compared with."""

    @property
    def stands_alone(self) -> bool:
        return self.before in _BEFORE_OPERAND and self.after in _AFTER_OPERAND


def in_words(text: str) -> Mistake | None:
    """The first trap among the words of `text`; None too where it cannot be cut into words."""
    try:
        words = list(_words(text))
    except (JMESPathError, ValueError, RecursionError):
        return None
    return next((mistake for word in words for look in _LOOKS if (mistake := look(word, text))), None)


def in_tree(text: str, tree: Tree) -> Mistake | None:
    """The first trap in how `text` binds."""
    return _in_children(text, "expression", [tree])


def _in_children(text: str, kind: str, below: Sequence[Tree]) -> Mistake | None:
    types = [child["type"] for child in below]
    if types[:1] == ["not_expression"] and kind in ("subexpression", "index_expression", "comparator"):
        return _not_binds_first(text, kind)
    if "expref" in types and kind != "function_expression":
        return Mistake("`&` makes a rule for a function such as sort_by", "write `&&` for “and”", text.find("&"))
    found = (_in_children(text, child["type"], _subtrees(child)) for child in below)
    return next((mistake for mistake in found if mistake), None)


def _subtrees(tree: Tree) -> list[Tree]:
    return [child for child in tree["children"] if isinstance(child, dict)]


def explained(text: str, error: Exception) -> Mistake:
    """Why `text` does not parse."""
    match error:
        case RecursionError():
            return Mistake("nested too deeply", "give its parts names under `vars`")
        case LexerError():
            return _bad_character(text, error.lexer_position)
        case ParseError():
            return _bad_structure(text, min(error.lex_position, len(text)))
        case _:
            return Mistake("an empty expression", "write a path such as data.object.id")


def _not_binds_first(text: str, kind: str) -> Mistake:
    offset = found.start() if (found := _NOT.search(text)) else None
    if kind == "comparator":
        return Mistake("`!a == b` compares the opposite of a", "write `a != b`, or !(a == b)", offset)
    return Mistake("`!a.b` means (!a).b, which is never there", "write !(a.b)", offset)


def _bad_character(text: str, offset: int) -> Mistake:
    character = text[offset : offset + 1]
    if character in "'\"`":
        return Mistake(f"what {character} begins is never closed", f"add the second {character}", offset)
    if (before := text[:offset].rstrip()).endswith(("=", "!")) and character == "=":
        return Mistake("`=` too many", "compare with `==` or `!=`", len(before) - 1)
    if character == "-" and (name := _dashed(text, offset)):
        return Mistake(f"`{name}` is no plain name", f'a name with a dash stands in double quotes: "{name}"', offset)
    what = f"`{character}` has no meaning in an expression here"
    return Mistake(what, _CHARACTERS.get(character, "text stands in single quotes: 'text'"), offset)


def _dashed(text: str, offset: int) -> str | None:
    """The word around a dash without blanks: user-id."""
    return next((found[0] for found in _DASHED.finditer(text) if found.start() <= offset < found.end()), None)


def _bad_structure(text: str, offset: int) -> Mistake:
    bare = _QUOTED.sub(lambda quoted: " " * len(quoted[0]), text)
    for name, symbol in _WORDS.items():
        if found := re.search(rf"(?<![\w.]){name}(?![\w.(])", bare):
            return Mistake(f"`{name}` is no operator", f"write `{symbol}`", found.start())
    for opening, closing in ("()", "[]", "{}"):
        if bare.count(opening) != bare.count(closing):
            less = closing if bare.count(opening) > bare.count(closing) else opening
            remedy = f"add the missing `{less}`; inside {{…}} or […] of YAML, put the whole expression in double quotes"
            return Mistake(f"`{opening}` and `{closing}` do not pair up", remedy, offset)
    if not text[offset:].strip():
        return Mistake("the expression breaks off", "complete it", offset)
    near = text[offset : offset + 20]
    return Mistake(f"the expression cannot be read at `{near}`", "a path is names with dots: data.object.id", offset)


def _words(text: str) -> Iterator[_Word]:
    tokens: Sequence[Any] = list(Lexer().tokenize(text))
    for at, token in enumerate(tokens):
        before = tokens[at - 1]["type"] if at else "start"
        after = tokens[at + 1]["type"] if at + 1 < len(tokens) else "eof"
        yield _Word(token["type"], token["value"], token["start"], before, after, _compared(tokens, at))


def _compared(tokens: Sequence[Any], at: int) -> str:
    """The last name of the path on the other side of a comparison."""
    if at > 1 and tokens[at - 1]["type"] in _COMPARATORS:
        return _name(tokens[at - 2])
    if at + 2 < len(tokens) and tokens[at + 1]["type"] in _COMPARATORS:
        path = takewhile(lambda token: token["type"] in _PATH, tokens[at + 2 :])
        return next((name for token in reversed(list(path)) if (name := _name(token))), "")
    return ""


def _name(token: Any) -> str:  # noqa: ANN401 - jmespath's own
    return str(token["value"]) if token["type"] == "unquoted_identifier" else ""


def _bare_constant(word: _Word, _text: str) -> Mistake | None:
    if word.kind == "unquoted_identifier" and word.value in CONSTANTS and word.stands_alone:
        what = f"`{word.value}` here is the name of a field"
        return Mistake(what, f"put it between backticks: `{word.value}`", word.start)
    return None


def _bare_number(word: _Word, _text: str) -> Mistake | None:
    if word.kind != "number" or word.before in ("lbracket", "colon"):
        return None
    return Mistake(f"{word.value} is no number here", f"put it between backticks: `{word.value}`", word.start)


def _quoted_name(word: _Word, _text: str) -> Mistake | None:
    if word.kind != "quoted_identifier" or not word.stands_alone:
        return None
    if not _PLAIN_NAME.fullmatch(word.value) and word.before not in _COMPARATORS:
        return None
    what = f'"{word.value}" in double quotes is the name of a field'
    return Mistake(what, f"text stands in single quotes: '{word.value}'", word.start)


def _text_between_backticks(word: _Word, text: str) -> Mistake | None:
    if word.kind != "literal" or not isinstance(word.value, str) or text[word.start] != "`":
        return None
    try:
        json.loads(text[word.start :].split("`")[1])
    except ValueError:
        return Mistake(f"`{word.value}` is no JSON", f"text stands in single quotes: '{word.value}'", word.start)
    return None


def _text_for_number(word: _Word, _text: str) -> Mistake | None:
    ordering = {"lt", "lte", "gt", "gte"} & {word.before, word.after}
    if word.kind == "literal" and ordering and isinstance(word.value, str) and _NUMBER.fullmatch(word.value):
        what = f"'{word.value}' is text, and text is never more or less than a number"
        return Mistake(what, f"put the number between backticks: `{word.value}`", word.start)
    return None


def _text_for_amount(word: _Word, _text: str) -> Mistake | None:
    if word.kind != "literal" or not isinstance(word.value, str) or not _NUMBERS.fullmatch(word.compared):
        return None
    what = f"`{word.compared}` is a number, and '{word.value}' is text: the two never compare"
    number = word.value if _NUMBER.fullmatch(word.value) else "0"
    return Mistake(what, f"put a number between backticks: `{number}`", word.start)


_LOOKS: tuple[Callable[[_Word, str], Mistake | None], ...] = (
    _bare_constant,
    _bare_number,
    _quoted_name,
    _text_between_backticks,
    _text_for_number,
    _text_for_amount,
)

"""Why an entry makes nothing of a payload: the parts of its condition, which of them failed, and what they read."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from jmespath.exceptions import JMESPathError
from jmespath.lexer import Lexer

from connector.events import SourceEvent
from connector.mapping.closures import EVALUATION_ERRORS, is_false
from connector.mapping.context import Context, Json, Options
from connector.mapping.entry import Entry
from connector.mapping.expression import BadExpression, Expression, compile_expression
from connector.mapping.translate import Root, Skipped, root_of, translate

_OPENING, _CLOSING = ("lparen", "lbracket", "lbrace", "filter", "flatten"), ("rparen", "rbracket", "rbrace")
_WEAKER = ("or", "pipe")
MOST_SHOWN = 120
"""Characters of a value: enough to see what it is."""


@dataclass(frozen=True, slots=True)
class Part:
    """One operand of a condition's `&&`, and whether it is true."""

    text: str
    holds: bool


@dataclass(frozen=True, slots=True)
class Read:
    """A value that the condition looks at; None where there is none."""

    path: str
    value: Json


@dataclass(frozen=True, slots=True)
class Reason:
    """Why there is no event: `word` as on Skipped, `why` as a sentence, and for a condition what it consists of."""

    word: str
    why: str
    condition: tuple[Part, ...] = ()
    read: tuple[Read, ...] = ()
    notes: tuple[str, ...] = ()


def reason(
    entry: Entry,
    payload: Mapping[str, Any],
    options: Options,
    *,
    received_at: int,
    names: Mapping[str, str] | None = None,
) -> Reason | None:
    """Why `entry` makes nothing of `payload`; None where it makes an event of it, and would do so if it were on."""
    known = (names or {}).get
    event = SourceEvent(entry.source, "tried", entry.dialect.type_of(payload), b"")
    on = replace(entry, enabled=True)
    outcome = translate(event, payload, on, received_at=received_at, names=known, options=options)
    if not isinstance(outcome, Skipped):
        return None if entry.enabled else Reason("disabled", f"it is off, and would make `{outcome.name}`")
    context = Context(payload, received_at, known, options, entry.dialect.unit)
    found = _reason(entry, outcome, root_of(on, context), context)
    return found if entry.enabled else replace(found, word="disabled", why=f"it is off, and if it were on: {found.why}")


def _reason(entry: Entry, outcome: Skipped, root: Root, context: Context) -> Reason:
    when = entry.definition.when
    if outcome.reason != "when" or when is None:
        return Reason(outcome.reason, "no event name can be made of what the payload says", notes=outcome.notes)
    parts = _parts(when, root, context)
    read = tuple(_read(when, root))
    return Reason("when", "its condition is not true", tuple(parts), read, outcome.notes)


def _parts(when: Expression, root: Root, context: Context) -> Iterator[Part]:
    for text in operands(when.text):
        try:
            yield Part(text, not is_false(compile_expression(text).evaluate(root, context)))
        except (BadExpression, *EVALUATION_ERRORS):
            yield Part(text, holds=False)


def operands(text: str) -> Sequence[str]:
    """What the outermost `&&` of a condition join; the whole condition where something weaker joins them."""
    try:
        tokens = list(Lexer().tokenize(text))
    except (JMESPathError, ValueError):
        return (text,)
    depth, cuts = 0, []
    for token in tokens:
        depth += (token["type"] in _OPENING) - (token["type"] in _CLOSING) - (token["type"] == "flatten")
        if depth == 0 and token["type"] in _WEAKER:
            return (text,)
        if depth == 0 and token["type"] == "and":
            cuts.append(token["start"])
    begins = [0, *(cut + len("&&") for cut in cuts)]
    return tuple(text[begin:end].strip() for begin, end in zip(begins, [*cuts, len(text)], strict=True))


def _read(when: Expression, root: Root) -> Iterator[Read]:
    """The values at the paths that a condition follows from the top."""
    for names in sorted(when.reads):
        if names:
            value: Json = root
            for name in names:
                value = value.get(name) if isinstance(value, Mapping) else None
            yield Read(".".join(names), shown(value))


def shown(value: Json) -> Json:
    """A value as a line shows it: lists and objects by their size, texts by their beginning."""
    match value:
        case list():
            return f"a list of {len(value)}"
        case Mapping():
            return f"an object of {len(value)}"
        case str() if len(value) > MOST_SHOWN:
            return f"{value[:MOST_SHOWN]}…"
        case _:
            return value

"""What pydantic refused, in the words of someone who writes mappings."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

from pydantic import ValidationError

from connector.mapping.document import Defaults, Derive, Document, Event, Example, Gives, Keep, Switch
from connector.mapping.forms import FORMS
from connector.mapping.problem import Mistake, did_you_mean, listing
from connector.mapping.syntax import Loc
from connector.mapping.values import NOTHING, Form, shown

Error: TypeAlias = Mapping[str, Any]
"""One of pydantic's error details: type, loc, input, msg, ctx."""

_MODELS: dict[str, type[Form]] = {
    **{f"<{key}>": form for key, form in FORMS.items()},
    "<event>": Event,
    "<switch>": Switch,
    "<keep>": Keep,
    "<derive>": Derive,
    "<gives>": Gives,
    "defaults": Defaults,
    "examples": Example,
}
_KINDS = {
    "string_type": "text",
    "list_type": "a list",
    "tuple_type": "a list",
    "dict_type": "a mapping of keys to values",
    "model_type": "a mapping of keys to values",
    "bool_type": "true or false",
    "int_type": "a whole number",
}
_KEY = "[key]"


@dataclass(frozen=True, slots=True)
class Refusal:
    """A mistake at the value (or, `at_key`, the key) that `loc` leads to."""

    loc: Loc
    mistake: Mistake
    at_key: bool = False


def refusals(error: ValidationError, most: int) -> list[Refusal]:
    """The first `most` things that are wrong; a missing key is not told where a misspelt one explains it."""
    details = error.errors(include_url=False)[:most]
    found = [_refusal(one) for one in details]
    meant = {(*one["loc"][:-1], _meant(one["loc"])) for one in details if one["type"] == "extra_forbidden"}
    return [
        refusal
        for refusal, one in zip(found, details, strict=True)
        if not (one["type"] == "missing" and one["loc"] in meant)
    ]


def _refusal(one: Error) -> Refusal:
    loc = tuple(one["loc"])
    at_key = one["type"] == "extra_forbidden" or loc[-1:] == (_KEY,)
    return Refusal(tuple(step for step in loc if step != _KEY), _worded(one, loc), at_key)


def _worded(one: Error, loc: Loc) -> Mistake:
    kind, given = one["type"], one["input"]
    if kind == "mistake":
        return Mistake(one["ctx"]["what"], one["ctx"]["remedy"], one["ctx"]["offset"])
    if given is None and kind not in ("missing", "extra_forbidden"):
        return NOTHING
    if (word := _WORDS.get(kind)) is not None:
        return word(one, loc)
    if kind == "string_type" and isinstance(given, int | float):
        return Mistake(f"{shown(given)} is not text", f'put it in quotes: "{str(given).lower()}"')
    if kind in _KINDS:
        return Mistake(f"{shown(given)} is not {_KINDS[kind]}", f"write {_KINDS[kind]}")
    return Mistake(f"{shown(given)}: {one['msg']}", "docs/mappings.md has the format")


def _missing(_one: Error, loc: Loc) -> Mistake:
    key = str(loc[-1])
    about = _model(loc).model_fields[key].description
    return Mistake(f"`{key}` is missing", f"add `{key}:`, {about}")


def _unknown_key(_one: Error, loc: Loc) -> Mistake:
    key, keys = str(loc[-1]), list(_keys(_model(loc)))
    if key.count("(") != key.count(")"):
        return Mistake(f"`{key}` is no key here", "put an expression that holds a comma in double quotes")
    if key in FORMS and keys[0] in FORMS:
        return Mistake(f"`{key}` beside `{keys[0]}`", "a value has one type: take one of them out")
    meant = _meant(loc)
    return Mistake(f"`{key}` is no key here", f"did you mean `{meant}`?" if meant else f"there are {listing(keys)}")


def _choice(one: Error, _loc: Loc) -> Mistake:
    choices = one["ctx"]["expected"].replace("'", "`")
    return Mistake(f"{shown(one['input'])} is none of the choices", f"write {choices}")


def _too_small(one: Error, _loc: Loc) -> Mistake:
    return Mistake(f"{shown(one['input'])} is too small", f"write at least {one['ctx']['ge']}")


def _too_many(one: Error, _loc: Loc) -> Mistake:
    return Mistake(f"{one['ctx']['actual_length']} are too many", f"write at most {one['ctx']['max_length']}")


def _empty(_one: Error, _loc: Loc) -> Mistake:
    return NOTHING


def _meant(loc: Loc) -> str | None:
    return did_you_mean(str(loc[-1]), _keys(_model(loc)))


def _keys(model: type[Form]) -> Iterator[str]:
    return (field.alias or name for name, field in model.model_fields.items())


def _model(loc: Loc) -> type[Form]:
    """Which model the last key of `loc` belongs to: that of the last form or list on the way."""
    names: Iterable[str] = (step for step in reversed(loc[:-1]) if isinstance(step, str))
    return next((_MODELS[name] for name in names if name in _MODELS), Document)


_WORDS: dict[str, Callable[[Error, Loc], Mistake]] = {
    "missing": _missing,
    "extra_forbidden": _unknown_key,
    "literal_error": _choice,
    "greater_than_equal": _too_small,
    "too_short": _empty,
    "string_too_short": _empty,
    "too_long": _too_many,
}

"""A YAML document's nodes → compiled entries, and every problem with its place.

Each event is read on its own, so that one that is wrong hides neither the others nor their mistakes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeAlias

from pydantic import TypeAdapter, ValidationError

from connector.mapping.context import Json
from connector.mapping.dialect import DIALECTS
from connector.mapping.document import Defaults, Document, Event, EventField, Example, Gives, Head, Keep, Switch
from connector.mapping.entry import Entry, compile_entry, completed
from connector.mapping.problem import Place, Problem, did_you_mean, listing
from connector.mapping.review import Checks, Finding, review
from connector.mapping.syntax import Loc, Node, key_place, place_of, plain
from connector.mapping.values import FORMS, Form, shown

_EVENT: TypeAdapter[Event | Switch] = TypeAdapter(EventField)
_MODELS: dict[str | int, type[Form]] = {
    **{f"<{key}>": form for key, form in FORMS.items()},
    "<event>": Event,
    "<switch>": Switch,
    "<keep>": Keep,
    "defaults": Defaults,
    "examples": Example,
    "gives": Gives,
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
Wording: TypeAlias = tuple[str, str]

MOST_PROBLEMS = 100
"""Mistakes told of one event: nobody reads more before mending the first."""


@dataclass(frozen=True, slots=True)
class SwitchAt:
    """A switch and where it stands."""

    switch: Switch
    place: Place


@dataclass(slots=True)
class Read:
    """What one document holds; `problems` are in the order of the file."""

    entries: list[Entry] = field(default_factory=list)
    switches: list[SwitchAt] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)


def read_document(file: str, root: Node, checks: Checks) -> Read:
    """`root` as the entries it describes."""
    document = plain(root)
    if not isinstance(document, dict):
        what = f"{shown(document)} instead of a mapping file"
        return Read(problems=[Problem.at(place_of(file, root, ()), what, "begin with `version: 1`")])
    report = _Report(file, root)
    head = _head(document, report)
    read = Read()
    for index, event in enumerate(_events(document, report)):
        _take(event, index, head, checks, read, report)
    report.empty_values()
    read.problems = report.sorted()
    return read


class _Report:
    """Problems with one document, one for each place."""

    def __init__(self, file: str, root: Node) -> None:
        self._file = file
        self._root = root
        self._found: dict[tuple[int, int, bool], Problem] = {}

    def add(self, place: Place, what: str, remedy: str, *, warning: bool = False) -> None:
        self._found.setdefault((place.line, place.column, warning), Problem.at(place, what, remedy, warning=warning))

    def sorted(self) -> list[Problem]:
        return sorted(self._found.values())

    def refused(self, error: ValidationError, base: Loc) -> None:
        """Everything that pydantic collected about the value at `base`."""
        for one in error.errors(include_url=False, include_input=True)[:MOST_PROBLEMS]:
            loc = (*base, *one["loc"])
            what, remedy = _worded(one, loc)
            self.add(self._place(one, loc), what, remedy)

    def finding(self, found: Finding, base: Loc) -> None:
        self.add(
            self.place((*base, *found.loc), at_key=found.at_key, offset=found.mistake.offset),
            found.mistake.what,
            found.mistake.remedy,
            warning=found.warning,
        )

    def place(self, loc: Loc, *, at_key: bool = False, offset: int | None = None) -> Place:
        if at_key:
            return key_place(self._file, self._root, loc)
        return place_of(self._file, self._root, loc, offset=offset)

    def empty_values(self) -> None:
        """A key with nothing behind it was begun and not finished, whatever pydantic makes of it."""
        for node in _empty(self._root):
            place = Place(self._file, node.line, node.column)
            self.add(place, "nothing stands here", "write a value, or take the key out")

    def _place(self, one: Mapping[str, Any], loc: Loc) -> Place:
        if one["type"] == "extra_forbidden" or loc[-1] == "[key]":
            return self.place([step for step in loc if step != "[key]"], at_key=True)
        offset = one.get("ctx", {}).get("offset")
        return self.place(loc, offset=offset)


def _head(document: Mapping[str, Any], report: _Report) -> Head | None:
    try:
        return Head.model_validate({key: value for key, value in document.items() if key != "events"})
    except ValidationError as error:
        report.refused(error, ())
        return None


def _events(document: Mapping[str, Any], report: _Report) -> Sequence[Any]:
    events = document.get("events")
    if isinstance(events, list) and events:
        return events
    place = report.place(("events",))
    report.add(place, "there are no `events`", "write `events:` and a list of rules, each with `trigger` and `name`")
    return ()


def _take(event: Json, index: int, head: Head | None, checks: Checks, read: Read, report: _Report) -> None:
    base = ("events", index)
    try:
        model = _EVENT.validate_python(event)
    except ValidationError as error:
        report.refused(error, base)
        return
    if isinstance(model, Switch):
        read.switches.append(SwitchAt(model, report.place(base)))
    elif head is not None:
        whole = completed(model, head)
        for found in review(whole, DIALECTS[head.source], checks):
            report.finding(found, _origin(found.loc, model, base))
        read.entries.append(compile_entry(whole, head.source, report.place(base)))


def _origin(loc: Loc, event: Event, base: Loc) -> Loc:
    """Where what `completed` brought together was written: in the event, or at the document's top."""
    match loc:
        case ("contact", *_) if not event.contact:
            return ()
        case ("vars", name, *_) if name not in event.vars:
            return ("defaults",)
        case ("when" | "created_at" as key, *_) if getattr(event, key) is None:
            return ("defaults",)
        case _:
            return base


def _empty(node: Node) -> Iterator[Node]:
    match node.value:
        case None:
            yield node
        case dict() as mapping:
            for key, child in mapping.items():
                yield from _empty(child) if key != "examples" else ()
        case list() as listed:
            for child in listed:
                yield from _empty(child)


def _worded(one: Mapping[str, Any], loc: Loc) -> Wording:
    """A pydantic error in the words of someone who writes mappings."""
    kind, key = one["type"], str(loc[-1])
    wording = _WORDINGS.get(kind)
    if wording is not None:
        return wording(one, loc)
    if kind in _KINDS:
        return f"{shown(one['input'])} is not {_KINDS[kind]}", f"write {_KINDS[kind]}"
    return f"`{key}`: {one['msg']}", "see docs/mappings.md"


def _mistake(one: Mapping[str, Any], _loc: Loc) -> Wording:
    return one["ctx"]["what"], one["ctx"]["remedy"]


def _missing(_one: Mapping[str, Any], loc: Loc) -> Wording:
    model, key = _model(loc), str(loc[-1])
    about = model.model_fields[key].description if model and key in model.model_fields else None
    return f"`{key}` is missing", f"add `{key}:`{f', {about}' if about else ''}"


def _unknown_key(_one: Mapping[str, Any], loc: Loc) -> Wording:
    model, key = _model(loc), str(loc[-1])
    keys = [one.alias or name for name, one in (model or Document).model_fields.items()]
    if key.count("(") != key.count(")"):
        return f"`{key}` is no key here", "put an expression that holds a comma in double quotes"
    meant = did_you_mean(key, keys)
    return f"`{key}` is no key here", f"did you mean `{meant}`?" if meant else f"there are {listing(keys)}"


def _too_small(one: Mapping[str, Any], _loc: Loc) -> Wording:
    return f"{shown(one['input'])} is too small", f"write at least {one['ctx'].get('ge', 1)}"


def _choice(one: Mapping[str, Any], _loc: Loc) -> Wording:
    return f"{shown(one['input'])} is none of the choices", f"write {one['ctx']['expected']}"


def _too_many(one: Mapping[str, Any], loc: Loc) -> Wording:
    return f"{one['ctx']['actual_length']} are too many", f"write at most {one['ctx']['max_length']}"


def _model(loc: Loc) -> type[Form] | None:
    """Which model the last key of `loc` belongs to."""
    named = [step for step in loc[:-1] if isinstance(step, str)]
    return _MODELS.get(named[-1]) if named else Document


def _nothing(_one: Mapping[str, Any], _loc: Loc) -> Wording:
    return "nothing stands here", "write a value, or take the key out"


_WORDINGS: dict[str, Callable[[Mapping[str, Any], Loc], Wording]] = {
    "mistake": _mistake,
    "missing": _missing,
    "extra_forbidden": _unknown_key,
    "literal_error": _choice,
    "greater_than_equal": _too_small,
    "too_short": _nothing,
    "too_long": _too_many,
    "string_too_short": _nothing,
}

"""A YAML document's nodes → compiled entries, and every problem with its place.

Each event is read on its own, and what is left of a wrong one is looked at too: a mistake hides no other.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from pydantic import TypeAdapter, ValidationError

from connector.mapping.context import Json
from connector.mapping.dialect import DIALECTS
from connector.mapping.document import Event, EventField, Head, Switch
from connector.mapping.entry import Entry, compile_entry, completed
from connector.mapping.mending import Mended, mended, mended_head
from connector.mapping.problem import Mistake, Place, Problem
from connector.mapping.refusals import refusals
from connector.mapping.review import Checks, Finding, review
from connector.mapping.roots import reads
from connector.mapping.syntax import Loc, Node, key_place, place_of, plain
from connector.mapping.values import NOTHING, shown
from connector.mapping.walk import expressions

MOST_PROBLEMS = 100
"""Mistakes told of one document: nobody reads more before mending the first."""

_EVENT: TypeAdapter[Event | Switch] = TypeAdapter(EventField)


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
    """`root` as the entries it describes; none where it is empty, as after a last `---`."""
    document, report, read = plain(root), _Report(file, root), Read()
    if document is None:
        return read
    if not isinstance(document, dict):
        report.add((), Mistake(f"{shown(document)} instead of a mapping file", "begin with `version: 1`"))
    else:
        head = _head(document, report)
        for index, event in enumerate(_events(document, report)):
            _Reading(index, head, checks, read, report).take(event)
        report.empty_values()
    read.problems = report.sorted()
    return read


class _Report:
    """Problems with one document, one for each place."""

    def __init__(self, file: str, root: Node) -> None:
        self._file = file
        self._root = root
        self._found: dict[tuple[int, int], Problem] = {}

    @property
    def is_full(self) -> bool:
        """Whether there is more already than anybody will be told."""
        return len(self._found) > MOST_PROBLEMS

    def sorted(self) -> list[Problem]:
        found = sorted(self._found.values())
        if len(found) <= MOST_PROBLEMS:
            return found
        next_one, count = found[MOST_PROBLEMS], len(found) - MOST_PROBLEMS
        place = Place(next_one.file, next_one.line, next_one.column)
        return [*found[:MOST_PROBLEMS], Problem.at(place, f"{count} more mistakes", "mend those before")]

    def place(self, loc: Loc, *, at_key: bool = False, offset: int | None = None) -> Place:
        if at_key:
            return key_place(self._file, self._root, loc)
        return place_of(self._file, self._root, loc, offset=offset)

    def add(self, loc: Loc, mistake: Mistake, *, at_key: bool = False, warning: bool = False) -> None:
        place = self.place(loc, at_key=at_key, offset=mistake.offset)
        problem = Problem.at(place, mistake.what, mistake.remedy, warning=warning)
        self._found.setdefault((place.line, place.column), problem)

    def refused(self, error: ValidationError, base: Loc) -> list[Loc]:
        """All that pydantic refused about the value at `base`; the ways to it from there."""
        found = refusals(error, MOST_PROBLEMS)
        for one in found:
            self.add((*base, *one.loc), one.mistake, at_key=one.at_key)
        return [one.loc for one in found]

    def empty_values(self) -> None:
        """A key with nothing behind it was begun and not finished, whatever pydantic makes of it."""
        waiting = [self._root]
        while waiting:
            node = waiting.pop()
            value = node.value
            if value is None:
                problem = Problem(self._file, node.line, node.column, NOTHING.what, NOTHING.remedy)
                self._found.setdefault((node.line, node.column), problem)
            elif type(value) is dict:
                waiting += [
                    child for key, child in value.items() if key != "examples" and node.keys[key] not in self._found
                ]
            elif type(value) is list:
                waiting += value


def _head(document: Mapping[str, Any], report: _Report) -> Head | None:
    """What the document says before its events; what is left of it where it is wrong."""
    head = {key: value for key, value in document.items() if key != "events"}
    try:
        return Head.model_validate(head)
    except ValidationError as error:
        return mended_head(head, report.refused(error, ()))


def _events(document: Mapping[str, Any], report: _Report) -> Sequence[Any]:
    events = document.get("events")
    if isinstance(events, list) and events:
        return events
    remedy = "write `events:` and a list of rules, each with `trigger` and `name`"
    report.add(("events",), Mistake("there are no `events`", remedy))
    return ()


@dataclass(frozen=True, slots=True)
class _Reading:
    """One event of a document being read."""

    index: int
    head: Head | None
    checks: Checks
    read: Read
    report: _Report

    @property
    def base(self) -> Loc:
        return ("events", self.index)

    def take(self, event: Json) -> None:
        """Into `read` what the event says, into `report` what is wrong with it."""
        try:
            model = _EVENT.validate_python(event)
        except ValidationError as error:
            self._review_rest(mended(event, self.report.refused(error, self.base)))
            return
        if isinstance(model, Switch):
            self.read.switches.append(SwitchAt(model, self.report.place(self.base)))
        elif self.head is not None:
            whole = completed(model, self.head)
            found = expressions(whole)
            rule = reads(whole, found)
            for finding in review(whole, DIALECTS[self.head.source], self.checks, found, rule):
                self._add(finding, model)
            places = tuple(self.report.place((*self.base, "examples", number)) for number in range(len(model.examples)))
            place = self.report.place(self.base)
            self.read.entries.append(compile_entry(whole, self.head.source, place, places, rule))

    def _review_rest(self, rest: Mended | None) -> None:
        """The findings about what the author wrote, in an event that is wrong elsewhere."""
        if rest is None or self.head is None or self.report.is_full:
            return
        try:
            model = Event.model_validate(rest.event)
        except ValidationError:
            return
        whole = completed(model, self.head)
        found = expressions(whole)
        for finding in review(whole, DIALECTS[self.head.source], self.checks, found, reads(whole, found)):
            if finding.loc and rest.is_original(finding.loc):
                self._add(finding, model)

    def _add(self, found: Finding, event: Event) -> None:
        loc = (*self._origin(found.loc, event), *found.loc)
        self.report.add(loc, found.mistake, at_key=found.at_key, warning=found.warning)

    def _origin(self, loc: Loc, event: Event) -> Loc:
        """Where what `completed` brought together was written: in the event, or at the document's top."""
        match loc:
            case ("contact", *_) if not event.contact:
                return ()
            case ("vars", name, *_) if name not in event.vars:
                return ("defaults",)
            case ("when" | "created_at" as key, *_) if getattr(event, str(key)) is None:
                return ("defaults",)
            case _:
                return self.base

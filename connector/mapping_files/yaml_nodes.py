"""YAML text → nodes that know where they stand. The only home of yaml.

Strict: YAML 1.2's core schema, UTF-8, at most 256 KiB; no tags, anchors, aliases, duplicate keys, keys that are no
text, nor tabs to indent with. Built from the parser's events, so that nothing is nested or repeated before it is
refused.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import yaml

from connector.mapping.problem import Problem
from connector.mapping.syntax import NO_KEYS, Node, Scalar, core

MAX_FILE = 256 * 1024
MAX_DEPTH = 32
MOST_PROBLEMS = 100
"""Nobody reads more before mending the first."""

_Loader: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_TAB_INDENT = re.compile(r"^ *\t", re.MULTILINE)
_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x84\x86-\x9f\ufffe\uffff]")
_QUOTES = frozenset({"'", '"'})
_QUOTE = "put the whole value in double quotes"
_REMEDIES = (
    ("cannot start any token", f"a value cannot begin with this letter: {_QUOTE}"),
    ("expected ',' or", f"inside {{…}} or […] an expression ends at [ ] {{ }} or a comma: {_QUOTE}"),
    ("alias", f"a value cannot begin with *: {_QUOTE}"),
    ("anchor", f"a value cannot begin with &: {_QUOTE}"),
    ("mapping values are not allowed", f"line up the keys; a value that holds `: ` wants quotes: {_QUOTE}"),
    ("end of stream", "close the quotation mark or bracket that is open here"),
    ("expected key", f"line up the keys; a value that begins with a quote ends with it: {_QUOTE}"),
    ("tag", f"a value cannot begin with !: {_QUOTE}"),
    ("block", f"line up the keys; a value that begins with a quote ends with it: {_QUOTE}"),
)


def read_nodes(file: str, body: bytes) -> tuple[list[Node], list[Problem]]:
    """The documents in `body`, and what is wrong with its YAML; a mistake of syntax ends the reading."""
    reader = _Reader(file)
    text = reader.text(body)
    if text is not None:
        reader.read(text)
    return reader.roots, reader.problems


@dataclass(slots=True)
class _Open:
    """A mapping or list that is being read: one of `values` and `items`. `key` is the one whose value comes next."""

    node: Node
    values: dict[str, Node] | None = None
    items: list[Node] | None = None
    key: str | None = None


class _TooDeep(Exception):
    """The file nests more than any mapping does."""


@dataclass(slots=True)
class _Reader:
    """`roots` are the documents that can be told: complete ones, without tags or aliases in the place of values."""

    file: str
    roots: list[Node] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)
    _open: list[_Open] = field(default_factory=list)
    _root: Node | None = None
    _spoilt: bool = False

    def text(self, body: bytes) -> str | None:
        """`body` as text that may be YAML."""
        if len(body) > MAX_FILE:
            self._add(1, 1, f"a file of more than {MAX_FILE // 1024} KiB", "split it")
            return None
        try:
            text = body.decode("utf-8-sig")
        except UnicodeDecodeError as error:
            line = body.count(b"\n", 0, error.start) + 1
            self._add(line, 1, "text that is not UTF-8", "save the file as UTF-8")
            return None
        if found := _TAB_INDENT.search(text):
            self._add_at(text, found.end() - 1, "a tab", "indent with spaces")
        elif found := _CONTROL.search(text):
            self._add_at(text, found.start(), "a control character", "take it out")
        return None if self.problems else text

    def read(self, text: str) -> None:
        """Builds the documents of `text`."""
        handlers = self._handlers()
        try:
            for event in yaml.parse(text, Loader=_Loader):
                if (handle := handlers.get(type(event))) is not None:
                    handle(event)
        except yaml.MarkedYAMLError as error:
            what = " ".join(part for part in (error.context, error.problem) if part)
            remedy = next((remedy for said, remedy in _REMEDIES if said in what), "look at quotes and indent here")
            mark = error.context_mark if "end of stream" in what else error.problem_mark
            self._add(*_spot(mark or error.problem_mark), f"no YAML: {what}", remedy)
        except _TooDeep:
            top = self._open[-1].node
            self._add(top.line, top.column, f"nested more than {MAX_DEPTH} deep", "write it flatter")

    def _handlers(self) -> dict[type[yaml.Event], Callable[[Any], None]]:
        """What is done with each of the parser's events; a look-up, as a file has thousands of them."""
        return {
            yaml.ScalarEvent: self._scalar,
            yaml.MappingStartEvent: self._begin_mapping,
            yaml.SequenceStartEvent: self._begin_sequence,
            yaml.MappingEndEvent: self._end,
            yaml.SequenceEndEvent: self._end,
            yaml.DocumentEndEvent: self._end_document,
            yaml.AliasEvent: self._alias,
        }

    def _begin_mapping(self, event: yaml.MappingStartEvent) -> None:
        values: dict[str, Node] = {}
        self._begin(event, _Open(_node(event, values, keys={}), values=values))

    def _begin_sequence(self, event: yaml.SequenceStartEvent) -> None:
        items: list[Node] = []
        self._begin(event, _Open(_node(event, items), items=items))

    def _end(self, _event: yaml.CollectionEndEvent) -> None:
        self._open.pop()

    def _end_document(self, _event: yaml.DocumentEndEvent) -> None:
        self.roots += [self._root] if self._root and not self._spoilt else []
        self._root, self._spoilt = None, False

    def _alias(self, event: yaml.AliasEvent) -> None:
        self._refuse(event, f"an alias, `*{event.anchor}`", f"repeat the value; if it is an expression, {_QUOTE}")
        self._put(_node(event, None))

    def _scalar(self, event: yaml.ScalarEvent) -> None:
        if event.tag is not None or event.anchor is not None:
            self._plainly(event)
        top = self._open[-1] if self._open else None
        if top is not None and top.key is None and top.values is not None:
            self._key(event, top)
            return
        text, style, start, end = event.value, event.style, event.start_mark, event.end_mark
        assert start is not None
        assert end is not None
        line, column = start.line + 1, start.column + 1
        quoted = style in _QUOTES
        verbatim = end.line == start.line and end.column - start.column == len(text) + 2 * quoted
        value = text if style else core(text)
        self._put(Node(line, column + 1 if quoted and verbatim else column, value, verbatim))

    def _key(self, event: yaml.ScalarEvent, top: _Open) -> None:
        """The next key of the mapping on top; a second one of the same name keeps the first one's value."""
        key, keys, start = event.value, top.node.keys, event.start_mark
        if key in keys:
            remedy = f"take one out; the first is in line {keys[key][0]}"
            self._add(*_spot(start), f"`{key}` is here twice", remedy)
        else:
            keys[key] = _spot(start)
        top.key = key

    def _begin(self, event: yaml.CollectionStartEvent, opened: _Open) -> None:
        self._plainly(event)
        if len(self._open) >= MAX_DEPTH:
            raise _TooDeep
        top = self._open[-1] if self._open else None
        if top is not None and top.key is None and top.values is not None:
            self._refuse(event, "a key that is no text", f"if it is an expression, {_QUOTE}")
            top.key = f"?{len(top.node.keys)}"
        self._put(opened.node)
        self._open.append(opened)

    def _put(self, node: Node) -> None:
        """`node` into what is open, or among the documents."""
        if not self._open:
            self._root = node
            return
        top = self._open[-1]
        if top.items is not None:
            top.items.append(node)
        elif top.values is not None and top.key is not None:
            top.values.setdefault(top.key, node)
            top.key = None

    def _plainly(self, event: yaml.ScalarEvent | yaml.CollectionStartEvent) -> None:
        if event.tag is not None:
            self._refuse(event, f"a tag, `{event.tag}`", f"take it out; if it is an expression, {_QUOTE}")
        if event.anchor is not None:
            self._refuse(event, f"an anchor, `&{event.anchor}`", f"take it out; if it is an expression, {_QUOTE}")

    def _refuse(self, event: yaml.NodeEvent, what: str, remedy: str) -> None:
        self._spoilt = True
        self._add(*_spot(event.start_mark), what, remedy)

    def _add_at(self, text: str, offset: int, what: str, remedy: str) -> None:
        line_start = text.rfind("\n", 0, offset) + 1
        self._add(text.count("\n", 0, offset) + 1, offset - line_start + 1, what, remedy)

    def _add(self, line: int, column: int, what: str, remedy: str) -> None:
        if len(self.problems) < MOST_PROBLEMS:
            self.problems.append(Problem(self.file, line, column, what, remedy))


def _node(
    event: yaml.NodeEvent,
    value: Scalar | list[Node] | dict[str, Node],
    keys: dict[str, tuple[int, int]] | None = None,
) -> Node:
    return Node(*_spot(event.start_mark), value, keys=NO_KEYS if keys is None else keys)


def _spot(mark: Any) -> tuple[int, int]:  # noqa: ANN401 - one of yaml's two mark types, or None
    """Line and column, from 1, of a mark of the parser's."""
    return (mark.line + 1, mark.column + 1) if mark else (1, 1)

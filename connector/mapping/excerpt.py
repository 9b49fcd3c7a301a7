"""One entry of a mapping file as a document of its own: what somebody begins with who wants it otherwise.  Pure.

Cut out by lines, so that it reads as it was written, comments and all. The files are ours: an entry stands on lines of
its own, and what its document says beforehand (contact, defaults) stands above `events:`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

_EVENTS = re.compile(r"events:\s*(#.*)?$")
_EXAMPLES = re.compile(r"( *)examples:")
_SCHEMA = "# yaml-language-server"


def excerpt(text: str, line: int, entry_id: str) -> str:
    """The entry that begins in this line of `text` (counted from 1), under its id and without its examples.

    The examples say what it did before, and would keep it from being changed.
    """
    lines = text.splitlines()
    first = line - 1
    head = _head(lines, first)
    entry = list(_without_examples(lines[first : _end(lines, first)]))
    entry[0] = _named(entry[0], entry_id) if not any(re.match(r"\W*id:", each) for each in entry) else entry[0]
    return "\n".join([*head, "events:", *entry]) + "\n"


def _head(lines: Sequence[str], first: int) -> list[str]:
    """What the document says above `events:`, without what is only said about the file."""
    start = max((number + 1 for number in range(first) if lines[number].startswith("---")), default=0)
    events = next(number for number in range(first, -1, -1) if _EVENTS.match(lines[number]))
    said = [each for each in lines[start:events] if not each.startswith(_SCHEMA)]
    begins = next(number for number, each in enumerate(said) if not each.startswith("#"))
    return said[begins:]


def _end(lines: Sequence[str], first: int) -> int:
    """Where the next entry, its comment, or the next document begins."""
    indent = _indent(lines[first])
    for number in range(first + 1, len(lines)):
        if lines[number].strip() and _indent(lines[number]) <= indent:
            return number
    return len(lines)


def _without_examples(lines: Sequence[str]) -> Iterator[str]:
    dropped: int | None = None
    for line in lines:
        if dropped is not None and (not line.strip() or _indent(line) > dropped):
            continue
        found = _EXAMPLES.match(line)
        dropped = len(found[1]) if found else None
        if found is None:
            yield line


def _named(line: str, entry_id: str) -> str:
    """The first line of an entry, with its id: `- trigger: x` or `- {trigger: x`."""
    dash, _, rest = line.partition("- ")
    if rest.startswith("{"):
        return f'{dash}- {{id: "{entry_id}", {rest[1:].lstrip()}'
    return f'{dash}- id: "{entry_id}"\n{dash}  {rest}'


def _indent(line: str) -> int:
    return len(line) - len(line.lstrip(" "))

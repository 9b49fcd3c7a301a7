"""How commands speak: one JSON document, or tables for people, on stdout; remarks and errors on stderr.

Whatever came from a sender is shown as text: no markup, no control characters.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import typer

if TYPE_CHECKING:
    from rich.console import Console

WIDE = 200
"""Columns of a table that goes to a file or a pipe."""


@dataclass(frozen=True, slots=True)
class Page:
    """Part of a list; `next` is the cursor of the part behind it, None at the end."""

    items: Sequence[Mapping[str, Any]]
    next: str | None


def show_page(page: Page, *, as_json: bool, columns: Sequence[str], empty: str) -> None:
    """A list: `columns` name the keys that people see; `empty` is said where there is nothing."""
    if as_json:
        print_json({"items": list(page.items), "next": page.next})
        return
    if not page.items:
        remark(empty)
        return
    table(page.items, columns)
    if page.next is not None:
        remark(f"more: --cursor {page.next}")


def show_item(item: Mapping[str, Any], *, as_json: bool) -> None:
    """One thing: a line for each of its values, then what has values of its own."""
    if as_json:
        print_json(item)
        return
    parts = {key: value for key, value in item.items() if _has_parts(value)}
    _lines({key: value for key, value in item.items() if key not in parts})
    for key, value in parts.items():
        say(f"\n{key.replace('_', ' ')}")
        match value:
            case list():
                table(value, [column for column in value[0] if any(row[column] is not None for row in value)])
            case dict() if any(_has_parts(part) for part in value.values()):
                say(json.dumps(value, ensure_ascii=True, indent=2))
            case dict():
                _lines(value)


def _has_parts(value: object) -> bool:
    """Whether it takes more than a line: an object, or several objects that are alike."""
    if isinstance(value, list):
        return (
            all(isinstance(row, dict) and len(row) > 1 and row.keys() == value[0].keys() for row in value)
            and value != []
        )
    return isinstance(value, dict) and len(value) > 1


def _lines(values: Mapping[str, Any]) -> None:
    width = max((len(key) for key in values), default=0)
    for key, value in values.items():
        say(f"{key:{width}}  {cell(value)}".rstrip())


def table(
    rows: Sequence[Mapping[str, Any]], columns: Sequence[str], *, numbers: Sequence[str] = (), one_line: bool = False
) -> None:
    """Rows as a table of these columns, `numbers` to the right; with `one_line` what is too long ends in a …"""
    from rich.table import Table
    from rich.text import Text

    grid = Table(box=None, pad_edge=False, header_style="bold")
    for column in columns:
        grid.add_column(
            column.replace("_", " "),
            overflow="ellipsis" if one_line else "fold",
            no_wrap=one_line,
            justify="right" if column in numbers else "left",
        )
    for row in rows:
        grid.add_row(*(Text(cell(row.get(column))) for column in columns))
    console().print(grid)


def console() -> Console:
    """Where tables go: as wide as the terminal, or wide enough for a file."""
    from rich.console import Console

    return Console(width=None if sys.stdout.isatty() else WIDE, highlight=False)


def progress_console() -> Console:
    """Where progress bars go: stderr, so that stdout holds the result only."""
    from rich.console import Console

    return Console(stderr=True, highlight=False)


def print_json(document: object) -> None:
    """The one document of a command with --json."""
    say(json.dumps(document, ensure_ascii=False, indent=2))


def say(line: str) -> None:
    """A line of the result."""
    sys.stdout.write(line + "\n")


def remark(line: str) -> None:
    """Something worth knowing that is not part of the result."""
    sys.stderr.write(line + "\n")


@contextmanager
def progress(what: str, *, total: int) -> Iterator[Callable[[int], None]]:
    """A bar on stderr at a terminal, for what takes a while; yields what to call with the steps just done."""
    from rich.console import Console
    from rich.progress import Progress

    with Progress(console=Console(stderr=True), disable=not sys.stderr.isatty(), transient=True) as bar:
        task = bar.add_task(what, total=total)

        def advance(steps: int) -> None:
            bar.advance(task, steps)

        yield advance


def styled(line: str, style: str) -> str:
    """`line` in a colour, where a terminal shows it."""
    return typer.style(line, fg=style) if sys.stdout.isatty() else line


def cell(value: object) -> str:
    """A value as people read it, on one line."""
    match value:
        case None | []:
            return "–"
        case bool():
            return "yes" if value else "no"
        case list() | tuple() | dict():
            text = json.dumps(value, ensure_ascii=False)
        case _:
            text = str(value)
    return safe(text)


def safe(text: str) -> str:
    """`text` on one line, without anything that a terminal would obey."""
    return "".join(char if char.isprintable() else repr(char)[1:-1] for char in text)


def moment(milliseconds: int | None) -> str | None:
    """Milliseconds since 1970 as ISO 8601 in UTC."""
    if milliseconds is None:
        return None
    return datetime.fromtimestamp(milliseconds / 1000, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")

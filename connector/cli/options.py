"""Options that several commands share, and how their values are read. Light to import: every start pays for it."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable
from typing import Annotated, Any

import typer

from connector.cli import completion
from connector.errors import UsageError

Json = Annotated[bool, typer.Option("--json", help="Print one JSON document and nothing else; logs go to stderr.")]
Limit = Annotated[int, typer.Option(min=1, max=1000, help="How many to show at most.")]
Cursor = Annotated[str | None, typer.Option(help="Go on behind the page whose `next` this was.", show_default=False)]
AppId = Annotated[
    str,
    typer.Argument(
        metavar="APP_ID",
        help="The workspace's id at Intercom.",
        show_default=False,
        autocompletion=completion.workspaces,
    ),
]
OfWorkspace = Annotated[
    str | None,
    typer.Option(
        "--workspace",
        metavar="APP_ID",
        help="Only of this workspace.",
        show_default=False,
        autocompletion=completion.workspaces,
    ),
]


def choice(*names: str, help: str, load: Callable[[], Iterable[str]]) -> Any:  # noqa: A002, ANN401 - as typer.Option
    """An option that takes one of a few words, whose list is too costly to import before it is needed."""

    def parse(value: str) -> str:
        if value not in (known := list(load())):
            raise typer.BadParameter(f"{value!r} is none of {', '.join(known)}")
        return value

    def complete(incomplete: str) -> list[str]:
        return [known for known in load() if known.startswith(incomplete)]

    return typer.Option(*names, help=help, parser=parse, autocompletion=complete, metavar="WORD", show_default=False)


def secret(value: str | None, name: str) -> str | None:
    """`value`, or for "-" a line of stdin, typed unseen at a terminal: it is in no history and no process list."""
    if value != "-":
        return value
    if sys.stdin.isatty():
        typed: str = typer.prompt(name, hide_input=True, err=True)
        return typed.strip()
    line = sys.stdin.readline().strip()
    if not line:
        raise UsageError(f"{name}: there is no line on stdin to read it from")
    return line

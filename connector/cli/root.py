"""The root of the command line: its groups, and how every command ends.

Exit status: 0 done, 1 failed, 2 wrong usage. An error is one sentence with its remedy on stderr, and with --json also
a document {"error": {"kind", "message"}} on stdout. Nothing heavy is imported before a command runs.
"""

from __future__ import annotations

import contextlib
import io
import os
import sys
from collections.abc import Sequence
from typing import Annotated, NoReturn

import typer

from connector.cli import (
    alerts,
    audit,
    backfill,
    backup,
    catalogues,
    choices,
    console,
    deliveries,
    demo,
    doctor,
    endpoints,
    event_names,
    event_replays,
    events,
    first_run,
    keys,
    mappings,
    people,
    replays,
    retention,
    service,
    status,
    verify,
    workspaces,
)
from connector.cli.output import print_json, remark, say
from connector.errors import ConnectorError, UsageError

FAILED, WRONG_USAGE = 1, 2

app = typer.Typer(
    name="connector",
    help="Stripe and Segment webhooks become Intercom events.",
    rich_markup_mode=None,
    pretty_exceptions_enable=False,  # they show local variables, which may be secrets
    context_settings={"help_option_names": ["-h", "--help"]},
)
for commands in (demo, service, status, doctor):
    commands.register(app)
for commands in (backup, retention, verify):
    commands.register(app)
replays.register(deliveries.app)
event_replays.register(events.app)
first_run.register(workspaces.app)
catalogues.register(mappings.app)
choices.register(workspaces.app)
for group in (workspaces, endpoints, events, deliveries, people, backfill, mappings, keys, audit, alerts, console):
    app.add_typer(group.app, name=group.__name__.rpartition(".")[2])
app.add_typer(event_names.app, name="event-names")


def _show_version(wanted: bool) -> None:
    if wanted:
        from importlib.metadata import version

        say(f"connector {version('connector')}")
        raise typer.Exit


@app.callback()
def _root(
    _version: Annotated[
        bool, typer.Option("--version", callback=_show_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    """Stripe and Segment webhooks become Intercom events."""


def main(arguments: Sequence[str] | None = None) -> NoReturn:
    """Run the command line and exit."""
    arguments = sys.argv[1:] if arguments is None else arguments
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(encoding="utf-8", errors="backslashreplace")
    try:
        status_code = _run(arguments)
        sys.stdout.flush()
    except BrokenPipeError:  # `connector events list | head`
        with contextlib.suppress(OSError):
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        status_code = FAILED
    sys.exit(status_code)


def _run(arguments: Sequence[str]) -> int:
    as_json = "--json" in arguments
    try:
        return app(list(arguments) or ["--help"], prog_name="connector", standalone_mode=False) or 0
    except ConnectorError as error:
        kind = type(error).__name__.removesuffix("Error").lower()
        return _failed(kind, str(error), WRONG_USAGE if isinstance(error, UsageError) else FAILED, as_json=as_json)
    except typer.TyperException as error:
        return _failed("usage", _wording(error), WRONG_USAGE, as_json=as_json)
    except BrokenPipeError:
        raise
    except OSError as error:
        return _failed(
            "system", f"{error.filename or 'the system'}: {error.strerror or error}", FAILED, as_json=as_json
        )
    except typer.Abort:
        return _failed("aborted", "nothing was done", FAILED, as_json=as_json)


def _failed(kind: str, message: str, status_code: int, *, as_json: bool) -> int:
    remark(f"error: {message}")
    if as_json:
        print_json({"error": {"kind": kind, "message": message}})
    return status_code


def _wording(error: typer.TyperException) -> str:
    """Typer's own sentence, and where to read more."""
    context = getattr(error, "ctx", None)
    sentence = error.format_message().replace("Value error, ", "").rstrip(".") + "."
    return f"{sentence} `{context.command_path} --help` shows what there is." if context else sentence

"""`mappings check` and `test`: the files alone, without a database."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import typer

from connector.cli.mappings.files import Folders, folders, loaded, options
from connector.cli.options import Json
from connector.cli.output import cell, print_json, say, styled

if TYPE_CHECKING:
    from connector.mapping.example import Differing, Ran
    from connector.mapping.problem import Problem
    from connector.mapping_files import Loaded


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.command("check")(check)
    app.command("test")(run_tests)


def check(folder: Folders = None, *, json: Json = False) -> None:
    """Look for mistakes: each with its file, line and column, and what to write instead."""
    from connector.mapping_files import check as look
    from connector.settings import load

    settings = load()
    found = look(folders(settings, folder), settings.metadata_keys)
    if json:
        print_json({**_counts(found), "problems": [_problem(problem) for problem in found.problems]})
    else:
        for problem in found.problems:
            say(str(problem))
        say(_verdict(found))
    if not found.ok:
        raise typer.Exit(1)


def run_tests(folder: Folders = None, *, json: Json = False) -> None:
    """Run the examples that stand in the files."""
    from connector.mapping_files import run_examples

    settings, found = loaded(folder)
    ran = run_examples(found, options=options(settings))
    failed = [each for each in ran if not each.ok]
    if json:
        print_json({"ok": not failed, "examples": len(ran), "failed": [_failure(each) for each in failed]})
    else:
        for each in failed:
            _show_failure(each)
        say(f"{len(ran)} examples, {len(failed)} failed")
    if failed:
        raise typer.Exit(1)


def _counts(found: Loaded) -> dict[str, Any]:
    entries = found.catalog.entries
    return {"ok": found.ok, "entries": len(entries), "enabled": sum(entry.enabled for entry in entries)}


def _verdict(found: Loaded) -> str:
    counts = _counts(found)
    warnings = sum(problem.warning for problem in found.problems)
    mistakes = len(found.problems) - warnings
    return f"{counts['entries']} entries, {counts['enabled']} of them on: {mistakes} mistakes, {warnings} warnings"


def _problem(problem: Problem) -> dict[str, Any]:
    return {
        "file": problem.file,
        "line": problem.line,
        "column": problem.column,
        "what": problem.what,
        "remedy": problem.remedy,
        "warning": problem.warning,
    }


def _failure(ran: Ran) -> dict[str, Any]:
    return {
        "mapping": ran.entry.id,
        "file": ran.place.file,
        "line": ran.place.line,
        "payload": ran.payload,
        "differences": list(ran.differences),
        "differs": [{"what": each.what, "wanted": each.wanted, "found": each.found} for each in ran.differing],
        "notes": list(ran.notes),
    }


def _show_failure(ran: Ran) -> None:
    """An example that failed, as a diff: what `gives` wants, and what became of the payload."""
    say(f"{ran.place.file}:{ran.place.line}: {ran.entry.id}, example `{ran.payload}`")
    for each in ran.differing:
        _show_differing(each)
    for note in ran.notes:
        say(f"    note: {cell(note)}")
    say("")


def _show_differing(each: Differing) -> None:
    if each.only_words:
        say(f"  {cell(each.sentence)}")
        return
    say(f"  {cell(each.what)}")
    say(styled(f"    - {cell(each.wanted)}", "red"))
    say(styled(f"    + {cell(each.found)}", "green"))

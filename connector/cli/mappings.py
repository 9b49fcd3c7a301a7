"""`connector mappings`: the rules that make Intercom events, checked, tested, shown and tried on real events."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from connector.cli import pages
from connector.cli.options import Cursor, Json, Limit, OfWorkspace, choice
from connector.cli.output import print_json, remark, say, show_item, show_page, table
from connector.errors import SettingsError, UsageError

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from connector.mapping.context import Options
    from connector.mapping.entry import Entry
    from connector.mapping.example import Ran
    from connector.mapping.problem import Problem
    from connector.mapping_files import Loaded
    from connector.settings import Settings

app = typer.Typer(help="The rules that make Intercom events of what is received.")


def _sources() -> Iterable[str]:
    from connector.mapping.dialect import DIALECTS

    return DIALECTS


Folders = Annotated[
    list[Path] | None,
    typer.Argument(
        metavar="[FOLDER]...",
        help="Laid over the shipped catalogue, instead of CONNECTOR_MAPPINGS_DIR.",
        show_default=False,
    ),
]


@app.command("check")
def check(folders: Folders = None, *, json: Json = False) -> None:
    """Look for mistakes: each with its file, line and column, and what to write instead."""
    from connector.mapping_files import check as look
    from connector.settings import load

    settings = load()
    loaded = look(_folders(settings, folders), settings.metadata_keys)
    if json:
        enabled = sum(entry.enabled for entry in loaded.catalog.entries)
        summary = {"ok": loaded.ok, "entries": len(loaded.catalog.entries), "enabled": enabled}
        print_json({**summary, "problems": [_problem(problem) for problem in loaded.problems]})
    else:
        for problem in loaded.problems:
            say(str(problem))
        say(_verdict(loaded))
    if not loaded.ok:
        raise typer.Exit(1)


@app.command("test")
def run_tests(folders: Folders = None, *, json: Json = False) -> None:
    """Run the examples that stand in the files."""
    from connector.mapping_files import run_examples

    settings, loaded = _loaded(folders)
    ran = run_examples(loaded, options=_options(settings))
    failed = [each for each in ran if not each.ok]
    if json:
        print_json({"ok": not failed, "examples": len(ran), "failed": [_failure(each) for each in failed]})
    else:
        for each in failed:
            say(f"{each.place.file}:{each.place.line}: {each.entry.id}: {each.payload}")
            for difference in each.differences:
                say(f"    {difference}")
        say(f"{len(ran)} examples, {len(failed)} failed")
    if failed:
        raise typer.Exit(1)


@app.command("show")
def show(
    event: Annotated[
        str | None, typer.Argument(help="An event type, an event name or an entry's id; all entries without it.")
    ] = None,
    *,
    limit: Limit = 50,
    cursor: Cursor = None,
    json: Json = False,
) -> None:
    """What is made of an event, or which entries there are."""
    _, loaded = _loaded(None)
    if event is None:
        start = pages.after_id(cursor)
        rest = list(enumerate(loaded.catalog.entries, start=1))[start:]
        page = pages.cut(rest, limit, lambda each: _summary(each[1]), lambda each: str(each[0]))
        show_page(page, as_json=json, columns=("id", "triggers", "name", "enabled"), empty="there are no entries")
        return
    items = [_entry(entry) for entry in _matching(loaded, event)]
    if json:
        print_json({"items": items, "next": None})
        return
    for item in items:
        say(f"{item['id']}  {item['file']}")
        for sentence in item["does"]:
            say(f"  {sentence}")
        table(item["metadata"], ("key", "type", "from"))
        say("")


@app.command("try")
def try_(
    event: Annotated[str, typer.Argument(metavar="FILE|EVENT", help="A payload, or the id of a received event.")],
    *,
    source: Annotated[str | None, choice("--source", help="Of a file: stripe or segment.", load=_sources)] = None,
    workspace: OfWorkspace = None,
    json: Json = False,
) -> None:
    """Show the Intercom event that would be sent, or why there would be none. Nothing is stored or sent."""
    from connector.cli import trial
    from connector.cli.session import run

    settings, loaded = _loaded(None)
    options = _options(settings)
    if (path := Path(event)).is_file():
        tried = trial.of_file(path, source, options)
    else:
        tried = run(lambda session: trial.of_event(session, event, workspace, options))
    result = trial.outcome(loaded.catalog, tried)
    if json:
        print_json(result)
        return
    for became in result["becomes"]:
        show_item(_for_people(became), as_json=False)
        say("")
    for skipped in result["skipped"]:
        remark(f"{skipped['mapping']}: nothing, because of {skipped['reason']} {'; '.join(skipped['notes'])}".rstrip())
    if not result["becomes"] and not result["skipped"]:
        remark(f"no entry asks for {result['type']!r} of {result['source']}")


@app.command("schema")
def schema() -> None:
    """Print the JSON Schema of mapping files, by which editors complete and check them."""
    from connector.mapping.schema import json_schema

    print_json(json_schema())


def _folders(settings: Settings, given: Sequence[Path] | None) -> list[Path]:
    """The shipped catalogue, and what is laid over it."""
    from connector.mapping_files import shipped_folder

    own = list(given) if given else [settings.mappings_dir] if settings.mappings_dir else []
    return [shipped_folder(), *own]


def _loaded(given: Sequence[Path] | None) -> tuple[Settings, Loaded]:
    """The catalogue that would be in use. Raises SettingsError where it has mistakes."""
    from connector.mapping.review import Checks
    from connector.mapping_files import load as load_folders
    from connector.settings import load

    settings = load()
    loaded = load_folders(_folders(settings, given), Checks(settings.metadata_keys))
    if not loaded.ok:
        count = sum(not problem.warning for problem in loaded.problems)
        raise SettingsError(f"the mapping files have {count} mistakes. See them: connector mappings check")
    return settings, loaded


def _options(settings: Settings) -> Options:
    from connector.mapping.context import Options

    return Options(metadata_keys=settings.metadata_keys, zero_decimal_money=settings.zero_decimal_money.value)


def _verdict(loaded: Loaded) -> str:
    entries = loaded.catalog.entries
    warnings = sum(problem.warning for problem in loaded.problems)
    mistakes = len(loaded.problems) - warnings
    enabled = sum(entry.enabled for entry in entries)
    return f"{len(entries)} entries, {enabled} of them on: {mistakes} mistakes, {warnings} warnings"


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
    }


def _matching(loaded: Loaded, text: str) -> Sequence[Entry]:
    """Entries by what people know of them. Raises UsageError."""
    from connector.mapping.dialect import DIALECTS
    from connector.mapping.problem import did_you_mean

    entries = loaded.catalog.entries
    found = [
        entry
        for entry in entries
        if text in (entry.id, entry.name) or DIALECTS[entry.source].normal(text) in entry.triggers
    ]
    if not found:
        known = {word for entry in entries for word in (entry.id, entry.name or "", *entry.definition.trigger)}
        meant = did_you_mean(text, known)
        hint = f"did you mean {meant!r}?" if meant else "`connector mappings show` lists the entries"
        raise UsageError(f"no entry is about {text!r}: {hint}")
    return found


def _for_people(became: dict[str, Any]) -> dict[str, Any]:
    """The same with its metadata as rows."""
    types = became["types"]
    rows = [{"key": key, "type": types[key], "value": value} for key, value in became["metadata"].items()]
    return {**{key: value for key, value in became.items() if key != "types"}, "metadata": rows}


def _summary(entry: Entry) -> dict[str, Any]:
    return {
        "id": entry.id,
        "source": entry.source,
        "triggers": list(entry.definition.trigger),
        "name": entry.name,
        "enabled": entry.enabled,
        "description": entry.description,
    }


def _entry(entry: Entry) -> dict[str, Any]:
    """An entry with everything that it does, in words."""
    from connector.mapping.explain import explain

    explanation = explain(entry)
    return {
        **_summary(entry),
        "file": f"{entry.place.file}:{entry.place.line}",
        "does": list(explanation.sentences),
        "metadata": [{"key": row.key, "type": row.type, "from": row.source} for row in explanation.rows],
    }

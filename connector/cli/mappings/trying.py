"""`mappings try`: the Intercom event that one payload would become, or why there would be none."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from connector.cli.mappings.files import loaded, options, sources
from connector.cli.options import Json, OfWorkspace, choice
from connector.cli.output import cell, print_json, remark, say, show_item


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("try")(try_)


def try_(
    event: Annotated[str, typer.Argument(metavar="FILE|EVENT", help="A payload, or the id of a received event.")],
    *,
    source: Annotated[str | None, choice("--source", help="Of a file: stripe or segment.", load=sources)] = None,
    workspace: OfWorkspace = None,
    json: Json = False,
) -> None:
    """Show the Intercom event that would be sent, or why there would be none. Nothing is stored or sent."""
    from connector.cli.mappings import trial
    from connector.cli.session import run

    settings, found = loaded(None)
    chosen = options(settings)
    if trial.is_file(event):
        tried = trial.of_file(Path(event), source, chosen)
    else:
        tried = run(lambda session: trial.of_event(session, event, workspace, chosen))
    result = trial.outcome(found.catalog, tried)
    if json:
        print_json(result)
        return
    for became in result["becomes"]:
        show_item(_for_people(became), as_json=False)
        say("")
    for skipped in result["skipped"]:
        _show_skipped(skipped)
    if result["advice"]:
        remark(result["advice"])


def _show_skipped(skipped: dict[str, Any]) -> None:
    remark(f"{skipped['mapping']}: {skipped['why']}")
    for part in skipped["condition"]:
        remark(f"    {'true ' if part['holds'] else 'false'}  {part['text']}")
    for read in skipped["read"]:
        remark(f"           {read['path']} is {'absent' if read['value'] is None else cell(read['value'])}")
    for note in skipped["notes"]:
        remark(f"    note: {cell(note)}")


def _for_people(became: dict[str, Any]) -> dict[str, Any]:
    """The same with its metadata as rows."""
    types = became["types"]
    rows = [{"key": key, "type": types[key], "value": value} for key, value in became["metadata"].items()]
    return {**{key: value for key, value in became.items() if key != "types"}, "metadata": rows}

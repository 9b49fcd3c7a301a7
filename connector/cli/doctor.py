"""`connector doctor`: whether everything is as it should be, and what to do where it is not."""

from __future__ import annotations

import typer

from connector.cli.options import Json
from connector.cli.output import print_json, say

MARKS = {True: "✓", None: "!", False: "✗"}


def register(app: typer.Typer) -> None:
    """Add the command to the root."""
    app.command()(doctor)


def doctor(*, json: Json = False) -> None:
    """Check settings, database, keys, mappings and Intercom, and say what to do."""
    import asyncio

    from connector.cli.checkup import examine, passed
    from connector.settings import load

    findings = asyncio.run(examine(load()))
    ok = passed(list(findings.values()))
    if json:
        checks = [
            {"name": name, "ok": each.ok, "found": each.found, "remedy": each.remedy or None}
            for name, each in findings.items()
        ]
        print_json({"ok": ok, "checks": checks})
    else:
        for name, each in findings.items():
            say(f"{MARKS[each.ok]} {name}: {each.found}" + (f". {each.remedy}" if each.remedy else ""))
    if not ok:
        raise typer.Exit(1)

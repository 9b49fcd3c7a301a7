"""`connector doctor`: whether everything is as it should be, and what to do where it is not."""

from __future__ import annotations

import typer

from connector.cli.options import Json
from connector.cli.output import print_json, say, table

MARKS = {True: "✓", None: "!", False: "✗"}


def register(app: typer.Typer) -> None:
    """Add the command to the root."""
    app.command()(doctor)


def doctor(*, json: Json = False) -> None:
    """Check settings, database, keys, mappings and Intercom, and say what to do."""
    import asyncio
    from dataclasses import asdict

    from connector.cli.checkup import developer_hub, examine, passed
    from connector.settings import load

    settings = load()
    findings = asyncio.run(examine(settings))
    hub = developer_hub(settings)
    ok = passed(list(findings.values()))
    if json:
        checks = [
            {"name": name, "ok": each.ok, "found": each.found, "remedy": each.remedy or None}
            for name, each in findings.items()
        ]
        print_json({"ok": ok, "checks": checks, "developer_hub": [asdict(each) for each in hub]})
    else:
        for name, each in findings.items():
            say(f"{MARKS[each.ok]} {name}: {each.found}" + (f". {each.remedy}" if each.remedy else ""))
        if hub:
            say("\nIn Intercom's Developer Hub (docs/publish.md):")
            table([asdict(each) for each in hub], ("page", "name", "value"))
    if not ok:
        raise typer.Exit(1)

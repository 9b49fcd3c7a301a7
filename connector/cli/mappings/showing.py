"""`mappings show`: which entries there are, and what each does, in words and as a table."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated, Any

import typer

from connector.cli import pages
from connector.cli.mappings.files import complete_event, loaded
from connector.cli.options import Cursor, Json, Limit
from connector.cli.output import print_json, say, show_page, table
from connector.errors import UsageError

if TYPE_CHECKING:
    from connector.mapping.entry import Entry
    from connector.mapping_files import Loaded


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("show")(show)


def show(
    event: Annotated[
        str | None,
        typer.Argument(
            help="An event type, an event name or an entry's id; all entries without it.", autocompletion=complete_event
        ),
    ] = None,
    *,
    limit: Limit = 50,
    cursor: Cursor = None,
    json: Json = False,
) -> None:
    """What is made of an event, or which entries there are."""
    _, found = loaded(None)
    if event is None:
        start = pages.after_id(cursor)
        rest = list(enumerate(found.catalog.entries, start=1))[start:]
        page = pages.cut(rest, limit, lambda each: _summary(each[1]), lambda each: str(each[0]))
        show_page(page, as_json=json, columns=("id", "triggers", "name", "enabled"), empty="there are no entries")
        return
    items = [_entry(entry) for entry in _matching(found, event)]
    if json:
        print_json({"items": items, "next": None})
        return
    for item in items:
        say(f"{item['id']}  {item['file']}")
        for sentence in item["does"]:
            say(f"  {sentence}")
        if item["metadata"]:
            say("")
            table(item["metadata"], ("key", "type", "from"))
        say("")


def _matching(found: Loaded, text: str) -> Sequence[Entry]:
    """Entries by what people know of them. Raises UsageError."""
    from connector.mapping.dialect import DIALECTS
    from connector.mapping.event_name import same_name
    from connector.mapping.problem import did_you_mean

    entries = found.catalog.entries
    matching = [
        entry
        for entry in entries
        if text == entry.id
        or same_name(text) == same_name(entry.name or "")
        or DIALECTS[entry.source].normal(text) in entry.triggers
    ]
    if not matching:
        known = {word for entry in entries for word in (entry.id, entry.name or "", *entry.definition.trigger)}
        meant = did_you_mean(text, known)
        hint = f"did you mean {meant!r}?" if meant else "`connector mappings show` lists the entries"
        raise UsageError(f"no entry is about {text!r}: {hint}")
    return matching


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
        "examples": len(entry.examples),
    }

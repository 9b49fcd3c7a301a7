"""`connector workspaces choices`: what a workspace has chosen about its events, shown and changed."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from connector.cli.options import AppId, Json
from connector.cli.output import show_item
from connector.errors import UsageError

if TYPE_CHECKING:
    from connector.cli.session import Session
    from connector.workspaces.choices import Choices

WORDS = {"on": True, "off": False, "default": None}
Switches = list[str] | None


def register(app: typer.Typer) -> None:
    """Add the command to `connector workspaces`."""
    app.command("choices")(choices)


def choices(
    app_id: AppId,
    *,
    family: Annotated[
        Switches,
        typer.Option(metavar="FAMILY=WORD", help="A file of the catalogue: on, off or default; several times."),
    ] = None,
    event: Annotated[
        Switches, typer.Option(metavar="ID=WORD", help="One entry: on, off or default; several times.")
    ] = None,
    entries: Annotated[
        str | None, typer.Option(metavar="FILE", help="Own entries as YAML, over the catalogue's; none takes them out.")
    ] = None,
    contact_order: Annotated[
        str | None, typer.Option(metavar="KINDS", help="Ways to name a contact, tried in this order: email,user_id.")
    ] = None,
    metadata_keys: Annotated[
        str | None, typer.Option(metavar="N", help="Metadata keys sent with an event, 10 … 20; default: the service's.")
    ] = None,
    time_zone: Annotated[str | None, typer.Option(help="Of dates in texts: Europe/Berlin.", show_default=False)] = None,
    language: Annotated[str | None, typer.Option(help="Of amounts and dates in texts: de.", show_default=False)] = None,
    json: Json = False,
) -> None:
    """What a workspace has chosen about its events; with options, choose. Every process follows within a second."""
    from connector.cli.session import run

    wanted: dict[str, Any] = {
        "families": _switches(family, "--family"),
        "events": _switches(event, "--event"),
        "entries": _own(entries),
        "contact_order": contact_order and [kind.strip() for kind in contact_order.split(",")],
        "metadata_keys": metadata_keys,
        "time_zone": time_zone,
        "language": language,
    }
    given = {name: value for name, value in wanted.items() if value is not None}
    for name in ("entries", "contact_order", "metadata_keys"):
        if given.get(name) in ("none", "default", ["none"], ["default"]):
            given[name] = None
    show_item(run(lambda session: _chosen(session, app_id, given)), as_json=json)


async def _chosen(session: Session, app_id: str, given: dict[str, Any]) -> dict[str, Any]:
    from connector.catalogues import store
    from connector.catalogues.built import build
    from connector.catalogues.choosing import mistakes
    from connector.catalogues.deploying import choose
    from connector.mapping.review import Checks
    from connector.workspaces import choices as kept

    workspace = await session.workspace(app_id)
    chosen = kept.read(workspace)
    built = build(await session.database.read(store.active), Checks())
    if given:
        chosen = kept.changed(chosen, given)
        wrong = await session.database.transact(choose, built, workspace.id, chosen, actor="cli", now=session.now)
        if wrong:
            raise UsageError("; ".join(wrong))
    return {**_document(chosen), "problems": mistakes(built, chosen), "families_there_are": _families(built)}


def _families(built: Any) -> list[str]:  # noqa: ANN401 - Built, imported late
    return sorted(set(built.families.values()))


def _document(chosen: Choices) -> dict[str, Any]:
    document: dict[str, Any] = chosen.model_dump(mode="json")
    return document


def _switches(given: Switches, option: str) -> dict[str, bool | None] | None:
    if not given:
        return None
    found: dict[str, bool | None] = {}
    for text in given:
        name, _, word = text.rpartition("=")
        if not name or word not in WORDS:
            raise UsageError(f"{option} takes NAME=on, NAME=off or NAME=default, not {text!r}")
        found[name] = WORDS[word]
    return found


def _own(path: str | None) -> str | None:
    if path is None or path == "none":
        return path
    try:
        return Path(path).read_bytes().decode()
    except UnicodeDecodeError:
        raise UsageError(f"{path} is no UTF-8 text") from None

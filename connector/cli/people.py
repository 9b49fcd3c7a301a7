"""`connector people`: what is known of one person, to be shown, handed over or deleted."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from connector.cli.options import Json, choice
from connector.cli.output import moment, print_json, remark, say, show_item
from connector.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Iterable

    from connector.cli.session import Session
    from connector.events import Identifier
    from connector.people.dossier import Dossier

app = typer.Typer(help="What is known of one person: shown, handed over, deleted.")
SHOWN = 50
"""Of the latest deliveries and events in `show`."""


def _kinds() -> Iterable[str]:
    from connector.events import IdentifierKind

    return [kind.value for kind in IdentifierKind]


Workspace = Annotated[
    str, typer.Argument(metavar="WORKSPACE", help="The workspace's id at Intercom.", show_default=False)
]
WhichPerson = Annotated[
    str,
    typer.Argument(
        metavar="PERSON",
        help="An e-mail address, a user id, Intercom's id of the contact, or an id of Stripe's (cus_…, ch_…).",
        show_default=False,
    ),
]
As = Annotated[
    str | None,
    choice("--as", help="What PERSON is, where it does not show: user_id, anonymous_id, email …", load=_kinds),
]


@app.command("show")
def show(workspace: Workspace, person: WhichPerson, *, kind: As = None, json: Json = False) -> None:
    """What somebody is called, and the latest of what is stored about them."""
    from connector.cli.session import run

    async def work(session: Session) -> dict[str, Any]:
        found, app_ids = await _dossier(session, workspace, _named(person, kind)), await session.app_ids()
        return _document(found, app_ids, latest=SHOWN)

    show_item(run(work), as_json=json)


@app.command("export")
def export(
    workspace: Workspace,
    person: WhichPerson,
    *,
    kind: As = None,
    output: Annotated[
        Path | None, typer.Option(help="File to write, readable by you only.", show_default="stdout")
    ] = None,
    json: Json = False,
) -> None:
    """Everything that is stored about somebody, as one JSON document, webhooks as they came included."""
    from connector.cli.session import run

    async def work(session: Session) -> dict[str, Any]:
        found, app_ids = await _dossier(session, workspace, _named(person, kind)), await session.app_ids()
        return _document(found, app_ids, latest=None)

    document = run(work)
    if output is None:
        print_json(document)
        return
    _write(output, document)
    if json:
        print_json({"written": str(output), **document["counts"]})
    else:
        say(
            f"written to {output}: {document['counts']['deliveries']} deliveries, {document['counts']['events']} events"
        )


@app.command("delete")
def delete(
    workspace: Workspace,
    person: WhichPerson,
    *,
    kind: As = None,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    json: Json = False,
) -> None:
    """Delete everything that is stored about somebody. Intercom, Stripe and Segment keep what they have."""
    from connector.cli.session import run
    from connector.people.forgetting import Forgotten, forget

    whom = _named(person, kind)

    async def work(session: Session) -> Forgotten | None:
        found = await _dossier(session, workspace, whom)
        if not yes and not _confirmed(found):
            return None
        return await forget(session.database, found.person.workspace_id, whom, actor="command line")

    result = run(work)
    if result is None:
        raise typer.Abort
    counts = {name: getattr(result, name) for name in Forgotten.__slots__}
    if result == Forgotten():
        remark("nothing was known of this person")
    show_item({"workspace": workspace, "deleted": True, **counts}, as_json=json)


def _confirmed(found: Dossier) -> bool:
    """Whether the one at the terminal means it; without a terminal nobody can be asked."""
    if not sys.stdin.isatty():
        raise UsageError("deleting cannot be undone, and there is nobody to ask: say --yes")
    counts, names = _counts(found), ", ".join(sorted(each.value for each in found.person.identifiers))
    remark(f"known as {names}")
    question = f"Delete {counts['deliveries']} deliveries, {counts['events']} events and {counts['statements']} links?"
    return bool(typer.confirm(question, err=True))


async def _dossier(session: Session, workspace: str, whom: Identifier) -> Dossier:
    from connector.people.dossier import dossier

    workspace_id = await session.workspace_id(workspace)
    if workspace_id is None:
        raise UsageError("which workspace?")
    return await dossier(session.database, workspace_id, whom)


def _named(text: str, kind: str | None) -> Identifier:
    from connector.events import DISPLAY_LENGTH, Identifier, IdentifierKind
    from connector.people.person import named

    text = text.strip()
    if not 0 < len(text) <= DISPLAY_LENGTH or not text.isprintable():
        raise UsageError(f"PERSON is 1 … {DISPLAY_LENGTH} printable characters")
    return Identifier(IdentifierKind(kind), text) if kind else named(text)


def _document(found: Dossier, app_ids: dict[int, str], *, latest: int | None) -> dict[str, Any]:
    """`latest`: of lists, only so many of the newest, without bodies and tries; None is everything."""
    from connector.cli import deliveries as shown
    from connector.cli.events import readable

    last = slice(None) if latest is None else slice(-latest, None)
    person, full = found.person, latest is None
    return {
        "workspace": app_ids[person.workspace_id],
        "identifiers": _listed(person.identifiers),
        "shared": _listed(person.shared),
        "counts": _counts(found),
        "statements": [
            {
                "from": {row["source_kind"]: row["source_value"]},
                "to": {row["target_kind"]: row["target_value"]},
                "firm": row["firm"],
                "first_seen_at": moment(row["first_seen_at"]),
                "said_at": moment(row["said_at"]),
                "former": row["gone_at"] is not None,
            }
            for row in found.statements
        ],
        "deliveries": [
            {
                **shown.document(each.delivery, app_ids),
                "theirs": each.theirs,
                **(
                    {"attempts": [shown.attempt(one) for one in found.attempts.get(each.delivery.id, ())]}
                    if full
                    else {}
                ),
            }
            for each in found.deliveries[last]
        ],
        "events": [
            {
                "id": each.key.hex(),
                "source": each.source,
                "type": each.type,
                "received_at": moment(each.received_at),
                "mention": each.mention.value,
                **({"body": readable(each.body)} if full else {}),
            }
            for each in found.bodies[last]
        ],
    }


def _listed(identifiers: Iterable[Identifier]) -> list[dict[str, str]]:
    return [{each.kind.value: each.value} for each in sorted(identifiers, key=lambda one: (one.kind, one.value))]


def _counts(found: Dossier) -> dict[str, int]:
    return {
        "statements": len(found.statements),
        "deliveries": sum(each.theirs for each in found.deliveries),
        "events": sum(each.mention.value == "about" for each in found.bodies),
        "in_passing": sum(not each.theirs for each in found.deliveries)
        + sum(each.mention.value != "about" for each in found.bodies),
    }


def _write(path: Path, document: dict[str, Any]) -> None:
    """A file that nobody else can read, and that was not there before."""
    import json
    import os

    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        raise UsageError(f"{path} is there already: name another file") from None
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        json.dump(document, file, ensure_ascii=False, indent=2)

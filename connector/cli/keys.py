"""`connector keys`: encryption keys."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import typer

from connector.cli.options import Json
from connector.cli.output import print_json, remark, say, show_item

if TYPE_CHECKING:
    from connector.cli.session import Session

app = typer.Typer(help="Keys that encrypt stored secrets.")


@app.command("new")
def new(*, json: Json = False) -> None:
    """Make a key for CONNECTOR_ENCRYPTION_KEYS. It is shown this once and stored nowhere."""
    from connector.workspaces.vault import Key, new_key

    text = new_key()
    if json:
        print_json({"key": text, "id": Key.parse(text).id.hex()})
        return
    say(text)
    remark("Put it first in CONNECTOR_ENCRYPTION_KEYS; older keys go behind it, after a comma.")


@app.command("rotate")
def rotate(*, json: Json = False) -> None:
    """Re-encrypt every stored secret with the first key. Safe beside the service, and to begin again after a kill."""
    from connector.cli.session import run

    show_item(run(_rotated), as_json=json)
    remark("Once every process has the new key in front, the old one can go from CONNECTOR_ENCRYPTION_KEYS.")


async def _rotated(session: Session) -> dict[str, Any]:
    from rich.progress import Progress

    from connector.cli.output import progress_console
    from connector.workspaces import rotation

    rotated = kept = 0
    with Progress(console=progress_console(), transient=True) as progress:
        for table in rotation.SEALED:
            task = progress.add_task(table.name, total=await session.database.read(rotation.count, table))
            after = 0
            while True:
                step = await session.database.transact(rotation.rotate, session.vault, table, after=after)
                rotated, kept = rotated + step.rotated, kept + step.kept
                if step.last is None:
                    break
                progress.advance(task, rotation.AT_ONCE)
                after = step.last
    return {"key": session.vault.key_ids[0], "rotated": rotated, "already_done": kept}

"""`connector keys`: encryption keys."""

from __future__ import annotations

import typer

from connector.cli.options import Json
from connector.cli.output import print_json, remark, say

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

"""`python -m connector.sandbox --port 8099 --workspace APP_ID=TOKEN`: a sandbox as a process of its own."""

from __future__ import annotations

import argparse
from pathlib import Path

from connector.sandbox.server import HOST, serve
from connector.sandbox.settings import SandboxSettings, WorkspaceSettings


def main() -> None:
    """Read the command line and serve; the first line of output is the URL."""
    options = _parser().parse_args()
    workspaces = [_workspace(text, create_contacts=options.create_contacts) for text in options.workspace or []]
    settings = SandboxSettings(
        workspaces=tuple(workspaces) or (WorkspaceSettings(create_contacts=options.create_contacts),),
        ledger=options.ledger,
    )
    serve(options.host, options.port, settings, on_start=lambda url: print(url, flush=True))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m connector.sandbox", description=__doc__)
    parser.add_argument("--host", default=HOST)
    parser.add_argument("--port", type=int, default=0, help="0 takes a free one")
    parser.add_argument("--workspace", action="append", metavar="APP_ID=TOKEN", help="may be given several times")
    parser.add_argument("--ledger", type=Path, help="JSON-lines file that keeps all that was received")
    parser.add_argument("--create-contacts", action="store_true", help="an event for an unknown person creates them")
    return parser


def _workspace(text: str, *, create_contacts: bool) -> WorkspaceSettings:
    app_id, _, token = text.partition("=")
    return WorkspaceSettings(app_id=app_id, token=token or app_id, create_contacts=create_contacts)


if __name__ == "__main__":
    main()

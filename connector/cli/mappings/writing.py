"""`mappings new` and `schema`: for who writes entries."""

from __future__ import annotations

import typer

from connector.cli.output import print_json


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.command("schema")(schema)


def schema() -> None:
    """Print the JSON Schema of mapping files, by which editors complete and check them."""
    from connector.mapping.schema import json_schema

    print_json(json_schema())

"""The format of mapping files as JSON Schema, from the models themselves: editors complete and check with it."""

from __future__ import annotations

from typing import Any

from connector.mapping.document import Document

DIALECT = "https://json-schema.org/draft/2020-12/schema"


def json_schema() -> dict[str, Any]:
    """One document of a mapping file."""
    return {"$schema": DIALECT, **Document.model_json_schema(by_alias=True), "title": "Connector mapping"}

"""The keys of mapping files as tables, from the models themselves: the reference part of docs/mappings.md."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from connector.mapping.document import Defaults, Derive, Document, Event, Example, Gives, Keep, Metadata, Switch
from connector.mapping.forms import FORMS
from connector.mapping.functions import FUNCTIONS
from connector.mapping.schema import json_schema
from connector.mapping.values import Form

_MODELS: tuple[tuple[str, type[Form]], ...] = (
    ("a document", Document),
    ("its `defaults`", Defaults),
    ("an event", Event),
    ("an event that turns another on or off", Switch),
    ("a `name` that is kept", Keep),
    ("a `name` that is derived", Derive),
    ("`metadata`, beside the keys of your own", Metadata),
    ("an example", Example),
    ("what an example `gives`", Gives),
    *((f"a value, `{{{name}: …}}`", form) for name, form in FORMS.items()),
)
_LOOKUP = "an expression, `{template: …}` or `{constant: …}`, or a list of them"
_OBJECTS = {"defaults": "keys and values", "metadata": "keys and values", "event": "events", "gives": "keys and values"}


def reference() -> str:
    """Markdown: a table for each kind of object, and the functions."""
    schema = json_schema()
    tables = [_table(title, model, schema) for title, model in _MODELS]
    functions = "\n".join(f"| `{each.signature}` | {each.about} |" for each in FUNCTIONS.values())
    return "\n\n".join([*tables, f"| function | |\n|---|---|\n{functions}"]) + "\n"


def _table(title: str, model: type[Form], schema: Mapping[str, Any]) -> str:
    known = schema if model is Document else schema["definitions"][model.__name__]
    rows = "\n".join(_rows(model, known))
    return f"| key of {title} | takes | |\n|---|---|---|\n{rows}"


def _rows(model: type[Form], schema: Mapping[str, Any]) -> Iterator[str]:
    for name, field in model.model_fields.items():
        key = field.alias or name
        told = schema["properties"][key]
        required = "**required**; " if field.is_required() else ""
        yield f"| `{key}` | {required}{_takes(told)} | {_cell(told['description'])} |"


def _takes(schema: Mapping[str, Any]) -> str:
    """What a key takes, in words."""
    if "const" in schema:
        return f"`{schema['const']}`"
    if "enum" in schema:
        return " or ".join(f"`{word}`" for word in schema["enum"])
    for choice in ("anyOf", "oneOf"):
        if choice in schema:
            return " or ".join(dict.fromkeys(_takes(each) for each in schema[choice]))
    if "allOf" in schema:
        return _takes(schema["allOf"][0])
    if reference := schema.get("$ref"):
        name = reference.rpartition("/")[2]
        if name == "Lookup":
            return _LOOKUP
        return _OBJECTS.get(name.lower()) or f"`{{{name.lower()}: …}}`"
    return _plain(schema)


def _plain(schema: Mapping[str, Any]) -> str:
    match schema.get("type"):
        case "array":
            return "a list" if "$ref" in str(schema.get("items")) else f"a list of {_takes(schema['items'])}"
        case "object":
            return "keys and values"
        case "boolean":
            return "`true` or `false`"
        case "integer" | "number":
            return "a number"
        case _:
            return "an expression" if schema.get("format") == "jmespath" else "text"


def _cell(text: str) -> str:
    return text.replace("|", "\\|")

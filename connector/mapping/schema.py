"""The format of mapping files as JSON Schema, from the models themselves: editors complete and check with it.

Draft 7, which is what yaml-language-server (VS Code and most other editors) understands:
https://github.com/redhat-developer/yaml-language-server. `mappings/schema.json` is this, kept equal by a test.
"""

from __future__ import annotations

from typing import Any

from connector.mapping.document import Document
from connector.mapping.event_name import MAX_NAME, NAME_FORM
from connector.mapping.expression import MAX_LENGTH
from connector.mapping.keys import MAX_KEY

DIALECT = "http://json-schema.org/draft-07/schema#"

_LOOKUP = "Lookup"
_EXAMPLES: dict[str, list[Any]] = {
    "version": [1],
    "source": ["stripe", "segment"],
    "trigger": ["invoice.paid", "track Order Completed", ["invoice.paid", "invoice.payment_succeeded"]],
    "name": ["paid-invoice", {"keep": "Order Completed"}, {"derive": "event"}],
    "when": ["data.object.amount_paid > `0`"],
    "created_at": ["data.object.status_transitions.paid_at"],
    "once": ["data.object.id"],
    "contact": [{"user_id": "userId", "email": "context.traits.email"}],
    "metadata": [{"price": {"money": "data.object.amount_paid", "currency": "data.object.currency"}}],
    "enabled": [False],
    "description": ["An invoice was paid, by card or otherwise."],
    "vars": [{"amount": "data.object.amount_paid"}],
    "id": ["stripe:paid-invoice"],
}
"""What editors offer for a key."""

_ABOUT = {"constant": "the text or number", "template": "the text"}


def json_schema() -> dict[str, Any]:
    """One document of a mapping file."""
    model = Document.model_json_schema(by_alias=True)
    definitions = model.pop("$defs")
    lookup = _shared_lookup(definitions)
    tidied = {name: _tidied(schema, lookup) for name, schema in definitions.items()}
    shared = _tidied(lookup, None)
    _stricter_names(tidied["Event"]["properties"])
    _stricter_values(shared, tidied)
    head = {"$schema": DIALECT, "title": "Connector mapping", **_tidied(model, lookup)}
    return {**head, "definitions": {_LOOKUP: shared, **tidied}}


def _shared_lookup(definitions: dict[str, Any]) -> dict[str, Any]:
    """How one value is looked for, which stands in dozens of places: told once."""
    shown: dict[str, Any] = definitions["Date"]["properties"]["date"]
    return {key: value for key, value in shown.items() if key != "title"}


def _tidied(schema: Any, lookup: Any) -> Any:  # noqa: ANN401 - JSON
    """Without pydantic's titles and nulls, in the words of draft 7."""
    if isinstance(schema, list):
        return [_tidied(item, lookup) for item in schema]
    if not isinstance(schema, dict):
        return schema
    if "anyOf" in schema:
        schema = _without_null(schema)
    if lookup is not None and all(schema.get(key) == value for key, value in lookup.items()):
        rest = {key: value for key, value in schema.items() if key not in lookup and key != "title"}
        reference = {"$ref": f"#/definitions/{_LOOKUP}"}
        return {"allOf": [reference], **rest} if rest else reference
    if "properties" in schema:
        schema = {**schema, "properties": {k: _property(k, v) for k, v in schema["properties"].items()}}
    kept = {key: value for key, value in schema.items() if not _is_noise(key, value)}
    if isinstance(kept.get("$ref"), str):
        kept["$ref"] = kept["$ref"].replace("#/$defs/", "#/definitions/")
        if len(kept) > 1:
            kept = {"allOf": [{"$ref": kept.pop("$ref")}], **kept}
    return {key: _tidied_below(key, value, lookup) for key, value in kept.items()}


def _tidied_below(key: str, value: Any, lookup: Any) -> Any:  # noqa: ANN401
    if key in ("examples", "enum"):
        return value
    if key == "properties":
        return {name: _tidied(child, lookup) for name, child in value.items()}
    return _tidied(value, lookup)


def _property(name: str, schema: dict[str, Any]) -> dict[str, Any]:
    """A key with a sentence and, where there are some, examples of its value."""
    more: dict[str, Any] = {"examples": _EXAMPLES[name]} if name in _EXAMPLES else {}
    if "description" not in schema:
        more["description"] = _ABOUT.get(name, f"where the {name} is to be found")
    return {**schema, **more}


def _is_noise(key: str, value: object) -> bool:
    return (key == "title" and isinstance(value, str)) or (key == "default" and value in (None, {}, [], ()))


def _without_null(schema: dict[str, Any]) -> dict[str, Any]:
    """A key with nothing behind it is a mistake, whatever the models' own defaults are."""
    choices = [choice for choice in schema["anyOf"] if choice != {"type": "null"}]
    rest = {key: value for key, value in schema.items() if key != "anyOf"}
    return {**choices[0], **rest} if len(choices) == 1 and "$ref" not in choices[0] else {**rest, "anyOf": choices}


def _stricter_names(properties: dict[str, Any]) -> None:
    """What the form of a name is: editors mark `Invoice Paid` while it is typed."""
    for choice in properties["name"]["oneOf"]:
        if choice.get("type") == "string":
            choice.update(pattern=f"^{NAME_FORM}$", maxLength=MAX_NAME)
    properties["trigger"].pop("minLength", None)
    for choice in properties["trigger"]["anyOf"]:
        choice.update({"minItems": 1} if choice.get("type") == "array" else {"minLength": 1})


def _stricter_values(lookup: dict[str, Any], definitions: dict[str, Any]) -> None:
    """What the models check by hand and a schema can say, too."""
    one, many = lookup["oneOf"]
    many["minItems"] = 1
    for choices in (one["oneOf"], many["items"]["oneOf"]):
        for choice in choices:
            choice.update({"minLength": 1, "maxLength": MAX_LENGTH} if choice.get("type") == "string" else {})
    for model in ("Event", "Defaults"):
        definitions[model]["properties"]["vars"]["propertyNames"] = {"pattern": "^[A-Za-z_][A-Za-z0-9_]*$"}
    definitions["Example"]["oneOf"] = [{"required": ["file"]}, {"required": ["payload"]}]
    definitions["Metadata"].update(
        dependencies={"only": ["each"]},
        propertyNames={"pattern": "^[^.$~`!@#%^&*'{}|\"]*$", "minLength": 1, "maxLength": MAX_KEY},
    )

"""Checks requests and answers against Intercom's own OpenAPI description, for the sandbox and for our client.

    from tests.sandbox.intercom_spec import assert_request_matches_spec

Where the description is known to be wrong, the correction is listed here with its reason, and a test says that it is
still needed. Skips by name when the description is not beside the checkout.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import pytest
import yaml
from jsonschema import Draft202012Validator
from referencing import Registry, Resource
from referencing.jsonschema import DRAFT202012

FILE = Path(__file__).parents[2].parent / "shared" / "data" / "intercom-openapi.yaml"
BASE = "urn:intercom"

# Answers Intercom is known to give and does not describe. Where there is no schema, the error schema holds.
UNDECLARED: Mapping[tuple[str, str, int], str] = {
    ("POST", "/events", 400): "an event that lacks something or is no JSON; described in the error pages only",
    ("POST", "/events", 403): "the token's scope is missing; the text of the operation says so, its responses do not",
    ("POST", "/events", 404): "User Not Found; the text of the operation says so, its responses do not",
    ("POST", "/events", 409): "several users have this email; the error pages say so",
    ("POST", "/events", 422): "more than 120 event names; seen in the wild",
    ("POST", "/events", 429): "the rate-limit page says so for every operation",
    ("GET", "/events", 404): "User Not Found, as for POST",
    ("POST", "/contacts", 400): "neither email nor external_id nor role; the error pages say so",
    ("POST", "/contacts", 409): "a contact matching those details exists; a pull request to the description is open",
    ("GET", "/contacts/{contact_id}", 404): "User Not Found; only 410 is described",
    ("GET", "/contacts/find_by_external_id/{external_id}", 404): "User Not Found; only 410 is described",
}

# Schemas that contradict Intercom's own text, by the pointer to what is wrong, and what it should be.
CORRECTIONS: Mapping[str, tuple[object, str]] = {
    "components/schemas/create_data_event_request/properties/metadata/additionalProperties": (
        True,
        "typed as text only, while the text lists numbers, rich links and money; the Preview description was corrected",
    ),
    "components/schemas/data_event/properties/metadata/additionalProperties": (True, "the same, in what is listed"),
    "components/schemas/data_event_summary/properties/type/enum": (
        ["event.summary", "event.list"],
        "GET /events answers a list or a summary, but only the summary is described",
    ),
    "components/schemas/contact/properties/email/type": (
        ["string", "null"],
        "a contact may have no email; every other optional field is nullable",
    ),
}

# Keys that Intercom's examples show and its schemas do not describe.
IN_EXAMPLES_ONLY = frozenset({"pages", "opted_out_subscription_types"})


def assert_request_matches_spec(method: str, path: str, body: object) -> None:
    """`body`, read from JSON, is what the description allows for `method` on `path` (which may have a query)."""
    schema = ("requestBody", "content", "application/json", "schema")
    _assert_valid(body, (*_operation(method, path), *schema))


def assert_answer_matches_spec(method: str, path: str, status: int, body: object) -> None:
    """`body`, read from JSON or None where there was none, is what the description says of that status."""
    operation = _operation(method, path)
    response = _at((*operation, "responses")).get(str(status))
    if response is None:
        assert (method, operation[1], status) in UNDECLARED, f"{method} {operation[1]} does not describe {status}"
        _assert_valid(body, ("components", "schemas", "error"))
    elif "content" not in response:
        assert body is None, f"{method} {path} answers {status} with a body that is not described"
    else:
        schema = ("responses", str(status), "content", "application/json", "schema")
        _assert_valid(body, (*operation, *schema))


def raw_spec() -> dict[str, Any]:
    """The description as it is published."""
    if not FILE.exists():
        pytest.skip("shared/data/intercom-openapi.yaml is not beside the checkout")
    return _read()


@cache
def _read() -> dict[str, Any]:
    return yaml.load(FILE.read_text(encoding="utf-8"), Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))


def lookup(document: Any, parts: tuple[str, ...]) -> Any:
    """What is at that place of `document`."""
    for part in parts:
        document = document[part]
    return document


@cache
def _schemas() -> dict[str, Any]:
    """The description as JSON Schema of today: corrected, and `nullable` said with types."""
    corrected = _as_json_schema(raw_spec())
    for pointer, (value, _) in CORRECTIONS.items():
        *place, last = pointer.split("/")
        lookup(corrected, tuple(place))[last] = value
    return corrected


def _as_json_schema(node: Any) -> Any:
    if isinstance(node, list):
        return [_as_json_schema(item) for item in node]
    if not isinstance(node, dict):
        return node
    shown = {str(key): _as_json_schema(value) for key, value in node.items()}
    if shown.pop("nullable", False) is not True:
        return shown
    if isinstance(shown.get("type"), str) and "enum" not in shown:
        return shown | {"type": [shown["type"], "null"]}
    return {"anyOf": [shown, {"type": "null"}]}


def _at(place: tuple[str, ...]) -> Any:
    return lookup(_schemas(), place)


def _operation(method: str, path: str) -> tuple[str, str, str]:
    """Where the operation is described. Literal paths go before those with parameters."""
    wanted = path.partition("?")[0].split("/")
    fitting = [template for template in _at(("paths",)) if _fits(template.split("/"), wanted)]
    fitting = [template for template in fitting if method.lower() in _at(("paths", template))]
    assert fitting, f"{method} {path} is not in Intercom's description"
    return "paths", min(fitting, key=lambda template: template.count("{")), method.lower()


def _fits(template: list[str], wanted: list[str]) -> bool:
    if len(template) != len(wanted):
        return False
    return all(part.startswith("{") or part == unquote(given) for part, given in zip(template, wanted, strict=True))


def _assert_valid(body: object, place: tuple[str, ...]) -> None:
    pointer = "/".join(part.replace("~", "~0").replace("/", "~1") for part in place)
    registry = Registry().with_resource(BASE, Resource(contents=_schemas(), specification=DRAFT202012))
    validator = Draft202012Validator({"$ref": f"{BASE}#/{pointer}"}, registry=registry)
    problems = [f"{'.'.join(map(str, error.path))}: {error.message}" for error in validator.iter_errors(body)]
    assert not problems, problems
    if isinstance(body, dict):
        undescribed = body.keys() - set(_property_names(_at(place))) - IN_EXAMPLES_ONLY
        assert not undescribed, f"{'/'.join(place)} does not describe {undescribed}"


def _property_names(schema: Mapping[str, Any]) -> Iterator[str]:
    """The names a schema knows at its first level, through references and combinations."""
    if "$ref" in schema:
        yield from _property_names(_at(tuple(schema["$ref"].removeprefix("#/").split("/"))))
    yield from schema.get("properties", {})
    for combination in ("allOf", "oneOf", "anyOf"):
        for part in schema.get(combination, []):
            yield from _property_names(part)

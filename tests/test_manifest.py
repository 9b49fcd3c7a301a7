"""app.json is what its models say, and says nothing that is not so."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from connector import manifest
from connector.errors import ManifestError
from connector.inbox.sources import SOURCES
from connector.manifest import Manifest
from connector.settings import Settings

SHIPPED = Path(__file__).parents[1] / "app.json"


@pytest.fixture
def content() -> dict[str, Any]:
    found: dict[str, Any] = json.loads(SHIPPED.read_text("utf-8"))
    return found


def write(folder: Path, content: object) -> Path:
    file = folder / "app.json"
    file.write_text(json.dumps(content), "utf-8")
    return file


def test_the_shipped_file_is_read_and_is_the_one_in_the_checkout() -> None:
    assert manifest.path() == SHIPPED
    assert manifest.load().name


def test_the_shipped_file_keeps_to_the_json_schema_of_its_models(content: dict[str, Any]) -> None:
    schema = Manifest.model_json_schema()
    jsonschema.Draft202012Validator.check_schema(schema)
    jsonschema.validate(content, schema)


def test_the_json_schema_refuses_what_the_models_refuse(content: dict[str, Any]) -> None:
    content["secret"] = "whsec_1"
    with pytest.raises(jsonschema.ValidationError, match="secret"):
        jsonschema.validate(content, Manifest.model_json_schema())


def test_each_source_has_its_webhook_path() -> None:
    assert manifest.load().webhooks == {name: f"/webhooks/{name}/{{token}}" for name in SOURCES}


def test_the_api_version_is_the_one_that_is_asked_for() -> None:
    assert manifest.load().intercom.api_version == Settings.model_fields["intercom_version"].default


@pytest.mark.parametrize(
    ("place", "value", "wrong"),
    [
        (("name",), "Stripe for Intercom", "name: .*must not contain"),
        (("name",), "A name of far more than forty characters in all", "name: .*40"),
        (("short_description",), "x" * 71, "short_description: .*70"),
        (("health", "ready"), "https://connector.acme.org/readyz", "health.ready: "),
        (("long_description",), "See https://acme.org", "long_description: '://'"),
        (("built_by",), "TODO", "built_by: 'TODO'"),
        (("intercom", "scopes", 0, "why"), "<reason>", "intercom.scopes.0.why: '<reason>'"),
        (("intercom", "regions"), ["us", "mars"], "intercom.regions.1"),
        (
            ("stripe", "permissions"),
            [{"resource": "Events", "access": "all", "why": "?"}],
            "stripe.permissions.0.access",
        ),
    ],
)
def test_what_is_wrong_is_named_with_its_place(
    tmp_path: Path, content: dict[str, Any], place: tuple[str | int, ...], value: object, wrong: str
) -> None:
    part: Any = content
    for step in place[:-1]:
        part = part[step]
    part[place[-1]] = value
    with pytest.raises(ManifestError, match=wrong):
        manifest.load(write(tmp_path, content))


@pytest.mark.parametrize(
    ("text", "wrong"),
    [("", "cannot be read"), ("{", "cannot be read"), ("[]", "all of it: "), ('{"name": NaN}', "name: ")],
)
def test_what_is_no_manifest_at_all_is_refused(tmp_path: Path, text: str, wrong: str) -> None:
    file = tmp_path / "app.json"
    file.write_text(text, "utf-8")
    with pytest.raises(ManifestError, match=wrong):
        manifest.load(file)


def test_a_missing_file_is_said(tmp_path: Path) -> None:
    with pytest.raises(ManifestError, match="cannot be read"):
        manifest.load(tmp_path / "app.json")

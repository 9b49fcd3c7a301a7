"""app.json is what its models say, and says nothing that is not so."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from connector import manifest
from connector.appstore.developer_hub import Operator, fields, gaps
from connector.appstore.notification import OPTIONAL_TOPICS, TOPICS
from connector.errors import ManifestError
from connector.inbox.sources import SOURCES
from connector.sandbox import Sandbox
from connector.settings import Settings
from connector.stripe_api.account import PERMISSIONS
from tests.appstore.deployment import deployed, sandbox_settings

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
    schema = manifest.schema()
    jsonschema.Draft202012Validator.check_schema(schema)
    jsonschema.validate(content, schema)


def test_the_json_schema_refuses_what_the_models_refuse(content: dict[str, Any]) -> None:
    content["secret"] = "whsec_1"
    with pytest.raises(jsonschema.ValidationError, match="secret"):
        jsonschema.validate(content, manifest.schema())


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
    [
        ("", "cannot be read"),
        ("{", "cannot be read"),
        ("[]", "all of it: "),
        ('{"$schema": "./app.schema.json", "name": NaN}', "name: "),
    ],
)
def test_what_is_no_manifest_at_all_is_refused(tmp_path: Path, text: str, wrong: str) -> None:
    file = tmp_path / "app.json"
    file.write_text(text, "utf-8")
    with pytest.raises(ManifestError, match=wrong):
        manifest.load(file)


def test_a_missing_file_is_said(tmp_path: Path) -> None:
    with pytest.raises(ManifestError, match="cannot be read"):
        manifest.load(tmp_path / "app.json")


def test_the_json_schema_in_the_checkout_is_that_of_the_models() -> None:
    committed = json.loads(SHIPPED.with_name("app.schema.json").read_text("utf-8"))
    assert committed == manifest.schema(), "write it anew: connector.manifest.schema() to app.schema.json"


async def test_every_path_leads_to_a_route(sqlite_url: str) -> None:
    async with Sandbox(sandbox_settings()) as sandbox, deployed(sqlite_url, sandbox) as deployment:
        routes = {
            (route.method, route.resource.canonical)
            for route in deployment.service.application().router.routes()
            if route.resource is not None
        }
    found = manifest.load()
    intercom, links = found.intercom, found.links
    gets = [*(getattr(links, name) for name in type(links).model_fields), found.health.alive, found.health.ready]
    gets += [intercom.install, intercom.redirect]
    posts = [intercom.uninstall, intercom.health_check, intercom.webhooks, intercom.canvas.initialize]
    posts += [intercom.canvas.submit, *found.webhooks.values()]
    assert [path for path in gets if ("GET", path) not in routes] == []
    assert [path for path in posts if ("POST", path) not in routes] == []
    assert ("HEAD", intercom.webhooks) in routes  # Intercom asks by it before it takes the address


def test_every_topic_is_one_that_is_handled_as_it_says() -> None:
    intercom = manifest.load().intercom
    for topics, handled in ((intercom.topics, TOPICS), (intercom.optional_topics, OPTIONAL_TOPICS)):
        assert {each.topic: each.handler for each in topics} == {topic: str(means) for topic, means in handled.items()}


def test_every_topics_scope_is_asked_for_and_no_optional_one_is() -> None:
    intercom = manifest.load().intercom
    asked = {scope.name for scope in intercom.scopes}
    assert {topic.scope for topic in intercom.topics} <= asked
    optional = {scope.name for scope in intercom.optional_scopes}
    assert {topic.scope for topic in intercom.optional_topics} <= optional
    assert optional == {"Write users and companies", "Read events"}
    assert not optional & (asked | {scope.name for scope in intercom.canvas_scopes})


def test_the_stripe_permissions_are_those_that_are_checked() -> None:
    told = [(each.resource, each.access, each.why) for each in manifest.load().stripe.permissions]
    assert told == [(each.resource, each.access, each.why) for each in PERMISSIONS]


def test_every_picture_is_there_and_is_as_large_as_a_listing_wants() -> None:
    found = manifest.load()
    for image, size in [(found.icon, (512, 512)), *((each, (1600, 900)) for each in found.images)]:
        header = (SHIPPED.parent / "art" / image.file).read_bytes()[:24]
        assert header[:8] == b"\x89PNG\r\n\x1a\n"
        assert (int.from_bytes(header[16:20]), int.from_bytes(header[20:24])) == size


@pytest.mark.parametrize(
    ("operator", "gap"),
    [
        (Operator(None, "Northwind Labs", "help@northwind-labs.io"), "BASE_URL is not set"),
        (Operator("http://connector.northwind-labs.io", "Northwind Labs", "help@northwind-labs.io"), "not https"),
        (Operator("https://connector.example.com", "Northwind Labs", "help@northwind-labs.io"), "cannot reach"),
        (Operator("https://127.0.0.1", "Northwind Labs", "help@northwind-labs.io"), "cannot reach"),
        (Operator("https://c.northwind-labs.io", "Your Company", "help@northwind-labs.io"), "OPERATOR"),
        (Operator("https://c.northwind-labs.io", None, "help@northwind-labs.io"), "OPERATOR"),
        (Operator("https://c.northwind-labs.io", "Northwind Labs", "help@example.com"), "is an example"),
        (Operator("https://c.northwind-labs.io", "Northwind Labs", None), "SUPPORT_EMAIL is not set"),
    ],
)
def test_what_was_only_meant_as_an_example_stands_in_the_way_of_publishing(operator: Operator, gap: str) -> None:
    (found,) = gaps(operator)
    assert gap in found


def test_the_developer_hub_is_told_whole_addresses_and_all_topics() -> None:
    assert gaps(Operator("https://c.northwind-labs.io", "Northwind Labs", "help@northwind-labs.io")) == []
    app = manifest.load()
    rows = fields(app, "https://c.northwind-labs.io")
    entered = {row.name: row.value for row in rows}
    assert entered["Redirect URL"] == "https://c.northwind-labs.io/oauth/callback"
    assert entered["Endpoint URL"] == "https://c.northwind-labs.io/intercom/webhooks"
    assert [row.value for row in rows if row.name == "Topic"] == [topic.topic for topic in app.intercom.topics]
    assert [row.value for row in rows if row.name == "Topic, only with Read events"] == ["event.created"]
    assert len([row for row in rows if row.name == "Permission"]) == 6

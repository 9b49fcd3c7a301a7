"""A matrix over every route of set-up and everything Intercom calls: what is workspace A's never reaches B's data."""

from __future__ import annotations

from dataclasses import dataclass

import pytest

from connector.appstore.setup import endpoint as endpoint_page
from connector.sandbox import Sandbox
from connector.workspaces import endpoints
from connector.workspaces.endpoints import Endpoint
from tests.appstore.deployment import Browser, Deployment, deployed, sandbox_settings


@dataclass
class Two:
    """Acme and Bolt, each with a Segment connection, and Acme's browser."""

    deployment: Deployment
    acme: Browser
    theirs: Endpoint
    secrets: list[str]

    async def bolts(self) -> Endpoint:
        parts = self.deployment.service.front.health_check.parts
        return await self.deployment.service.database.read(endpoints.get, parts.vault, self.theirs.id)


async def make(deployment: Deployment) -> Two:
    acme, bolt = deployment.browser(), deployment.browser()
    for browser, name in ((acme, "acme"), (bolt, "bolt")):
        await browser.install(name)
        await browser.get("/setup/segment")
        page = await browser.post("/setup/segment", label=f"Website of {name}", way="tracking")
    number = int(page.url.path.rpartition("/")[2])
    parts = deployment.service.front.health_check.parts
    theirs = await deployment.service.database.read(endpoints.get, parts.vault, number)
    secrets = [theirs.token, *theirs.signing_secrets, *theirs.browser_keys, "Website of bolt", "bolt-token"]
    return Two(deployment, acme, theirs, secrets)


def setup_routes(deployment: Deployment) -> list[tuple[str, str]]:
    """(method, path) of every route of set-up."""
    routes = deployment.service.application().router.routes()
    found = {(route.method, route.resource.canonical) for route in routes if route.resource is not None}
    return sorted((method, path) for method, path in found if path.startswith("/setup") and method != "HEAD")


async def test_no_route_of_set_up_shows_or_changes_anything_of_another_workspace(deployment: Deployment):
    two = await make(deployment)
    before = await two.bolts()
    routes = setup_routes(deployment)
    assert len(routes) >= 17
    for method, path in routes:
        if path == "/setup/leave":
            continue
        await two.acme.get("/setup")
        filled = path.replace("{id}", str(two.theirs.id)).replace("{link}", "x" * 60)
        fields = {
            "workspace": "bolt", "workspace_id": str(two.theirs.workspace_id), "app_id": "bolt", "sure": "yes",
            "label": "Mine", "way": "webhook", "mode": "live", "listed": "x", "secret": "whsec_12345678", "key": "rk_x",
        }  # fmt: skip
        page = await (two.acme.get(filled) if method == "GET" else two.acme.post(filled, **fields))
        if "{id}" in path:
            assert page.status == 404, (method, path)
        assert [secret for secret in two.secrets if secret in page.text] == [], (method, path)
        assert "bolt" not in page.words.lower(), (method, path)
    assert await two.bolts() == before
    bolt = await deployment.workspace("bolt")
    assert bolt is not None
    assert (bolt.mode, dict(bolt.settings)) == ("watching", {})


async def test_no_route_of_set_up_opens_without_a_session_or_with_one_that_is_made_up(one_deployment: Deployment):
    two = await make(one_deployment)
    for token in (
        None,
        "",
        "1",
        "1.x",
        f"{two.theirs.workspace_id}.{'A' * 43}",
        "9" * 200,
        "-1.x",
        "\u0661.x",
        "1.x;y",
    ):
        for method, path in setup_routes(one_deployment):
            if "enter" in path or "static" in path:
                continue
            filled = path.replace("{id}", str(two.theirs.id))
            headers = {"Cookie": f"__Host-connector-setup={token}".encode().decode("latin-1")} if token else {}
            headers["Origin"] = one_deployment.address
            url = one_deployment.address + filled
            async with one_deployment.http.request(method, url, headers=headers, data=b"") as answer:
                assert answer.status in (401, 400), (token, method, path)
                text = await answer.text()
                assert not any(secret in text for secret in two.secrets)


@pytest.mark.parametrize(
    "origin", ["https://evil.example", "null", "", "http://127.0.0.1", "HTTP://127.0.0.1:1", "javascript:alert(1)"]
)
async def test_a_form_of_another_site_is_not_taken_even_with_the_token(one_deployment: Deployment, origin: str):
    browser = one_deployment.browser()
    await browser.install("acme")
    page = await browser.get("/setup/segment")
    page = await browser._do(
        "POST", "/setup/segment", data={"csrf": page.csrf, "label": "x", "way": "webhook"}, headers={"Origin": origin}
    )
    assert page.status == 403
    assert "Nothing was changed" in page.words


@pytest.mark.parametrize("csrf", ["", "0" * 32, "x" * 5_000, "\u00e9"])
async def test_a_form_without_its_sessions_token_is_not_taken(one_deployment: Deployment, csrf: str):
    browser = one_deployment.browser()
    await browser.install("acme")
    assert (await browser.post("/setup/segment", csrf=csrf, label="x", way="webhook")).status == 403


async def test_a_token_of_another_session_is_not_taken(one_deployment: Deployment):
    one, other = one_deployment.browser(), one_deployment.browser()
    await one.install("acme")
    await other.install("acme")
    theirs = (await other.get("/setup/segment")).csrf
    assert (await one.post("/setup/segment", csrf=theirs, label="x", way="webhook")).status == 403


async def test_what_is_no_form_is_not_taken(one_deployment: Deployment):
    browser = one_deployment.browser()
    await browser.install("acme")
    for body, kind in (
        (b"{}", "application/json"),
        (b"\xff\xfe=1", "application/x-www-form-urlencoded"),
        (b"a=1&" * 600, "application/x-www-form-urlencoded"),
        (b"a=" + b"x" * 70_000, "application/x-www-form-urlencoded"),
        (b"--x\r\n\r\n--x--", "multipart/form-data; boundary=x"),
    ):
        headers = {"Content-Type": kind, "Origin": browser.address}
        page = await browser._do("POST", "/setup/segment", data=body, headers=headers)
        assert page.status in (400, 403), kind
    assert "Nothing is connected yet" in (await browser.get("/setup")).words


@pytest.mark.parametrize("number", ["0", "2147483648", "9999999999"])
async def test_an_id_that_nobody_has_is_a_page_that_says_so(one_deployment: Deployment, number: str):
    browser = one_deployment.browser()
    await browser.install("acme")
    page = await browser.get(f"/setup/endpoints/{number}")
    assert page.status == 404
    assert "no such connection" in page.words


async def test_pages_allow_no_script_no_frame_and_no_cache(one_deployment: Deployment):
    browser = one_deployment.browser()
    await browser.install("acme")
    for path in ("/setup", "/about/privacy", "/setup/enter/x", "/setup/endpoints/1"):
        page = await browser.get(path)
        policy = page.headers["content-security-policy"]
        assert "default-src 'none'" in policy
        assert "frame-ancestors 'none'" in policy
        assert "unsafe" not in policy
        assert "<script" not in page.text
        assert " style=" not in page.text
        assert page.headers["cache-control"] == "no-store"
        assert page.headers["x-content-type-options"] == "nosniff"


async def test_generated_secrets_are_shown_for_ten_minutes_and_then_never(sqlite_url: str, monkeypatch):
    async with Sandbox(sandbox_settings()) as sandbox, deployed(sqlite_url, sandbox) as deployment:
        browser = deployment.browser()
        await browser.install("acme")
        await browser.get("/setup/segment")
        page = await browser.post("/setup/segment", label="x", way="webhook")
        secret = page.value("secret")
        monkeypatch.setattr(endpoint_page, "SHOWN_MS", 0)
        later = await browser.get(page.url.path)
        assert secret not in later.text
        assert "not shown any more" in later.words


async def test_intercom_naming_another_workspace_is_answered_for_that_one_only(one_deployment: Deployment):
    """Intercom signs for the app, not for a workspace: who has the secret is Intercom. Without it nothing is told."""
    await make(one_deployment)
    for path in ("/intercom/canvas/initialize", "/intercom/health", "/intercom/uninstall"):
        status, answer = await one_deployment.intercom(path, {"workspace_id": "bolt"}, secret="not-the-secret")
        assert (status, answer) == (401, {"error": "bad_signature"})
    assert (await one_deployment.workspace("bolt")) is not None

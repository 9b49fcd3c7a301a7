"""The console in a real browser: the tasks that people open it for, each from signing in, by what the pages show.

Every page is looked at by axe (contrast, labels, keyboard) in light and dark; whatever the browser's console says, the
content policy's reports among it, fails the test.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from tests.appstore.deployment import free_port
from tests.browser.conftest import SIZES, fits, screenshot
from tests.console.deployment import PASSWORD, Deployment, deployed, invoice
from tests.console.oidc_provider import provider
from tests.console.oidc_provider import settings as oidc_settings
from tests.console.proxy import certificate, https_proxy

RULES = {"runOnly": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "best-practice"]}


@pytest.fixture
async def deployment(sqlite_url: str) -> AsyncIterator[Deployment]:
    async with deployed(sqlite_url) as found:
        yield found


async def sign_in(page: Any, deployment: Deployment, name: str = "ada") -> None:
    await page.goto(f"{deployment.address}/console/")
    await page.get_by_label("Name").fill(name)
    await page.get_by_label("Password").fill(PASSWORD)
    await page.get_by_role("button", name="Sign in").click()
    await page.wait_for_url("**/console/")


async def accessible(page: Any) -> None:
    axe = pytest.importorskip("axe_playwright_python.async_playwright").Axe()
    found = await axe.run(page, options=RULES)
    violations = found.response["violations"]
    told = [(each["id"], each["help"], [node["html"][:200] for node in each["nodes"]][:3]) for each in violations]
    assert told == [], page.url


async def seen(page: Any, name: str) -> None:
    """Fits, is accessible in both colours, and is kept for people to look at."""
    for scheme in ("dark", "light"):
        await page.emulate_media(color_scheme=scheme)
        await accessible(page)
        await screenshot(page, f"console-{name}-{scheme}")
    assert await fits(page)


async def test_why_one_customers_event_did_not_arrive(browser_page: Any, deployment: Deployment):
    page = browser_page
    await deployment.stripe(invoice())
    await deployment.stripe(invoice(customer_email="grace@elsewhere.io"))
    await deployment.settled()
    await sign_in(page, deployment, "otto")
    await seen(page, "overview")
    await page.get_by_role("link", name="Deliveries", exact=True).click()
    await page.get_by_label("Find").fill("grace@elsewhere.io")
    await page.get_by_role("button", name="Search").click()
    await seen(page, "found")
    await page.get_by_role("link", name="paid-invoice").click()
    text = await page.locator("main").inner_text()
    assert "Intercom does not know the contact" in text
    assert "create the contact in Intercom" in text
    assert "status 404" in text
    await seen(page, "delivery")

    deployment.sandbox.add_contact(workspace="acme", external_id="grace", email="grace@elsewhere.io")
    await page.get_by_role("button", name="Try now").click()
    await deployment.settled()
    await page.reload()
    assert "Intercom has accepted it." in await page.locator("main").inner_text()


FIVE_HUNDRED = 500
SENT_AT_ONCE = 16


async def test_five_hundred_dead_letters_are_replayed_after_a_mapping_is_mended(
    browser_page: Any, deployment: Deployment
):
    """Intercom refuses a key of ours, and goes on refusing it: only what is mapped otherwise gets through."""
    page, sandbox = browser_page, deployment.sandbox
    sandbox.configure("acme", rate_limit=100_000)
    words = {"type": "error.list", "errors": [{"code": "parameter_invalid", "message": "plan: value is not allowed"}]}
    limit = {"X-RateLimit-Limit": "100000", "X-RateLimit-Remaining": "99999", "X-RateLimit-Reset": "4102444800"}
    sandbox.fail(status=400, containing='"plan"', times=None, body=json.dumps(words), headers=limit)
    await pay(deployment, FIVE_HUNDRED)
    assert [each.reason for each in await deployment.settled()] == ["refused"] * FIVE_HUNDRED
    assert sandbox.events(workspace="acme") == []

    await sign_in(page, deployment)
    await page.get_by_role("link", name="Dead letters", exact=True).click()
    assert "500" in await page.locator("main").inner_text()
    assert "Mend the mapping by those words" in await page.locator("main").inner_text()
    await seen(page, "dead-letters")
    await page.get_by_role("link", name="refused", exact=True).click()
    await page.locator("main table").get_by_role("link", name="paid-invoice").first.click()
    assert "plan: value is not allowed" in await page.locator("main").inner_text()
    await page.get_by_role("link", name="stripe:paid-invoice").click()
    await page.get_by_role("link", name="Change it").click()
    await without_the_plan(page)

    await page.get_by_role("link", name="Dead letters", exact=True).click()
    await page.get_by_role("link", name="Replay …").click()
    assert "Replay 500 deliveries" in await page.locator("h1").inner_text()
    await page.get_by_label("How many a second").fill("250")
    await seen(page, "bulk")
    await page.get_by_role("button", name="Replay 500 deliveries").click()
    await page.wait_for_url("**/console/jobs/*")
    await page.get_by_text("running", exact=True).wait_for()
    await page.get_by_text("500 of 500 looked at, 500 done").wait_for(timeout=30_000)  # without a reload of ours
    await page.get_by_text("done", exact=True).wait_for(timeout=30_000)
    await seen(page, "job")
    assert [each.state for each in await deployment.settled()] == ["delivered"] * FIVE_HUNDRED
    arrived = sandbox.events(workspace="acme")
    assert len({event.metadata["stripe_invoice"] for event in arrived}) == len(arrived) == FIVE_HUNDRED
    assert not any("plan" in event.metadata for event in arrived)


async def pay(deployment: Deployment, count: int) -> None:
    """So many paid invoices through the door, some at once, a minute between one payment and the next."""
    now, line = deployment.service.database.clock.now() // 1000, iter(range(count))

    async def sender() -> None:
        for number in line:
            paid_at = now - 60 * (number + 1)
            await deployment.stripe(invoice(status_transitions={"paid_at": paid_at}), created=paid_at)

    async with asyncio.TaskGroup() as group:
        for _ in range(SENT_AT_ONCE):
            group.create_task(sender())


async def without_the_plan(page: Any) -> None:
    """In the editor: take the key out, see what that changes, and deploy it."""
    yaml = page.get_by_label("YAML")
    text = await yaml.input_value()
    line = "      plan: vars.plan\n"
    assert text.count(line) == 1
    await yaml.fill(text.replace(line, ""))
    await page.locator("#problems .text-good").wait_for()
    await page.get_by_role("button", name="Try on stored events").click()
    assert "500 would become something else" in await page.locator("main").inner_text()
    await page.get_by_role("button", name="Deploy").click()
    await page.get_by_role("status").get_by_text("Deployed").wait_for()


async def test_a_mapping_is_added_for_a_type_that_was_seen_and_not_mapped(browser_page: Any, deployment: Deployment):
    page = browser_page
    message = {"event": "Class Booked", "userId": "ada", "properties": {"class": "Pottery", "seats": 2}}
    for _ in range(3):
        await deployment.segment(message)
    await deployment.settled()
    await sign_in(page, deployment)
    await page.get_by_role("link", name="Mappings", exact=True).click()
    assert "track Class Booked" in await page.locator("main").inner_text()
    await seen(page, "mappings")
    await page.get_by_role("link", name="Write an entry").first.click()
    yaml = page.get_by_label("YAML")
    text = await yaml.input_value()
    assert "Class Booked" in text
    await yaml.fill(text.replace("trigger:", "triggr:", 1))
    await page.locator("#problems .text-bad").first.wait_for()  # told while typing
    await yaml.fill(text)
    await page.locator("#problems .text-good").wait_for()
    await page.get_by_role("button", name="Try on stored events").click()
    assert "added: booked-class" in await page.locator("main").inner_text()
    await seen(page, "editor")
    await page.get_by_role("button", name="Deploy").click()
    await page.get_by_role("status").get_by_text("Deployed").wait_for()
    await page.get_by_role("link", name="track Class Booked").click()
    await seen(page, "unmapped")
    await page.get_by_role("button", name="Map these again").click()
    assert "They are mapped again" in await page.get_by_role("status").inner_text()
    await deployment.settled()
    await page.get_by_role("link", name="Deliveries", exact=True).click()
    assert "booked-class" in await page.locator("main").inner_text()
    assert [event.name for event in deployment.sandbox.events(workspace="acme")] == ["booked-class"] * 3


async def test_a_workspace_is_paused_and_resumed(browser_page: Any, deployment: Deployment):
    page = browser_page
    await sign_in(page, deployment, "otto")
    await page.get_by_role("link", name="Workspace", exact=True).click()
    await page.get_by_role("button", name="Pause").click()
    assert "Paused." in await page.get_by_role("status").inner_text()
    await seen(page, "paused")
    await deployment.stripe(invoice())
    await asyncio.sleep(1.5)
    assert deployment.sandbox.events(workspace="acme") == []
    await page.get_by_role("button", name="Resume").click()
    assert "Resumed." in await page.get_by_role("status").inner_text()
    await deployment.settled()
    assert len(deployment.sandbox.events(workspace="acme")) == 1
    await page.get_by_role("link", name="Audit", exact=True).click()
    assert "otto (console)" in await page.locator("main").inner_text()
    await seen(page, "audit")


@pytest.mark.parametrize("size", SIZES)
async def test_every_page_fits_and_is_accessible_at_every_width(browser_page: Any, deployment: Deployment, size: str):
    page = browser_page
    await deployment.stripe(invoice())
    await deployment.stripe(invoice(customer_email="nobody@elsewhere.io"))
    await deployment.segment({"event": "Class Booked", "userId": "ada"})
    made = await deployment.settled()
    width, height = SIZES[size]
    await page.set_viewport_size({"width": width, "height": height})
    await page.goto(f"{deployment.address}/console/sign-in")
    await seen(page, f"{size}-sign-in")
    await sign_in(page, deployment)
    for path in (
        "",
        "events",
        f"events/{made[0].received_key.hex()}",
        "deliveries",
        f"deliveries/{made[0].id.hex()}",
        "dead-letters",
        "bulk/replay?state=parked",
        "mappings",
        "mappings/edit",
        "mappings/entry?id=stripe:paid-invoice",
        "workspace",
        "workspace/go-live",
        "audit",
    ):
        await page.goto(f"{deployment.address}/console/{path}")
        await seen(page, f"{size}-{path.partition('?')[0].replace('/', '-')[:20]}")


async def test_the_console_works_with_a_keyboard(browser_page: Any, deployment: Deployment):
    page = browser_page
    await page.goto(f"{deployment.address}/console/")
    await page.get_by_label("Name").focus()
    await page.keyboard.type("ada")
    await page.keyboard.press("Tab")
    await page.keyboard.type(PASSWORD)
    await page.keyboard.press("Enter")
    await page.wait_for_url("**/console/")
    await page.keyboard.press("Tab")
    assert await page.evaluate("document.activeElement.textContent") == "Skip to content"
    await page.keyboard.press("Enter")
    assert page.url.endswith("#main")


async def test_the_overview_refreshes_itself(browser_page: Any, deployment: Deployment):
    page = browser_page
    await sign_in(page, deployment, "vera")
    assert "Received, 24 h\n0" in await page.locator("main").inner_text()
    await deployment.stripe(invoice())
    await page.locator("dd").get_by_text("1", exact=True).first.wait_for(timeout=15_000)
    assert "Received, 24 h\n1" in await page.locator("main").inner_text()


async def test_everything_works_without_javascript(chrome: Any, deployment: Deployment):
    await deployment.stripe(invoice(customer_email="nobody@elsewhere.io"))
    (made,) = await deployment.settled()
    context = await chrome.new_context(java_script_enabled=False)
    page = await context.new_page()
    await sign_in(page, deployment)
    await page.goto(f"{deployment.address}/console/deliveries/{made.id.hex()}")
    await page.get_by_role("button", name="Discard").click()
    assert "Discarded." in await page.locator("main").inner_text()
    await page.goto(f"{deployment.address}/console/mappings/edit")
    await page.get_by_label("YAML").fill("version: 1\nsource: stripe\nevents: 7\n")
    await page.get_by_role("button", name="Check").click()
    assert "console.yaml:3" in await page.locator("main").inner_text()
    await context.close()


async def test_over_https_a_real_browser_keeps_the_cookie_and_sends_the_forms(
    chrome: Any, sqlite_url: str, tmp_path: Path
):
    """A browser refuses a `__Host-` cookie that is not just right, and says where a form comes from by itself."""
    port = free_port()
    async with (
        deployed(sqlite_url, base_url=f"https://localhost:{port}") as deployment,
        https_proxy(deployment.address, certificate(tmp_path), port),
    ):
        context = await chrome.new_context(ignore_https_errors=True)
        page = await context.new_page()
        await page.goto(f"https://localhost:{port}/console/workspace")
        await page.get_by_label("Name").fill("ada")
        await page.get_by_label("Password").fill(PASSWORD)
        await page.get_by_role("button", name="Sign in").click()
        await page.wait_for_url("**/console/workspace")
        (cookie,) = await context.cookies()
        assert cookie["name"] == "__Host-connector-console"
        assert (cookie["secure"], cookie["httpOnly"], cookie["sameSite"]) == (True, True, "Strict")
        await page.get_by_role("button", name="Pause").click()
        assert "Paused." in await page.get_by_role("status").inner_text()
        await page.get_by_role("button", name="Sign out").click()
        await page.wait_for_url("**/console/sign-in")
        assert await context.cookies() == []
        await context.close()


async def test_a_real_browser_comes_back_from_the_identity_provider_into_a_session(chrome: Any, sqlite_url: str):
    """The provider is another site: a browser does not send a strict cookie with what leads there and back."""
    port = free_port()
    async with (
        provider() as idp,
        deployed(sqlite_url, port, **oidc_settings(idp, f"http://localhost:{port}")) as deployment,
    ):
        context = await chrome.new_context()
        page = await context.new_page()
        await page.goto(f"http://localhost:{port}/console/deliveries?state=dead")
        await accessible(page)
        await screenshot(page, "console-sign-in-oidc")
        await page.get_by_role("link", name="Sign in at 127.0.0.1").click()
        await page.wait_for_url("**/console/deliveries?state=dead")
        assert "oidc:Ada@Northwind-Labs.io (admin)" in await page.locator("header").inner_text()
        await page.get_by_role("link", name="Workspace", exact=True).click()
        await page.get_by_role("button", name="Pause").click()
        assert "Paused." in await page.get_by_role("status").inner_text()
        assert {each["name"] for each in await context.cookies(deployment.address)} <= {"connector-console"}
        await context.close()

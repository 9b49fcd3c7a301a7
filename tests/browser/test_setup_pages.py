"""Installing and setting up in a real browser: with a keyboard, on a phone, in the dark, without JavaScript."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest

from connector.sandbox import Sandbox
from tests.appstore.deployment import LIVE_KEY, POOR_KEY, Deployment, deployed, sandbox_settings
from tests.browser.conftest import SIZES, fits, screenshot

PAGES = ("/setup", "/setup/stripe", "/setup/segment", "/setup/events", "/setup/samples", "/setup/live")
ABOUT = ("support", "privacy", "terms", "security", "data-deletion")


@pytest.fixture
async def deployment(sqlite_url: str) -> AsyncIterator[Deployment]:
    async with (
        Sandbox(sandbox_settings()) as sandbox,
        deployed(sqlite_url, sandbox, operator="Northwind Labs", support_email="help@northwind-labs.io") as found,
    ):
        sandbox.add_contact(workspace="acme", external_id="ada", email="ada@northwind-labs.io")
        yield found


async def install(page: Any, deployment: Deployment) -> None:
    await page.goto(f"{deployment.address}/install")
    await page.get_by_role("button", name="Allow for acme").click()
    await page.wait_for_url("**/setup?done=installed")


async def test_an_admin_installs_connects_both_and_goes_live(browser_page: Any, deployment: Deployment):
    page = browser_page
    await install(page, deployment)
    assert "The app is installed" in await page.get_by_role("status").inner_text()
    await screenshot(page, "1-installed")

    await page.get_by_role("link", name="Connect Stripe").click()
    await page.get_by_role("textbox", name="Restricted key").fill(POOR_KEY)
    await page.get_by_role("button", name="Connect Stripe").click()
    alert = await page.get_by_role("alert").inner_text()
    assert "Webhook Endpoints" in alert
    assert "Customers" in alert
    await screenshot(page, "2-stripe-permissions-missing")
    assert await page.get_by_role("textbox", name="Restricted key").input_value() == ""  # a key is never sent back

    await page.get_by_role("textbox", name="Restricted key").fill(LIVE_KEY)
    await page.get_by_role("button", name="Connect Stripe").click()
    await page.wait_for_url("**/setup/endpoints/*")
    assert "we_" in await page.locator("main").inner_text()
    await screenshot(page, "3-stripe-connected")

    await page.get_by_role("link", name="Segment", exact=True).click()
    await page.get_by_label("Name").fill("Website")
    await page.get_by_role("button", name="Make address and secret").click()
    assert "/webhooks/segment/" in await page.get_by_label("Address").input_value()
    assert len(await page.get_by_label("Shared secret").input_value()) == 32
    await screenshot(page, "4-segment-connected")

    await page.get_by_role("link", name="Segment", exact=True).click()
    await page.get_by_label("Name").fill("App")
    await page.get_by_text("From Segment's libraries").click()
    await page.get_by_role("button", name="Make address and secret").click()
    assert "/segment/" in await page.get_by_label("Address").input_value()
    await screenshot(page, "5-tracking-connected")

    await page.get_by_role("link", name="Samples").click()
    await page.get_by_label("Contact", exact=True).fill("ada@northwind-labs.io")
    await page.get_by_role("button", name="Send the sample").click()
    assert "accepted the sample" in await page.get_by_role("status").inner_text()
    assert [event.name for event in deployment.sandbox.events(workspace="acme")] == ["paid-invoice"]
    await screenshot(page, "6-sample-sent")

    await page.get_by_role("link", name="Go live").click()
    assert "100%" in await page.locator("main").inner_text()
    await page.get_by_label("Live").check()
    await screenshot(page, "7-go-live")
    await page.get_by_role("button", name="Save").click()
    assert "Live" in await page.locator("header").inner_text()

    await page.get_by_role("link", name="Overview").click()
    await screenshot(page, "8-overview")
    await page.get_by_role("button", name="Leave set-up").click()
    assert "Set-up is closed" in await page.locator("h1").inner_text()


async def test_everything_works_without_javascript(chrome: Any, deployment: Deployment):
    context = await chrome.new_context(java_script_enabled=False)
    page = await context.new_page()
    await install(page, deployment)
    await page.get_by_role("navigation", name="Set-up").get_by_role("link", name="Segment").click()
    await page.get_by_label("Name").fill("Website")
    await page.get_by_role("button", name="Make address and secret").click()
    await page.wait_for_url("**/setup/endpoints/*")
    assert "Shown for ten minutes" in await page.locator("main").inner_text()
    await context.close()


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("size", SIZES)
async def test_no_page_has_to_be_scrolled_sideways(chrome: Any, deployment: Deployment, size: str, scheme: str):
    width, height = SIZES[size]
    context = await chrome.new_context(viewport={"width": width, "height": height}, color_scheme=scheme)
    page = await context.new_page()
    await install(page, deployment)
    for path in PAGES:
        answer = await page.goto(deployment.address + path)
        assert answer.status == 200, path
        assert await fits(page), path
        await screenshot(page, f"{size}-{scheme}{path.replace('/', '-')}")
    for name in ABOUT:
        answer = await page.goto(f"{deployment.address}/about/{name}")
        assert answer.status == 200, name
        assert await fits(page), name
        await screenshot(page, f"{size}-{scheme}-about-{name}")
    await context.close()


async def test_each_field_has_a_name_and_each_page_one_heading_and_a_language(
    browser_page: Any, deployment: Deployment
):
    page = browser_page
    await install(page, deployment)
    for path in PAGES:
        await page.goto(deployment.address + path)
        assert await page.locator("h1").count() == 1, path
        assert await page.locator("html").get_attribute("lang") == "en"
        unnamed = await page.evaluate(
            "[...document.querySelectorAll('input:not([type=hidden]),select,textarea')]"
            ".filter(e => !e.labels.length).length"
        )
        assert unnamed == 0, path


@pytest.mark.parametrize("scheme", ["light", "dark"])
async def test_text_stands_out_from_what_is_behind_it(chrome: Any, deployment: Deployment, scheme: str):
    """WCAG AA: 4.5 to 1, for every piece of text on every page."""
    context = await chrome.new_context(color_scheme=scheme)
    page = await context.new_page()
    await install(page, deployment)
    for path in PAGES:
        await page.goto(deployment.address + path)
        poor = await page.evaluate(CONTRASTS)
        assert poor == [], path
    await context.close()


CONTRASTS = """
() => {
  const channel = v => { v /= 255; return v <= 0.03928 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4 };
  const parse = text => text.match(/[\\d.]+/g).map(Number);
  const light = ([r, g, b]) => 0.2126 * channel(r) + 0.7152 * channel(g) + 0.0722 * channel(b);
  const behind = e => { for (; e; e = e.parentElement) {
    const c = parse(getComputedStyle(e).backgroundColor); if (c.length < 4 || c[3] > 0) return c; }
    return [255, 255, 255] };
  const poor = [];
  for (const e of document.querySelectorAll('body *')) {
    if (![...e.childNodes].some(n => n.nodeType === 3 && n.textContent.trim())) continue;
    if (!e.getClientRects().length) continue;
    const a = light(parse(getComputedStyle(e).color)), b = light(behind(e));
    const ratio = (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
    if (ratio < 4.5) poor.push([e.tagName, e.className, e.textContent.trim().slice(0, 30), ratio].join(' '));
  }
  return poor;
}
"""

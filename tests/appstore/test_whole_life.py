"""The whole life of an installation, over HTTP: install, connect both, watch, go live, events, card, rotate,
re-authorise, uninstall. Nothing is reached into; what is seen is what people and machines see."""

from __future__ import annotations

import asyncio
import json
import re
import time
from typing import Any

from connector.workspaces.modes import Mode
from tests.appstore.deployment import LIVE_KEY, Browser, Deployment
from tests.journeys.conftest import eventually
from tests.signing import segment_headers


def invoice(number: int, *, livemode: bool = True) -> dict[str, Any]:
    """A paid invoice of Ada's."""
    now = int(time.time())
    return {
        "id": f"evt_{number}",
        "object": "event",
        "type": "invoice.paid",
        "created": now,
        "livemode": livemode,
        "api_version": "2026-07-29.dahlia",
        "data": {
            "object": {
                "id": f"in_{number}",
                "object": "invoice",
                "customer": "cus_ada",
                "customer_email": "ada@example.com",
                "amount_paid": 2900,
                "currency": "usd",
                "number": f"A-{number}",
                "hosted_invoice_url": f"https://invoice.stripe.com/i/{number}",
                "status_transitions": {"paid_at": now - number},
                "lines": {"data": []},
            }
        },
    }


async def endpoints_at_stripe(deployment: Deployment) -> list[dict[str, Any]]:
    """What Stripe says that it sends to."""
    headers = {"Authorization": f"Bearer {LIVE_KEY}"}
    async with deployment.http.get(f"{deployment.sandbox.url}/v1/webhook_endpoints", headers=headers) as answer:
        found: list[dict[str, Any]] = (await answer.json())["data"]
        return found


async def segment_order(deployment: Deployment, url: str, secret: str, number: int) -> int:
    moment = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
    message = {
        "type": "track",
        "event": "Order Completed",
        "messageId": f"order-{number}",
        "userId": "ada",
        "timestamp": moment,
        "properties": {"order_id": f"o-{number}", "revenue": 39.5, "currency": "EUR"},
        "context": {"traits": {"email": "ada@example.com"}},
    }
    body = json.dumps(message).encode()
    async with deployment.http.post(url, data=body, headers=segment_headers(body, secret)) as answer:
        return answer.status


async def connect_stripe(browser: Browser) -> str:
    await browser.get("/setup/stripe")
    page = await browser.post("/setup/stripe", key=LIVE_KEY, label="")
    assert page.url.path.startswith("/setup/endpoints/")
    assert "is connected" in page.words
    return page.url.path


async def connect_segment(browser: Browser) -> tuple[str, str, str]:
    await browser.get("/setup/segment")
    page = await browser.post("/setup/segment", label="Website", way="webhook")
    return page.url.path, page.value("url"), page.value("secret")


async def test_the_whole_life_of_an_installation(deployment: Deployment):
    sandbox = deployment.sandbox
    ada = sandbox.add_contact(workspace="acme", external_id="ada", email="ada@example.com")

    # install, connect both
    browser = deployment.browser()
    await browser.install("acme")
    stripe_page = await connect_stripe(browser)
    (there,) = await endpoints_at_stripe(deployment)
    assert there["url"].startswith(f"{deployment.address}/webhooks/stripe/")
    assert there["api_version"] == "2026-07-29.dahlia"
    assert "invoice.paid" in there["enabled_events"]
    assert "*" not in there["enabled_events"]
    segment_page, url, secret = await connect_segment(browser)

    # watch: everything is shown, nothing is sent
    sandbox.load_stripe([invoice(1)], account="acct_acme")
    assert all(sent.ok for sent in await sandbox.send_stripe(account="acct_acme"))
    assert await segment_order(deployment, url, secret, 1) == 200
    await eventually(lambda: says(deployment, "acme", ada.id, "Watching", count=2))
    assert sandbox.events(workspace="acme") == []

    # go live, seeing the match rate before
    page = await browser.get("/setup/live")
    assert "100% of 2 events" in page.words
    page = await browser.get("/setup/live?ask=intercom")
    assert "Of the last 1 customer, Intercom knows 1" in page.words or "Intercom knows 2" in page.words
    page = await browser.post("/setup/live", mode="live", listed="")
    assert "Live" in page.words
    sandbox.load_stripe([invoice(2)], account="acct_acme")
    assert all(sent.ok for sent in await sandbox.send_stripe(account="acct_acme"))
    assert await segment_order(deployment, url, secret, 2) == 200
    await sandbox.until(lambda: len(sandbox.events(workspace="acme")) == 2, within=15)
    assert sorted(event.name for event in sandbox.events(workspace="acme")) == ["completed-order", "paid-invoice"]

    # the card, and from it into set-up by a one-time link
    await eventually(lambda: says(deployment, "acme", ada.id, "Paid invoice · $29.00"))
    link = await setup_link(deployment, "acme", ada.id)
    other = deployment.browser()
    asked = await other.get(link)
    assert "Acme" in asked.words
    assert (await other.post(link)).url.path == "/setup"
    assert (await deployment.browser().get(link)).status == 200  # not spent by looking
    assert (await deployment.browser().post(link)).status == 410

    # rotate with overlap: both secrets are good until the old one is dropped
    await browser.get(segment_page)
    page = await browser.post(f"{segment_page}/rotate")
    new = page.value("secret")
    assert new != secret
    assert await segment_order(deployment, url, secret, 3) == 200
    assert await segment_order(deployment, url, new, 4) == 200
    await browser.post(f"{segment_page}/drop-old")
    assert await segment_order(deployment, url, secret, 5) == 401
    await sandbox.until(lambda: len(sandbox.events(workspace="acme")) == 4, within=15)

    # Intercom refuses the token: the health check says so, a new installation resumes it
    sandbox.configure("acme", token="a-newer-token")
    assert await segment_order(deployment, url, new, 6) == 200
    await eventually(lambda: in_mode(deployment, "acme", Mode.NEEDS_REAUTHORIZATION))
    status, health = await deployment.intercom("/intercom/health", {"workspace_id": "acme"})
    assert (status, health["state"], health["cta_type"]) == (200, "UNHEALTHY", "REINSTALL_CTA")
    await browser.install("acme")
    await sandbox.until(lambda: len(sandbox.events(workspace="acme")) == 5, within=15)
    assert (await deployment.intercom("/intercom/health", {"workspace_id": "acme"}))[1] == {"state": "OK"}

    # uninstall: the endpoint at Stripe is gone, then its key; what comes late is answered 200 and dropped
    assert await deployment.intercom("/intercom/uninstall", {"app_id": "acme"}) == (200, {"uninstalled": True})
    await eventually(lambda: none_at_stripe(deployment))
    assert await segment_order(deployment, url, new, 7) == 200
    assert (await browser.get("/setup")).status == 401
    assert "not installed" in json.dumps(await deployment.card("acme", id=ada.id))
    assert len(sandbox.events(workspace="acme")) == 5

    # a new installation starts clean
    page = await browser.install("acme")
    assert "Nothing is connected yet" in page.words
    workspace = await deployment.workspace("acme")
    assert workspace is not None
    assert workspace.mode is Mode.WATCHING
    assert (await browser.get(stripe_page)).status == 404
    await asyncio.sleep(0.5)
    assert len(sandbox.events(workspace="acme")) == 5


async def says(deployment: Deployment, app_id: str, contact_id: str, what: str, *, count: int = 1) -> bool:
    components = await deployment.card(app_id, id=contact_id, external_id="ada", email="ada@example.com")
    items = [item for each in components if each["type"] == "list" for item in each["items"]]
    return what in json.dumps(components, ensure_ascii=False) and len(items) >= count


async def setup_link(deployment: Deployment, app_id: str, contact_id: str) -> str:
    components = await deployment.card(app_id, id=contact_id, external_id="ada", email="ada@example.com")
    (found,) = re.findall(r"/setup/enter/[\w-]+", json.dumps(components))
    return found


async def in_mode(deployment: Deployment, app_id: str, mode: Mode) -> bool:
    workspace = await deployment.workspace(app_id)
    return workspace is not None and workspace.mode is mode


async def none_at_stripe(deployment: Deployment) -> bool:
    return await endpoints_at_stripe(deployment) == []

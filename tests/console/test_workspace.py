"""A workspace's switches: going live with a report first, and a new signing secret beside the old one."""

from __future__ import annotations

import json
import re

import pytest

from connector.workspaces import store
from connector.workspaces.modes import Mode
from tests.console.deployment import STRIPE_SECRET, Deployment, invoice
from tests.signing import stripe_headers

NEW_SECRET = "whsec_the_new_one"


async def watching(deployment: Deployment) -> None:
    """The workspace watches: what comes in is mapped and held."""
    database = deployment.service.database
    await database.transact(store.set_mode, deployment.workspace_id, Mode.WATCHING, now=database.clock.now())
    await deployment.service.directory.reload()


async def names(deployment: Deployment) -> list[str]:
    deployment.service.console.parts.queued()
    await deployment.settled()
    return [event.name for event in deployment.sandbox.events(workspace="acme")]


async def test_going_live_shows_what_it_would_have_sent_and_sends_from_then_on(deployment: Deployment):
    await watching(deployment)
    await deployment.stripe(invoice())
    (held,) = await deployment.settled()
    assert (held.state, held.reason) == ("held", "watching")
    browser = await deployment.signed_in("ada")
    page = await browser.get("/console/workspace")
    assert "nothing is sent" in page.words
    (link,) = re.findall(r'href="([^"]*/go-live[^"]*)"', page.text)
    report = await browser.get(link)
    assert "paid-invoice" in report.words
    assert "1 are held" in report.words
    assert await names(deployment) == []  # a report changes nothing

    page = await browser.post("/console/workspace/go-live", since_hours="")
    assert "Live. What arrives from now on is sent." in page.words
    assert await deployment.mode() == "live"
    await deployment.stripe(invoice())
    assert await names(deployment) == ["paid-invoice"]
    assert sorted(each.state for each in await deployment.deliveries()) == ["delivered", "held"]
    assert "ada (console) workspaces.go-live" in (await browser.get("/console/audit")).words


async def test_going_live_releases_what_was_held_of_the_last_hours_when_asked_to(deployment: Deployment):
    await watching(deployment)
    now = deployment.service.database.clock.now() // 1000
    await deployment.stripe(invoice(status_transitions={"paid_at": now - 1800}), created=now - 1800)
    await deployment.stripe(invoice(status_transitions={"paid_at": now - 5 * 3600}), created=now - 5 * 3600)
    assert [each.state for each in await deployment.settled()] == ["held", "held"]
    browser = await deployment.signed_in("ada")
    await browser.get("/console/workspace/go-live")
    page = await browser.post("/console/workspace/go-live", since_hours="2")
    assert "/console/jobs/" in str(page.url)
    await deployment.service.console.work_off_jobs()
    assert len(await names(deployment)) == 1
    assert sorted(each.state for each in await deployment.deliveries()) == ["delivered", "held"]


@pytest.mark.parametrize("hours", ["-1", "1.5", "all", "123456"])
async def test_hours_that_are_none_are_refused_and_nothing_goes_live(one_deployment: Deployment, hours: str):
    await watching(one_deployment)
    browser = await one_deployment.signed_in("ada")
    await browser.get("/console/workspace/go-live")
    page = await browser.post("/console/workspace/go-live", since_hours=hours)
    assert page.status == 422
    assert await one_deployment.mode() == "watching"


async def test_an_operator_does_not_go_live(one_deployment: Deployment):
    await watching(one_deployment)
    browser = await one_deployment.signed_in("otto")
    page = await browser.get("/console/workspace")
    assert "/go-live" not in page.text
    assert (await browser.post("/console/workspace/go-live", since_hours="")).status == 403
    assert await one_deployment.mode() == "watching"


async def signed(deployment: Deployment, secret: str) -> int:
    """What a Stripe webhook that is signed with `secret` is answered."""
    deployment.sent += 1
    body = json.dumps({**invoice(), "id": f"evt_rotated{deployment.sent}"}).encode()
    url = deployment.address + deployment.endpoints["stripe"].path
    async with deployment.http.post(url, data=body, headers=stripe_headers(body, secret)) as answer:
        return answer.status


async def test_a_new_secret_counts_at_once_and_the_old_one_until_it_is_dropped(deployment: Deployment):
    endpoint = deployment.endpoints["stripe"]
    assert (await signed(deployment, STRIPE_SECRET), await signed(deployment, NEW_SECRET)) == (200, 401)
    browser = await deployment.signed_in("ada")
    page = await browser.get("/console/workspace")
    assert "Drop the old one" not in page.words
    page = await browser.post(f"/console/endpoints/{endpoint.id}/rotate", secret=NEW_SECRET)
    assert "The new secret counts. The old one stays good until you drop it." in page.words
    assert "Signing secrets 2," in page.words
    assert NEW_SECRET not in page.text
    assert STRIPE_SECRET not in page.text
    assert (await signed(deployment, STRIPE_SECRET), await signed(deployment, NEW_SECRET)) == (200, 200)

    page = await browser.post(f"/console/endpoints/{endpoint.id}/drop-old")
    assert "Only the newest secret is good now." in page.words
    assert (await signed(deployment, STRIPE_SECRET), await signed(deployment, NEW_SECRET)) == (401, 200)
    audit = await browser.get("/console/audit")
    assert audit.words.count("ada (console) endpoints.rotate") == 2
    assert NEW_SECRET not in audit.text


@pytest.mark.parametrize("secret", ["", "short", "x" * 513, "whsec_with\x00nul"])
async def test_a_secret_that_can_be_none_is_refused_and_the_old_one_stays(one_deployment: Deployment, secret: str):
    browser = await one_deployment.signed_in("ada")
    await browser.get("/console/workspace")
    page = await browser.post(f"/console/endpoints/{one_deployment.endpoints['stripe'].id}/rotate", secret=secret)
    assert page.status == 422
    assert await signed(one_deployment, STRIPE_SECRET) == 200


async def test_the_same_secret_once_more_is_told_so(one_deployment: Deployment):
    browser = await one_deployment.signed_in("ada")
    await browser.get("/console/workspace")
    path = f"/console/endpoints/{one_deployment.endpoints['stripe'].id}/rotate"
    page = await browser.post(path, secret=STRIPE_SECRET)
    assert page.status == 422
    assert "already" in page.words


async def test_an_operator_does_not_change_secrets(one_deployment: Deployment):
    browser = await one_deployment.signed_in("otto")
    await browser.get("/console/workspace")
    path = f"/console/endpoints/{one_deployment.endpoints['stripe'].id}/rotate"
    assert (await browser.post(path, secret=NEW_SECRET)).status == 403
    assert await signed(one_deployment, NEW_SECRET) == 401

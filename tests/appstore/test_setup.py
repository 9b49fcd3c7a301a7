"""What each set-up page does: connecting, choosing, trying, samples, and every way to do it wrong."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest

from connector.appstore.setup.live import compared, written
from connector.contacts.rules import UnknownContact, rules
from connector.stripe_api.client import VERSION
from connector.workspaces.modes import Mode
from tests.appstore.deployment import LIVE_KEY, POOR_KEY, TEST_KEY, Browser, Deployment
from tests.appstore.test_whole_life import invoice
from tests.journeys.conftest import eventually


async def installed(deployment: Deployment) -> Browser:
    browser = deployment.browser()
    await browser.install("acme")
    return browser


async def post_from(browser: Browser, path: str, **fields: Any):
    await browser.get(path)
    return await browser.post(path, **fields)


@pytest.mark.parametrize(
    ("key", "says"),
    [
        ("", "Paste the restricted key"),
        ("hello", "no Stripe key"),
        ("pk_live_abcdefgh", "publishable"),
        ("sk_live_abcdefgh", ""),
        ("rk_live_nobodys1", ""),
        (POOR_KEY, "Webhook Endpoints"),
        ("rk_test_" + "x" * 300, "no Stripe key"),
        ("rk_live_\u00e4\u00f6\u00fc\u00e4\u00f6\u00fc", "no Stripe key"),
    ],
)
async def test_a_key_that_will_not_do_is_refused_with_what_to_do(one_deployment: Deployment, key: str, says: str):
    page = await post_from(await installed(one_deployment), "/setup/stripe", key=key, label="")
    assert page.status == 422
    assert "Not done" in page.words
    assert says.lower() in page.words.lower()
    assert key == "" or key not in page.text
    assert one_deployment.sandbox.stripe_endpoints(account="acct_acme") == []


async def test_one_endpoint_is_made_for_each_mode_and_never_a_second_one(deployment: Deployment):
    browser = await installed(deployment)
    for key in (LIVE_KEY, TEST_KEY, LIVE_KEY, TEST_KEY):
        page = await post_from(browser, "/setup/stripe", key=key, label="")
        assert page.status == 200, page.words
    there = deployment.sandbox.stripe_endpoints(account="acct_acme")
    assert sorted(each["livemode"] for each in there) == [False, True]
    assert {each["api_version"] for each in there} == {VERSION}
    overview = await browser.get("/setup")
    assert "2 connected" in overview.words


async def test_disconnecting_deletes_the_endpoint_at_stripe_and_forgets_the_key(deployment: Deployment):
    browser = await installed(deployment)
    page = await post_from(browser, "/setup/stripe", key=LIVE_KEY, label="")
    path = page.url.path
    assert (await browser.post(f"{path}/disconnect")).status == 422  # without the tick
    page = await browser.post(f"{path}/disconnect", sure="yes")
    assert "It is disconnected" in page.words
    assert deployment.sandbox.stripe_endpoints(account="acct_acme") == []
    assert (await browser.get(path)).status == 404


async def test_a_pasted_signing_secret_is_taken_and_rotated_with_overlap(one_deployment: Deployment):
    browser = await installed(one_deployment)
    await browser.get("/setup/stripe")
    page = await browser.post("/setup/stripe/secret", secret="whsec_abcdefgh1", label="Shop", mode="test")
    assert "/webhooks/stripe/" in page.value("url")
    path = page.url.path
    assert (await browser.post(f"{path}/rotate", secret="nonsense")).status == 422
    page = await browser.post(f"{path}/rotate", secret="whsec_abcdefgh2")
    assert "2 secrets are good" in page.words
    page = await browser.post(f"{path}/drop-old")
    assert "1 secret is good" in page.words
    assert (await post_from(browser, "/setup/stripe", key="", label="")).status == 422
    await browser.get("/setup/stripe")
    page = await browser.post("/setup/stripe/secret", secret="whsec_abcdefgh3", label="Shop", mode="test")
    assert page.status == 422  # the name is taken


@pytest.mark.parametrize(
    ("label", "way"), [("", "webhook"), ("x" * 61, "webhook"), ("a\u0007b", "webhook"), ("x", "fax")]
)
async def test_a_segment_source_needs_a_name_and_a_way(one_deployment: Deployment, label: str, way: str):
    page = await post_from(await installed(one_deployment), "/setup/segment", label=label, way=way)
    assert page.status == 422


async def test_names_are_shown_as_text_whatever_they_hold(one_deployment: Deployment):
    browser = await installed(one_deployment)
    page = await post_from(browser, "/setup/segment", label='"><script>alert(1)</script>', way="webhook")
    assert "<script" not in page.text
    assert "<script" not in (await browser.get("/setup")).text


async def test_families_and_events_are_turned_off_and_stripe_is_told_to_send_less(deployment: Deployment):
    browser = await installed(deployment)
    await post_from(browser, "/setup/stripe", key=LIVE_KEY, label="")
    page = await browser.get("/setup/events")
    families, events = (re.findall(rf'name="{name}" value="([^"]+)"', page.text) for name in ("family", "event"))
    checked = [each for each in events if f'value="{each}" checked' in page.text]
    assert {"stripe/invoices", "stripe/disputes"} <= set(families)
    kept = [each for each in families if each != "stripe/disputes"]
    page = await browser.post(
        "/setup/events",
        family=kept,
        event=[each for each in checked if each != "stripe:paid-invoice"],
        unknown_contact="create_user",
    )
    assert "Your choices are saved" in page.words
    assert 'value="stripe/disputes" checked' not in page.text
    assert 'value="stripe:paid-invoice" checked' not in page.text
    workspace = await deployment.workspace("acme")
    assert workspace is not None
    assert rules(workspace.settings).unknown_contact is UnknownContact.CREATE_USER
    (there,) = deployment.sandbox.stripe_endpoints(account="acct_acme")
    assert "charge.dispute.created" not in there["enabled_events"]
    assert "invoice.paid" not in there["enabled_events"]
    # and back
    page = await browser.post("/setup/events", family=families, event=checked, unknown_contact="wait")
    workspace = await deployment.workspace("acme")
    assert workspace is not None
    assert not workspace.settings.get("families")
    assert not workspace.settings.get("events")


async def test_a_choice_that_there_is_not_changes_nothing(one_deployment: Deployment):
    browser = await installed(one_deployment)
    assert (await post_from(browser, "/setup/events", family=["x"], event=["y"], unknown_contact="z")).status == 422


async def test_trying_sends_only_what_is_for_listed_contacts(deployment: Deployment):
    browser, sandbox = await installed(deployment), deployment.sandbox
    sandbox.add_contact(workspace="acme", external_id="ada", email="ada@example.com")
    sandbox.add_contact(workspace="acme", external_id="bob", email="bob@example.com")
    await post_from(browser, "/setup/stripe", key=LIVE_KEY, label="")
    page = await post_from(browser, "/setup/live", mode="trying", listed="Ada@Example.com\n\n ada@example.com ")
    assert "Trying" in page.words
    bobs = invoice(2)
    bobs["data"]["object"] |= {"customer_email": "bob@example.com", "customer": "cus_bob"}
    sandbox.load_stripe([invoice(1), bobs], account="acct_acme")
    await sandbox.send_stripe(account="acct_acme")
    await sandbox.until(lambda: len(sandbox.events(workspace="acme")) == 1, within=15)

    async def held() -> bool:
        return "Held, not sent 1" in (await browser.get("/setup")).words

    await eventually(held)
    (event,) = sandbox.events(workspace="acme")
    assert event.email == "ada@example.com"


def test_a_list_of_contacts_is_shown_as_it_was_written():
    forms = compared(["Ada@Example.com", "user-7"])
    assert forms == ["email:ada@example.com", "user_id:user-7", "id:user-7"]
    assert written(forms) == ["ada@example.com", "user-7"]


@pytest.mark.parametrize(
    ("mode", "listed"),
    [("trying", ""), ("removed", "x"), ("needs_reauthorization", "x"), ("", ""), ("trying", "\n".join("abcdefgh" * 9)),
     ("trying", "x" * 300), ("live", "a\u0000b")],
)  # fmt: skip
async def test_a_mode_that_cannot_be_chosen_changes_nothing(one_deployment: Deployment, mode: str, listed: str):
    browser = await installed(one_deployment)
    page = await post_from(browser, "/setup/live", mode=mode, listed=listed)
    assert page.status == 422
    workspace = await one_deployment.workspace("acme")
    assert workspace is not None
    assert workspace.mode is Mode.WATCHING


@pytest.mark.parametrize(
    ("status", "says"),
    [
        (404, "no contact"),
        (409, "Several contacts"),
        (401, "install the app again"),
        (429, "ten seconds"),
        (500, "status 500"),
    ],
)
async def test_a_sample_that_does_not_arrive_says_why_in_words(one_deployment: Deployment, status: int, says: str):
    browser = await installed(one_deployment)
    one_deployment.sandbox.add_contact(workspace="acme", email="ada@example.com", external_id="ada")
    one_deployment.sandbox.fail(status=status)
    fields = {"entry": "stripe:paid-invoice", "kind": "email", "contact": "ada@example.com"}
    page = await post_from(browser, "/setup/samples", **fields)
    assert page.status == 422
    assert says in page.words
    page = await browser.post("/setup/samples", **fields)
    assert "accepted the sample" in page.words
    (event,) = one_deployment.sandbox.events(workspace="acme")
    assert event.name == "paid-invoice"
    components = await one_deployment.card("acme", id="1", email="ada@example.com")
    assert "Paid invoice" in json.dumps(components)


@pytest.mark.parametrize(
    "fields",
    [
        {"entry": "nothing", "kind": "email", "contact": "a@b.c"},
        {"entry": "stripe:paid-invoice", "kind": "phone", "contact": "1"},
        {"entry": "stripe:paid-invoice", "kind": "email", "contact": ""},
        {"entry": "stripe:paid-invoice", "kind": "email", "contact": "ada"},
    ],
)
async def test_a_sample_for_nobody_is_not_sent(one_deployment: Deployment, fields: dict[str, str]):
    page = await post_from(await installed(one_deployment), "/setup/samples", **fields)
    assert page.status == 422
    assert one_deployment.sandbox.events() == []

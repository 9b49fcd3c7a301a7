"""Uninstall, health check and canvas as Intercom calls them, and as others would like to."""

from __future__ import annotations

import json
from typing import Any

import pytest
import sqlalchemy as sa

from connector.appstore.condition import MANY_DEAD, Facts, condition
from connector.database.engine import Database
from connector.database.tables import alerts, endpoints
from connector.intercom.body_signature import body_signed
from connector.workspaces import store
from connector.workspaces.modes import Mode
from tests.appstore.deployment import CLIENT_SECRET, LIVE_KEY, Deployment
from tests.signing import body_headers

PATHS = ("/intercom/uninstall", "/intercom/health", "/intercom/canvas/initialize", "/intercom/canvas/submit")
DAY = 86_400_000


@pytest.mark.parametrize("path", PATHS)
async def test_what_intercom_did_not_sign_is_refused_and_changes_nothing(one_deployment: Deployment, path: str):
    await one_deployment.browser().install("acme")
    body = json.dumps({"app_id": "acme", "workspace_id": "acme"}).encode()
    good = body_headers(body, CLIENT_SECRET)["X-Body-Signature"]
    of_others = body_headers(body + b" ", CLIENT_SECRET)["X-Body-Signature"]
    bad = ["", good[:-1], good + "0", good.replace(good[0], "g"), "sha256=" + good, of_others]
    for signatures in ([], [good, good], *([each] for each in bad)):
        headers = [("Content-Type", "application/json"), *(("X-Body-Signature", each) for each in signatures)]
        async with one_deployment.http.post(one_deployment.address + path, data=body, headers=headers) as answer:
            assert answer.status == 401
            assert await answer.json() == {"error": "bad_signature"}
    workspace = await one_deployment.workspace("acme")
    assert workspace is not None
    assert workspace.mode is Mode.WATCHING


def test_a_signature_of_any_kind_is_an_answer_and_never_an_error():
    good = body_headers(b"{}", "secret")["X-Body-Signature"]
    assert body_signed(b"{}", headers=[good], secret="secret")
    assert body_signed(b"{}", headers=[good.upper()], secret="secret")
    for headers in ([], [good, good], ["\u0661" * 64], ["\udce4" * 64], ["x" * 64], [good + "\n"], ["" * 64]):
        assert not body_signed(b"{}", headers=headers, secret="secret")
    assert not body_signed(b"{}", headers=[body_headers(b"{}", "")["X-Body-Signature"]], secret="")


SHAPES = (
    b"",
    b"[]",
    b"null",
    b"{}",
    b"\xff",
    b'{"app_id": 7}',
    b'{"workspace_id": ["acme"]}',
    b'{"app_id": "\\u0000", "workspace_id": "\\ud800"}',
    b"[" * 50_000,
)


@pytest.mark.parametrize("path", PATHS)
async def test_a_signed_body_of_any_shape_is_answered_well(one_deployment: Deployment, path: str):
    for sent in SHAPES:
        status, answer = await one_deployment.intercom(path, sent)
        assert status == 200, sent[:40]
        assert answer in ({"uninstalled": False}, {"state": "UNKNOWN"}) or answer["canvas"]["content"]["components"]


CONTACTS: tuple[Any, ...] = (
    {},
    {"id": "unknown"},
    {"id": 7},
    {"email": None},
    [],
    "ada",
    {"id": {"a": 1}},
    {"email": "\u0000"},
    {"id": "x" * 300},
)
COMPONENTS = (None, "more", "home", "event-", "event-zz", "event-" + "0" * 32, 7, {}, "x" * 9_000)


async def test_a_canvas_of_any_input_is_a_good_canvas(one_deployment: Deployment):
    await one_deployment.browser().install("acme")
    for contact in CONTACTS:
        for component in COMPONENTS:
            sent = {"workspace_id": "acme", "contact": contact, "component_id": component, "input_values": [1]}
            status, answer = await one_deployment.intercom("/intercom/canvas/submit", sent)
            assert status == 200, (contact, component)
            assert answer["canvas"]["content"]["components"], (contact, component)
            assert len(json.dumps(answer)) < 64 * 1024


async def test_an_uninstall_stops_erases_and_deletes_in_that_order(deployment: Deployment):
    """Stripe is away at first: the key is kept until the endpoint is gone there, everything else goes at once."""
    browser = deployment.browser()
    await browser.install("acme")
    await browser.get("/setup/stripe")
    await browser.post("/setup/stripe", key=LIVE_KEY, label="")
    deployment.sandbox.fail(path="/v1/webhook_endpoints*", status=500, times=None)
    assert (await deployment.intercom("/intercom/uninstall", {"app_id": "acme"}))[1] == {"uninstalled": True}
    workspace = await deployment.workspace("acme")
    assert workspace is not None
    assert (workspace.mode, workspace.token) == (Mode.REMOVED, None)
    (row,) = await deployment.service.database.read(lambda connection: connection.execute(sa.select(endpoints)).all())
    assert row.removed_at is not None
    assert row.signing_secrets is None
    assert row.restricted_key is not None
    deployment.sandbox.clear_faults()
    await deployment.service.front.finish_removals()
    (row,) = await deployment.service.database.read(lambda connection: connection.execute(sa.select(endpoints)).all())
    assert (row.restricted_key, row.remote_id) == (None, None)
    assert deployment.sandbox.stripe_endpoints(account="acct_acme") == []


async def test_a_second_uninstall_and_one_of_a_stranger_are_answered_like_nothing_happened(one_deployment: Deployment):
    await one_deployment.browser().install("acme")
    for app_id, said in (("acme", True), ("acme", False), ("nobody", False)):
        assert await one_deployment.intercom("/intercom/uninstall", {"app_id": app_id}) == (200, {"uninstalled": said})


def facts(**changes: Any) -> Facts:
    return Facts(**{"authorized": True, "endpoints": 1, "quiet_ms": 0, "dead_today": 0, "dead_yesterday": 0, **changes})


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({}, ""),
        ({"authorized": False}, "access token"),
        ({"endpoints": 0, "quiet_ms": None}, "is connected yet"),
        ({"quiet_ms": 7 * DAY}, "for 7 days"),
        ({"quiet_ms": 7 * DAY - 1}, ""),
        ({"dead_today": MANY_DEAD}, "could not be delivered"),
        ({"dead_today": MANY_DEAD - 1}, ""),
        ({"dead_today": 100, "dead_yesterday": 90}, ""),
        ({"disabled": ("Acme",)}, "disabled or gone: Acme"),
    ],
)
def test_the_condition_is_the_worst_that_holds_in_a_sentence(changes: dict[str, Any], said: str):
    found = condition(facts(**changes))
    assert said in found.message
    assert (found.state == "OK") is (said == "")
    told = found.as_json("https://connector.example/setup")
    if found.state == "UNHEALTHY":
        assert told["cta_type"] == ("REINSTALL_CTA" if found.reinstall else "URL_CTA")
        assert ("cta_url" in told) is not found.reinstall


async def test_a_change_is_pushed_once_and_what_is_well_from_the_start_is_not(deployment: Deployment):
    browser = deployment.browser()
    await browser.install("acme")
    check, sandbox = deployment.service.front.health_check, deployment.sandbox
    for _ in range(2):
        await check.push_changes()
    assert [told["state"] for told in sandbox.install_statuses()] == ["UNHEALTHY"]
    assert "/setup/enter/" in sandbox.install_statuses()[0]["cta_url"]
    await browser.get("/setup/segment")
    await browser.post("/setup/segment", label="x", way="webhook")
    for _ in range(2):
        await check.push_changes()
    assert [told["state"] for told in sandbox.install_statuses()] == ["UNHEALTHY", "OK"]


async def test_an_endpoint_disabled_at_stripe_makes_the_installation_unhealthy_until_it_is_mended(
    deployment: Deployment,
):
    browser = deployment.browser()
    await browser.install("acme")
    await browser.get("/setup/stripe")
    await browser.post("/setup/stripe", key=LIVE_KEY, label="")
    (there,) = deployment.sandbox.stripe_endpoints(account="acct_acme")
    headers, url = (
        {"Authorization": f"Bearer {LIVE_KEY}"},
        f"{deployment.sandbox.url}/v1/webhook_endpoints/{there['id']}",
    )
    check = deployment.service.front.health_check
    for disabled, state in (("true", "UNHEALTHY"), ("false", "OK"), ("true", "UNHEALTHY")):
        async with deployment.http.post(url, data={"disabled": disabled}, headers=headers) as answer:
            assert answer.status == 200
        await check.look_at_stripe()
        assert (await deployment.intercom("/intercom/health", {"workspace_id": "acme"}))[1]["state"] == state
    assert await count(deployment.service.database) == 1
    counted = deployment.service.metrics.render().decode()
    assert 'connector_alerts_opened_total{kind="stripe_endpoint"} 2.0' in counted
    assert 'connector_alerts_closed_total{kind="stripe_endpoint"} 1.0' in counted


async def count(database: Database) -> int:
    return await database.read(
        lambda connection: connection.scalar(sa.select(sa.func.count()).select_from(alerts)) or 0
    )


async def test_a_refused_token_says_reinstall_also_after_a_mode_was_chosen(one_deployment: Deployment):
    await one_deployment.browser().install("acme")
    workspace = await one_deployment.workspace("acme")
    assert workspace is not None
    await one_deployment.service.database.transact(store.set_mode, workspace.id, Mode.NEEDS_REAUTHORIZATION, now=2)
    _, told = await one_deployment.intercom("/intercom/health", {"workspace_id": "acme"})
    assert told["cta_type"] == "REINSTALL_CTA"
    (text, button) = await one_deployment.card("acme", id="1")
    assert "no longer accepts" in text["text"]
    assert button["action"]["url"].endswith("/install")

"""The local Stripe sends: signed, to who asked for it, again where it did not get through."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator

import pytest
import stripe
from aiohttp import ClientSession, web

from connector.sandbox import Sandbox, SandboxSettings, StripeKey

KEY, LIVE_KEY = "rk_test_sandbox", "rk_live_sandbox"


class Listener:
    """An endpoint that keeps what it gets and answers as it is told."""

    def __init__(self) -> None:
        self.got: list[tuple[bytes, str]] = []
        self.status = 200

    async def take(self, request: web.Request) -> web.Response:
        self.got.append((await request.read(), request.headers["Stripe-Signature"]))
        return web.Response(status=self.status)

    @property
    def ids(self) -> list[str]:
        return sorted(json.loads(body)["id"] for body, _ in self.got)


@pytest.fixture
async def listener(aiohttp_server) -> Listener:
    found = Listener()
    app = web.Application()
    app.add_routes([web.post("/hook", found.take)])
    server = await aiohttp_server(app)
    found.url = f"http://127.0.0.1:{server.port}/hook"
    return found


@pytest.fixture
async def sandbox() -> AsyncIterator[Sandbox]:
    keys = (StripeKey(key=KEY), StripeKey(key=LIVE_KEY))
    async with Sandbox(SandboxSettings(stripe_keys=keys)) as sandbox:
        yield sandbox


@pytest.fixture
async def client(sandbox):
    async with ClientSession() as session:
        http_client = stripe.AIOHTTPClient(session=session)
        yield stripe.StripeClient(KEY, base_addresses={"api": sandbox.url}, http_client=http_client)


def event(number: int, kind: str = "invoice.paid", *, livemode: bool = False) -> dict:
    carried = {"id": f"in_{number}", "object": "invoice"}
    created = 1_795_225_780 + number
    return {
        "id": f"evt_{number}",
        "object": "event",
        "type": kind,
        "created": created,
        "livemode": livemode,
        "api_version": "2020-08-27",
        "data": {"object": carried},
    }


async def make(client, listener, *types: str, **params):
    return await client.v1.webhook_endpoints.create_async(
        {"url": listener.url, "enabled_events": list(types or ["*"]), **params}
    )


async def test_a_webhook_is_signed_with_the_endpoint_s_secret_and_of_its_version(sandbox, client, listener):
    endpoint = await make(client, listener, api_version="2024-06-20")
    sandbox.load_stripe([event(1)])
    (sent,) = await sandbox.send_stripe()
    assert sent.ok
    ((body, header),) = listener.got
    assert stripe.Webhook.construct_event(body, header, endpoint.secret).api_version == "2024-06-20"
    listed = (await client.v1.events.list_async()).data[0]
    assert (listed.id, listed.api_version) == ("evt_1", "2020-08-27")


async def test_an_endpoint_gets_its_types_of_its_mode_while_it_is_enabled(sandbox, client, listener):
    endpoint = await make(client, listener, "invoice.paid")
    sandbox.load_stripe([event(1), event(2, "charge.refunded"), event(3, livemode=True)])
    await sandbox.send_stripe()
    assert listener.ids == ["evt_1"]
    await client.v1.webhook_endpoints.update_async(endpoint.id, {"disabled": True})
    assert await sandbox.send_stripe(again=True) == []
    await client.v1.webhook_endpoints.update_async(endpoint.id, {"disabled": False, "enabled_events": ["*"]})
    await sandbox.send_stripe()
    assert listener.ids == ["evt_1", "evt_2"]
    await client.v1.webhook_endpoints.delete_async(endpoint.id)
    assert await sandbox.send_stripe(again=True) == []


async def test_what_got_no_2xx_is_sent_again_and_what_did_only_when_asked(sandbox, client, listener):
    await make(client, listener)
    sandbox.load_stripe([event(1), event(2)])
    listener.status = 500
    assert [each.status for each in await sandbox.send_stripe()] == [500, 500]
    listener.status = 200
    assert [each.ok for each in await sandbox.send_stripe()] == [True, True]
    assert await sandbox.send_stripe() == []
    assert len(await sandbox.send_stripe(again=True, only=["evt_2"])) == 1
    assert listener.ids == ["evt_1", "evt_1", "evt_2", "evt_2", "evt_2"]


async def test_a_secret_is_told_once_and_the_seventeenth_endpoint_is_refused(sandbox, client, listener):
    made = await make(client, listener, metadata={"mine": "yes"})
    assert made.secret
    found = await client.v1.webhook_endpoints.retrieve_async(made.id)
    assert "secret" not in found
    assert found.metadata["mine"] == "yes"
    for _ in range(15):
        await make(client, listener)
    with pytest.raises(stripe.InvalidRequestError, match="maximum of 16"):
        await make(client, listener)


@pytest.mark.parametrize(
    "params",
    [{"url": "connector"}, {"enabled_events": ["invoice.*"]}, {"enabled_events": []}, {"status": "enabled"}],
    ids=str,
)
async def test_an_endpoint_that_stripe_would_not_make_is_refused(client, listener, params):
    with pytest.raises(stripe.InvalidRequestError):
        await make(client, listener, **params)


async def test_webhooks_can_be_asked_for_over_http(sandbox, client, listener, calling):
    await make(client, listener)
    async with calling(sandbox.url) as call:
        await call("POST", "/sandbox/stripe", {"things": [event(1)]})
        answer = await call("POST", "/sandbox/stripe/send", {})
        assert [each["status"] for each in answer.body["sent"]] == [200]
        assert len((await call("GET", "/sandbox/stripe/endpoints")).body["endpoints"]) == 1
        assert (await call("POST", "/sandbox/stripe/keys", {"key": "rk_test_2", "account": "acct_2"})).status == 200
        assert (await call("POST", "/sandbox/stripe/send", {"account": "acct_9"})).status == 400
    assert listener.ids == ["evt_1"]


async def test_a_restricted_key_changes_what_it_may_and_no_more(sandbox, listener):
    sandbox.add_stripe_key(StripeKey(key="rk_test_hooks", reads=frozenset(), writes=frozenset({"webhook_endpoints"})))
    sandbox.add_stripe_key(StripeKey(key="rk_test_reads", reads=frozenset({"webhook_endpoints"})))
    async with ClientSession() as session:

        def client_of(key: str) -> stripe.StripeClient:
            http_client = stripe.AIOHTTPClient(session=session)
            return stripe.StripeClient(key, base_addresses={"api": sandbox.url}, http_client=http_client)

        await make(client_of("rk_test_hooks"), listener)
        assert len((await client_of("rk_test_reads").v1.webhook_endpoints.list_async()).data) == 1
        with pytest.raises(stripe.PermissionError, match="rak_webhook_write"):
            await make(client_of("rk_test_reads"), listener)
        with pytest.raises(stripe.PermissionError, match="rak_accounts_kyc_basic_read"):
            await client_of("rk_test_reads").v1.accounts.retrieve_current_async()
        sandbox.revoke_stripe_key("rk_test_reads")
        with pytest.raises(stripe.AuthenticationError):
            await client_of("rk_test_reads").v1.webhook_endpoints.list_async()


async def test_too_many_calls_in_a_second_are_refused():
    settings = SandboxSettings(stripe_rate_limit=2)
    async with Sandbox(settings, clock=lambda: 1_795_225_780.0) as sandbox, ClientSession() as session:
        http_client = stripe.AIOHTTPClient(session=session)
        client = stripe.StripeClient(KEY, base_addresses={"api": sandbox.url}, http_client=http_client)
        for _ in range(2):
            await client.v1.events.list_async()
        with pytest.raises(stripe.RateLimitError):
            await client.v1.events.list_async()

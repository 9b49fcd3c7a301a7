"""The local Stripe, asked by Stripe's own client."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
import stripe
from aiohttp import ClientSession

from connector.sandbox import Sandbox, SandboxSettings, StripeKey

DAY = 24 * 3600
KEYS = (
    StripeKey(key="rk_test_all", account="acct_1"),
    StripeKey(key="rk_live_all", account="acct_1"),
    StripeKey(key="rk_test_events", account="acct_1", reads=frozenset({"events"})),
    StripeKey(key="rk_test_other", account="acct_2"),
)


@pytest.fixture
async def sandbox(clock) -> AsyncIterator[Sandbox]:
    async with Sandbox(SandboxSettings(stripe_keys=KEYS), clock=clock) as sandbox:
        yield sandbox


@pytest.fixture
async def client_of(sandbox):
    """A StripeClient for one key, over an aiohttp session, as the connector uses it."""
    async with ClientSession() as session:

        def client_of(key: str = "rk_test_all") -> stripe.StripeClient:
            http_client = stripe.AIOHTTPClient(session=session)
            return stripe.StripeClient(key, base_addresses={"api": sandbox.url}, http_client=http_client)

        yield client_of


@pytest.fixture
def load(sandbox, clock):
    """Load one event: load("evt_1", "invoice.paid", seconds_ago=60)."""

    def load(event_id: str, kind: str = "invoice.paid", *, seconds_ago: int = 60, livemode: bool = False, **more):
        carried = {"id": f"in_{event_id}", "object": "invoice", "livemode": livemode, "number": "A-1"}
        event = {
            "id": event_id,
            "object": "event",
            "type": kind,
            "created": int(clock.now) - seconds_ago,
            "livemode": livemode,
            "data": {"object": carried},
        }
        sandbox.load_stripe([event], **more)

    return load


async def ids(client, **params):
    return [event.id for event in (await client.v1.events.list_async(params)).data]


async def test_the_account_behind_a_key_is_shown(client_of):
    account = await client_of("rk_test_other").v1.accounts.retrieve_current_async()
    assert (account.id, account.object) == ("acct_2", "account")


async def test_events_come_newest_first(client_of, load):
    for event_id, seconds_ago in (("evt_b", 20), ("evt_c", 10), ("evt_a", 30)):
        load(event_id, seconds_ago=seconds_ago)
    assert await ids(client_of()) == ["evt_c", "evt_b", "evt_a"]


async def test_events_are_filtered_by_type_pattern_and_time(client_of, load, clock):
    load("evt_paid", "invoice.paid", seconds_ago=30)
    load("evt_failed", "invoice.payment_failed", seconds_ago=20)
    load("evt_refund", "charge.refunded", seconds_ago=10)
    client, now = client_of(), int(clock.now)
    assert await ids(client, type="invoice.*") == ["evt_failed", "evt_paid"]
    assert await ids(client, types=["invoice.paid", "charge.refunded"]) == ["evt_refund", "evt_paid"]
    assert await ids(client, created={"gte": now - 30, "lt": now - 10}) == ["evt_failed", "evt_paid"]
    assert await ids(client, created={"gt": now - 30, "lte": now - 10}) == ["evt_refund", "evt_failed"]
    assert await ids(client, created=now - 20) == ["evt_failed"]


@pytest.mark.parametrize("params", [{}, {"ending_before": "evt_000"}], ids=["downwards", "upwards"])
async def test_paging_reaches_every_event_once_in_the_order_of_travel(client_of, load, params):
    for n in range(25):
        load(f"evt_{n:03}", seconds_ago=1000 - n)
    page = await client_of().v1.events.list_async({"limit": 10, **params})
    seen = [event.id async for event in page.auto_paging_iter()]
    newest_first = [f"evt_{n:03}" for n in reversed(range(25))]
    assert seen == (newest_first[-2::-1] if params else newest_first)


async def test_events_older_than_thirty_days_are_gone(client_of, load, clock):
    load("evt_1", seconds_ago=29 * DAY)
    assert await ids(client_of()) == ["evt_1"]
    clock.advance(2 * DAY)
    assert await ids(client_of()) == []
    with pytest.raises(stripe.InvalidRequestError, match="No such event"):
        await client_of().v1.events.retrieve_async("evt_1")


async def test_a_key_sees_its_own_mode_and_account_only(client_of, load):
    load("evt_test")
    load("evt_live", livemode=True)
    load("evt_other", account="acct_2")
    assert await ids(client_of("rk_test_all")) == ["evt_test"]
    assert await ids(client_of("rk_live_all")) == ["evt_live"]
    assert await ids(client_of("rk_test_other")) == ["evt_other"]


async def test_an_object_is_known_once_an_event_carried_it(client_of, load):
    load("evt_1")
    assert (await client_of().v1.invoices.retrieve_async("in_evt_1")).number == "A-1"
    with pytest.raises(stripe.InvalidRequestError, match="No such charge: 'in_evt_1'"):
        await client_of().v1.charges.retrieve_async("in_evt_1")


async def test_an_object_can_be_loaded_by_itself(sandbox, client_of):
    sandbox.load_stripe([{"id": "cus_1", "object": "customer", "email": "ada@example.com"}])
    assert (await client_of().v1.customers.retrieve_async("cus_1")).email == "ada@example.com"


async def test_an_event_without_an_id_in_its_object_is_taken(client_of, sandbox, clock):
    upcoming = {"id": "evt_1", "object": "event", "type": "invoice.upcoming", "created": int(clock.now)}
    sandbox.load_stripe([upcoming | {"data": {"object": {"object": "invoice"}}}])
    assert (await client_of().v1.events.retrieve_async("evt_1")).type == "invoice.upcoming"


async def test_a_restricted_key_reads_what_it_was_given_and_no_more(client_of, load):
    load("evt_1")
    restricted = client_of("rk_test_events")
    assert await ids(restricted) == ["evt_1"]
    with pytest.raises(stripe.PermissionError, match="rak_invoice_read"):
        await restricted.v1.invoices.retrieve_async("in_evt_1")


async def test_an_unknown_key_is_refused(client_of):
    with pytest.raises(stripe.AuthenticationError, match="Invalid API Key"):
        await ids(client_of("rk_test_wrong"))


@pytest.mark.parametrize(
    "params",
    [
        {"limit": 101},
        {"limit": "many"},
        {"types": ["a"] * 21},
        {"type": "a", "types": ["b"]},
        {"created": {"gte": "yesterday"}},
        {"starting_after": "evt_unknown"},
    ],
    ids=str,
)
async def test_a_question_that_stripe_does_not_answer_is_refused(client_of, params):
    with pytest.raises(stripe.InvalidRequestError):
        await ids(client_of(), **params)


async def test_a_key_is_taken_as_a_user_name_too(sandbox, calling):
    async with calling(sandbox.url) as call:
        answer = await call("GET", "/v1/account", Authorization="Basic cmtfdGVzdF9vdGhlcjo=")
        assert answer.body["id"] == "acct_2"
        assert (await call("GET", "/v1/account")).status == 401
        assert (await call("GET", "/v1/account", Authorization="Basic !")).status == 401


async def test_faults_hit_stripe_too(sandbox, client_of):
    sandbox.fail(status=503, path="/v1/events", times=None)
    with pytest.raises(stripe.APIError):
        await ids(client_of())

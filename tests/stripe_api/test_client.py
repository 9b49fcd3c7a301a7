"""One call: paced, tried again, and never an exception."""

from __future__ import annotations

import time

import pytest

from connector.sandbox import Sandbox, SandboxSettings
from connector.stripe_api import objects
from connector.stripe_api.answers import Found, Missing, Refused, TryLater, without_keys
from connector.stripe_api.client import StripeApi, make_session, path_of
from connector.stripe_api.pace import BURST, CLEAN_S, LIVE_PER_S, LONGEST_BLOCK_S, Pace, Paces
from tests.stripe_api.conftest import ALL, FEW, KEYS


def load(sandbox: Sandbox, kind: str = "customer", object_id: str = "cus_1", **more: object) -> None:
    thing = {"id": object_id, "object": kind, "livemode": False, "created": int(time.time()), **more}
    sandbox.load_stripe([thing], account="acct_1")


async def test_a_thing_is_found_missing_or_refused(api, sandbox: Sandbox):
    load(sandbox, email="ada@example.com")
    load(sandbox, "charge", "ch_1")
    found = await objects.one(api, ALL, "customer", "cus_1")
    assert isinstance(found, Found)
    assert found.value.values["email"] == "ada@example.com"
    assert await objects.one(api, ALL, "customer", "cus_2") == Missing()
    refused = await objects.one(api, FEW, "charge", "ch_1")
    assert isinstance(refused, Refused)
    assert (refused.reason, refused.permission, refused.account) == ("permission_missing", "rak_charge_read", "acct_1")
    assert isinstance(await objects.one(api, "rk_test_unknown", "charge", "ch_1"), Refused)


async def test_a_deleted_customer_is_missing(api, sandbox: Sandbox):
    load(sandbox, deleted=True)
    assert await objects.one(api, ALL, "customer", "cus_1") == Missing()


@pytest.mark.parametrize(
    "object_id", ["", ".", "..", "../events", "cus_1/../../events", "a b?x=1#y", "ü" * 300, "\x00"]
)
async def test_an_id_leads_nowhere_else(api, sandbox: Sandbox, object_id):
    assert await objects.one(api, ALL, "customer", object_id) == Missing()
    assert not [call for call in sandbox.calls() if call.route != "/v1/customers/{id}"]


async def test_what_stripe_could_not_do_just_now_is_tried_again(api, sandbox: Sandbox):
    load(sandbox)
    sandbox.fail(status=503, path="/v1/customers/*", times=1)
    assert isinstance(await objects.one(api, ALL, "customer", "cus_1"), Found)
    assert len(sandbox.calls(path="/v1/customers/cus_1")) == 2


async def test_a_429_is_tried_again_after_a_while(api, sandbox: Sandbox):
    load(sandbox)
    sandbox.fail(status=429, path="/v1/customers/*", times=1, body='{"error": {"message": "too many"}}')
    assert isinstance(await objects.one(api, ALL, "customer", "cus_1"), Found)


@pytest.mark.parametrize("fault", [{"status": 503}, {"kind": "reset"}, {"status": 200, "body": "<html>"}], ids=str)
async def test_who_cannot_wait_is_told_when_to_come_back(api, sandbox: Sandbox, fault):
    load(sandbox)
    sandbox.fail(path="/v1/customers/*", times=None, **fault)
    later = await objects.one(api, ALL, "customer", "cus_1", patience_s=0)
    assert isinstance(later, TryLater)
    assert 0 < later.at - time.time() * 1000 < 60_000


async def test_one_key_s_429_does_not_hold_up_another(sandbox: Sandbox):
    load(sandbox)
    sandbox.fail(status=429, path="/v1/customers/*", times=1)
    async with make_session(base_url=sandbox.url) as session:
        api = StripeApi(session, base_url=sandbox.url)
        assert isinstance(await objects.one(api, FEW, "customer", "cus_1", patience_s=0), TryLater)
        before = len(sandbox.calls())
        assert isinstance(await objects.one(api, FEW, "customer", "cus_1", patience_s=0), TryLater)
        assert len(sandbox.calls()) == before  # not even asked
        assert isinstance(await objects.one(api, ALL, "customer", "cus_1", patience_s=0), Found)


async def test_the_whole_account_s_limit_is_kept_by_waiting():
    limited = SandboxSettings(stripe_keys=KEYS, stripe_rate_limit=3)
    async with Sandbox(limited) as sandbox, make_session(base_url=sandbox.url) as session:
        load(sandbox)
        api = StripeApi(session, base_url=sandbox.url)
        for _ in range(5):
            assert isinstance(await objects.one(api, ALL, "customer", "cus_1"), Found)


def test_a_pace_allows_a_burst_and_then_spreads():
    pace = Pace(per_s=10.0)
    for _ in range(BURST + 1):
        assert pace.wait(100.0) == 0
        pace = pace.taken(100.0)
    assert pace.wait(100.0) == pytest.approx(0.1)
    assert pace.wait(100.1) == pytest.approx(0)


def test_no_second_holds_more_calls_than_the_pace_and_its_burst():
    pace, now, made = Pace(LIVE_PER_S), 0.0, []
    for _ in range(100):
        now += pace.wait(now)
        pace = pace.taken(now)
        made.append(now)
    assert max(sum(start <= at < start + 1 for at in made) for start in made) <= LIVE_PER_S + BURST + 1


def test_refusals_block_for_longer_and_longer_and_are_forgotten():
    pace, now, waits = Pace(10.0), 1000.0, []
    for _ in range(9):
        pace = pace.refused(now, 1.0)
        waits.append(pace.wait(now))
        now += pace.wait(now)
    assert waits == [1, 2, 4, 8, 16, 32, 64, LONGEST_BLOCK_S, LONGEST_BLOCK_S]
    pace = pace.refused(now + CLEAN_S + 1, 1.0)
    assert pace.refusals == 1


def test_refusals_of_calls_that_were_on_their_way_together_are_one():
    pace = Pace(10.0).refused(1000.0, 1.0)
    assert pace.refused(1000.5, 1.0) == pace


def test_paces_of_keys_that_are_idle_are_forgotten():
    paces = Paces()
    for number in range(10_050):
        paces.take(b"%d" % number, float(number), live=True)
    assert len(paces._paces) <= 10_000


def test_not_even_a_part_of_a_key_goes_any_further():
    assert without_keys("Invalid API Key provided: rk_live_51HGc**********9sdf") == "Invalid API Key provided: [key]"


def test_a_path_is_quoted():
    assert path_of("coupons", "25 OFF/é") == "coupons/25%20OFF%2F%C3%A9"

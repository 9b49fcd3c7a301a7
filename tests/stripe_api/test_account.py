"""What a pasted key turns out to be."""

from __future__ import annotations

import pytest

from connector.sandbox import Sandbox, StripeKey
from connector.stripe_api.account import PERMISSIONS, Account, NoKey, check_key
from connector.stripe_api.answers import TryLater
from tests.stripe_api.conftest import ALL, FEW, LIVE


async def test_a_key_with_every_permission_is_good(api):
    assert await check_key(api, ALL) == Account("acct_1", "Sandbox", "restricted", live=False)


async def test_the_mode_is_the_key_s(api):
    checked = await check_key(api, LIVE)
    assert isinstance(checked, Account)
    assert checked.live


async def test_what_a_restricted_key_lacks_is_named(api):
    checked = await check_key(api, FEW)
    assert isinstance(checked, Account)
    assert checked.id == "acct_1"  # Stripe's refusals say whose key it is
    assert {each.resource for each in checked.missing} == {each.resource for each in PERMISSIONS} - {
        "Events",
        "Customers",
    }


async def test_reading_webhook_endpoints_is_not_writing_them(api, sandbox: Sandbox):
    sandbox.add_stripe_key(StripeKey(key="rk_test_reader", account="acct_1", reads=frozenset({"webhook_endpoints"})))
    checked = await check_key(api, "rk_test_reader")
    assert isinstance(checked, Account)
    assert "rak_webhook_write" in {each.name for each in checked.missing}
    assert sandbox.stripe_endpoints(account="acct_1") == []


async def test_checking_a_key_changes_nothing(api, sandbox: Sandbox):
    await check_key(api, ALL)
    assert sandbox.stripe_endpoints(account="acct_1") == []


@pytest.mark.parametrize(
    ("key", "reason"),
    [
        ("", "not_a_key"),
        ("whsec_1234567890", "not_a_key"),
        ("rk_test_ünknown", "not_a_key"),
        ("rk_test_with\nnewline", "not_a_key"),
        ("rk_test_1234567890\n", "not_a_key"),
        ("pk_live_1234567890", "publishable"),
        ("rk_test_unknown_to_stripe", "key_refused"),
    ],
)
async def test_what_is_no_good_key_is_told_apart(api, key, reason):
    checked = await check_key(api, key)
    assert isinstance(checked, NoKey)
    assert checked.reason == reason
    assert not key or key not in checked.words


async def test_no_answer_is_no_judgement(api, sandbox: Sandbox):
    await sandbox.stop()
    assert isinstance(await check_key(api, ALL, patience_s=0), TryLater)


async def test_the_sandbox_knows_the_permissions_by_stripe_s_names(api, sandbox: Sandbox):
    """Each permission is missed under the name that is asked for, so that people can find it in Stripe's form."""
    sandbox.add_stripe_key(StripeKey(key="rk_test_nothing", account="acct_1", reads=frozenset()))
    for permission in PERMISSIONS:
        call = api.post if permission.access == "write" else api.get
        refused = await call("rk_test_nothing", permission.path, {})
        assert refused.permission == permission.name

"""One webhook endpoint for each of ours: found again, changed, replaced where it must be, deleted."""

from __future__ import annotations

from connector.sandbox import Sandbox, StripeKey
from connector.stripe_api import endpoints
from connector.stripe_api.answers import Found, Missing, Refused
from connector.stripe_api.client import VERSION
from connector.stripe_api.endpoints import Ensured, Wanted, ensure, types_in_use
from tests.stripe_api.conftest import ALL, LIVE

WANTED = Wanted("ws-1/default", "https://connector.example.com/webhooks/stripe/token", ("invoice.paid",))


async def ensured(api, *, key: str = ALL, secret_known: bool = True, **changes: object) -> Ensured:
    wanted = Wanted(**{"owner": WANTED.owner, "url": WANTED.url, "types": WANTED.types, **changes})
    found = await ensure(api, key, wanted, secret_known=secret_known)
    assert isinstance(found, Ensured)
    return found


def there(sandbox: Sandbox) -> list[dict]:
    return sandbox.stripe_endpoints(account="acct_1")


async def test_it_is_made_once_with_a_pinned_version_and_just_the_types_in_use(api, sandbox):
    made = await ensured(api)
    assert made.done == "made"
    assert made.endpoint.secret.startswith("whsec_")
    (only,) = there(sandbox)
    assert (only["api_version"], only["enabled_events"], only["url"]) == (VERSION, ["invoice.paid"], WANTED.url)
    again = await ensured(api)
    assert (again.done, again.endpoint.id, again.endpoint.secret) == ("found", made.endpoint.id, None)
    assert len(there(sandbox)) == 1


async def test_other_types_and_another_address_are_changes(api, sandbox):
    made = await ensured(api)
    changed = await ensured(api, types=("charge.refunded", "invoice.paid"), url="https://new.example.com/hook")
    assert (changed.done, changed.endpoint.id) == ("updated", made.endpoint.id)
    (only,) = there(sandbox)
    assert (only["enabled_events"], only["url"]) == (
        ["charge.refunded", "invoice.paid"],
        "https://new.example.com/hook",
    )


async def test_one_that_was_switched_off_at_stripe_is_switched_on(api, sandbox):
    made = await ensured(api)
    await api.post(ALL, f"webhook_endpoints/{made.endpoint.id}", {"disabled": "true"})
    assert not (await endpoints.status(api, ALL, made.endpoint.id)).value.enabled
    assert (await ensured(api)).done == "updated"
    assert there(sandbox)[0]["status"] == "enabled"


async def test_one_whose_secret_is_lost_is_replaced(api, sandbox):
    made = await ensured(api)
    replaced = await ensured(api, secret_known=False)
    assert replaced.done == "replaced"
    assert replaced.endpoint.secret != made.endpoint.secret
    assert [each["id"] for each in there(sandbox)] == [replaced.endpoint.id]


async def test_one_of_another_version_is_replaced(api, sandbox):
    await ensured(api, version="2024-06-20")
    replaced = await ensured(api)
    assert replaced.done == "replaced"
    assert [each["api_version"] for each in there(sandbox)] == [VERSION]


async def test_two_of_ours_become_one(api, sandbox):
    first = await ensured(api)
    params = {"url": "https://x.example", "enabled_events": ["*"], "api_version": VERSION}
    await api.post(ALL, "webhook_endpoints", {**params, "metadata": {endpoints.OWNER: WANTED.owner}})
    await ensured(api)
    assert [each["id"] for each in there(sandbox)] == [first.endpoint.id]


async def test_what_others_have_is_not_touched(api, sandbox):
    for number in range(3):
        await api.post(ALL, "webhook_endpoints", {"url": f"https://{number}.example", "enabled_events": ["*"]})
    await ensured(api)
    await ensured(api, secret_known=False)
    assert len(there(sandbox)) == 4


async def test_it_is_found_behind_a_page_of_others(api, sandbox):
    made = await ensured(api)
    for number in range(15):
        await api.post(ALL, "webhook_endpoints", {"url": f"https://{number}.example", "enabled_events": ["*"]})
    assert (await ensured(api)).endpoint.id == made.endpoint.id


async def test_where_there_is_no_room_that_is_said(api, sandbox):
    for number in range(16):
        await api.post(ALL, "webhook_endpoints", {"url": f"https://{number}.example", "enabled_events": ["*"]})
    refused = await ensure(api, ALL, WANTED, secret_known=False)
    assert isinstance(refused, Refused)
    assert "maximum of 16" in refused.words


async def test_where_there_is_room_only_for_one_it_is_still_replaced(api, sandbox):
    await ensured(api)
    for number in range(15):
        await api.post(ALL, "webhook_endpoints", {"url": f"https://{number}.example", "enabled_events": ["*"]})
    assert (await ensured(api, secret_known=False)).done == "replaced"
    assert len(there(sandbox)) == 16


async def test_each_mode_has_its_own(api, sandbox):
    test, live = await ensured(api), await ensured(api, key=LIVE)
    assert test.endpoint.id != live.endpoint.id
    assert {each["livemode"] for each in there(sandbox)} == {True, False}


async def test_it_is_deleted_on_disconnect(api, sandbox):
    made = await ensured(api)
    assert await endpoints.delete(api, ALL, made.endpoint.id) == Found(None)
    assert await endpoints.delete(api, ALL, made.endpoint.id) == Missing()
    assert there(sandbox) == []


async def test_a_key_that_may_not_write_is_refused_by_name(api, sandbox):
    sandbox.add_stripe_key(StripeKey(key="rk_test_reader", account="acct_1", reads=frozenset({"webhook_endpoints"})))
    refused = await ensure(api, "rk_test_reader", WANTED, secret_known=False)
    assert isinstance(refused, Refused)
    assert refused.permission == "rak_webhook_write"


def test_the_types_in_use_are_those_mapped_and_those_learnt_from():
    assert types_in_use(["invoice.paid"], ["customer.updated", "invoice.paid"]) == ("customer.updated", "invoice.paid")
    assert types_in_use(["invoice.paid", "*"], ["customer.updated"]) == ("*",)

"""The client against an Intercom that behaves as the real one does."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator

import pytest

from connector.events import Identifier, IdentifierKind
from connector.intercom.client import IntercomClient, event_body
from connector.intercom.contact import Found
from connector.intercom.me import Me
from connector.intercom.outcome import Answer, RateLimited, read
from connector.intercom.pace import Budget
from connector.sandbox import Sandbox

NOW = int(time.time() * 1000)
"""The sandbox's clock stands still, so that no window of its rate limit ends within a test."""
EMAIL, USER_ID, ID = IdentifierKind.EMAIL, IdentifierKind.USER_ID, IdentifierKind.ID


@pytest.fixture
async def sandbox() -> AsyncIterator[Sandbox]:
    async with Sandbox(clock=lambda: NOW / 1000) as sandbox:
        yield sandbox


@pytest.fixture
def client(sandbox: Sandbox, client_of) -> IntercomClient:
    return client_of(sandbox.url)


async def submit(client: IntercomClient, sandbox: Sandbox, identifier: Identifier) -> Answer:
    return await client.submit_event("us", sandbox.token, event_body("paid-invoice", 1763687000, identifier, {"n": 1}))


async def ids(client: IntercomClient, sandbox: Sandbox, identifier: Identifier) -> list[str]:
    found = await client.find_contacts("us", sandbox.token, identifier)
    assert isinstance(found, Found), found
    return [contact.id for contact in found.contacts]


async def test_an_event_is_delivered_once_however_often_it_is_sent(client, sandbox):
    sandbox.add_contact(external_id="42", email="ada@example.com")
    outcomes = [read(await submit(client, sandbox, Identifier(USER_ID, "42")), now_ms=NOW) for _ in range(2)]
    assert [outcome.name for outcome in outcomes] == ["delivered", "delivered"]
    assert len(sandbox.events(duplicate=False)) == 1


async def test_an_event_for_nobody_is_not_found_and_so_is_the_contact(client, sandbox):
    nobody = Identifier(USER_ID, "42")
    assert read(await submit(client, sandbox, nobody), now_ms=NOW).name == "contact_not_found"
    assert await ids(client, sandbox, nobody) == []


async def test_an_email_that_two_people_have_is_told(client, sandbox):
    shared = Identifier(EMAIL, "office@example.com")
    two = [sandbox.add_contact(external_id=number, email=shared.value).id for number in ("1", "2")]
    assert read(await submit(client, sandbox, shared), now_ms=NOW).name == "several_contacts"
    assert sorted(await ids(client, sandbox, shared)) == sorted(two)


@pytest.mark.parametrize("user_id", ["42", "a/b?c#d", "..", "käse 100%", "user@example.com"])
async def test_a_user_is_found_by_any_external_id(client, sandbox, user_id):
    contact = sandbox.add_contact(external_id=user_id)
    assert await ids(client, sandbox, Identifier(USER_ID, user_id)) == [contact.id]


@pytest.mark.parametrize("minds_the_case", [False, True])
async def test_a_contact_is_found_by_email_whatever_its_case(client, sandbox, minds_the_case):
    sandbox.configure(match_email_case=minds_the_case)
    contact = sandbox.add_contact(role="lead", email="ada@example.com")
    assert await ids(client, sandbox, Identifier(EMAIL, "Ada@Example.com")) == [contact.id]


async def test_a_lead_found_by_email_takes_the_event_by_id(client, sandbox):
    sandbox.add_contact(role="lead", email="ada@example.com")
    (lead,) = await ids(client, sandbox, Identifier(EMAIL, "ada@example.com"))
    assert (await submit(client, sandbox, Identifier(ID, lead))).status == 202
    assert await ids(client, sandbox, Identifier(ID, lead)) == [lead]


async def test_me_tells_whose_token_it_is(client, sandbox):
    me = await client.me("us", sandbox.token)
    assert isinstance(me, Me)
    assert (me.app_id, me.region, me.time_zone) == ("sandbox", "us", "UTC")


async def test_a_token_that_opens_nothing_is_unauthorized_everywhere(client, sandbox):
    refused = [
        await client.submit_event("us", "wrong", b"{}"),
        await client.find_contacts("us", "wrong", Identifier(EMAIL, "ada@example.com")),
        await client.me("us", "wrong"),
    ]
    assert [read(answer, now_ms=NOW).name for answer in refused] == ["unauthorized"] * 3


async def test_every_call_teaches_the_budget_and_a_429_stops_it(client, sandbox):
    sandbox.configure(rate_limit=2)
    found = await client.find_contacts("us", sandbox.token, Identifier(USER_ID, "42"))
    assert isinstance(found, Found)
    budget = Budget().learn(found.answer, NOW)
    assert (budget.window_limit, budget.remaining, budget.available(NOW)) == (2, 1, 1)
    answers = [await submit(client, sandbox, Identifier(USER_ID, "42")) for _ in range(2)]
    outcome = read(answers[1], now_ms=NOW)
    assert isinstance(outcome, RateLimited)
    assert NOW + 1_000 <= outcome.until_ms <= NOW + 10_000
    assert budget.learn(answers[1], NOW).available(outcome.until_ms - 1) == 0


@pytest.mark.parametrize(
    ("fault", "ambiguous"), [("reset", True), ("reset_after", True), ("hang", True), ("slow", True)]
)
async def test_a_connection_that_fails_leaves_it_open_whether_the_event_arrived(client, sandbox, fault, ambiguous):
    sandbox.add_contact(external_id="42")
    sandbox.fail(fault, delay=30)
    outcome = read(await submit(client, sandbox, Identifier(USER_ID, "42")), now_ms=NOW)
    assert (outcome.name, outcome.ambiguous) == ("no_answer", True)


async def test_an_identifier_that_intercom_does_not_know_is_our_own_mistake(client, sandbox):
    with pytest.raises(ValueError, match="Intercom knows no stripe_customer"):
        await client.find_contacts("us", sandbox.token, Identifier(IdentifierKind.STRIPE_CUSTOMER, "cus_1"))

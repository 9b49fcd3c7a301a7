"""Whom an event is for and what things are called: asked of Stripe where no event has told, once, in the background."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace

import sqlalchemy as sa

from connector.database.tables import asked
from connector.sandbox import StripeKey
from connector.sync.asker import Asker
from connector.telemetry.facts import EventMapped
from tests.journeys.conftest import eventually
from tests.sync.conftest import KEY, event, in_step, invoice, paid

JUST_NOW = 100
"""Seconds ago: old enough to be listed, new enough for a later look at the list."""


def dispute(number: int, **more: int) -> dict:
    """A dispute names a charge and nobody."""
    thing = {
        "id": f"du_{number}",
        "object": "dispute",
        "charge": f"ch_{number}",
        "payment_intent": None,
        "amount": 1000,
        "currency": "usd",
        "reason": "fraudulent",
        "status": "needs_response",
    }
    return event(number, "charge.dispute.created", thing, **more)


def charge(number: int, customer: str | None = "cus_1") -> dict:
    return {"id": f"ch_{number}", "object": "charge", "livemode": False, "customer": customer, "amount": 1000}


CUSTOMER = {"id": "cus_1", "object": "customer", "livemode": False, "email": "ada@example.com", "metadata": {}}


def paths(sandbox, kind: str) -> list[str]:
    return [call.path for call in sandbox.calls() if call.path.startswith(f"/v1/{kind}/")]


async def delivered(running, count: int) -> None:
    async def there() -> bool:
        return len(running.sandbox.events()) == count

    async def seen() -> bool:
        return await there()

    await eventually(seen, lambda: [call.path for call in running.sandbox.calls()][-10:])


async def waits(running, count: int) -> None:
    async def there() -> bool:
        return [each.state.value for each in await running.deliveries()] == ["waiting"] * count

    await eventually(there)


async def test_a_dispute_finds_its_person_by_its_charge_and_customer(database_url, sandbox):
    sandbox.load_stripe([charge(1), CUSTOMER, dispute(1)])
    async with in_step(database_url, sandbox) as running:
        await delivered(running, 1)
        assert [(each.name, each.email) for each in sandbox.events()] == [("opened-dispute", "ada@example.com")]


async def test_what_was_asked_once_is_known_from_then_on(database_url, sandbox):
    sandbox.load_stripe([charge(1), charge(2), CUSTOMER, dispute(1)])
    async with in_step(database_url, sandbox) as running:
        await delivered(running, 1)
        sandbox.load_stripe([dispute(2, seconds_ago=JUST_NOW)])
        await delivered(running, 2)
        assert paths(sandbox, "customers") == ["/v1/customers/cus_1"]
        assert paths(sandbox, "charges") == ["/v1/charges/ch_1", "/v1/charges/ch_2"]


async def test_a_user_id_in_the_customer_s_metadata_counts_before_the_address(database_url, sandbox):
    sandbox.load_stripe([charge(1), {**CUSTOMER, "metadata": {"user_id": "ada"}}, dispute(1)])
    async with in_step(database_url, sandbox) as running:
        await delivered(running, 1)
        assert [each.external_id for each in sandbox.events()] == ["ada"]


async def test_what_stripe_does_not_know_is_not_asked_for_again(database_url, sandbox):
    sandbox.load_stripe([dispute(1)])
    async with in_step(database_url, sandbox) as running:
        await waits(running, 1)
        await asyncio.sleep(1.5)
        sandbox.load_stripe([paid(2, seconds_ago=JUST_NOW)])
        await delivered(running, 1)
        await asyncio.sleep(0.5)
        assert paths(sandbox, "charges") == ["/v1/charges/ch_1"]
        outcomes = await running.service.database.read(lambda c: list(c.scalars(sa.select(asked.c.outcome))))
        assert outcomes == ["missing"]


async def test_without_the_permission_it_waits_and_the_refusal_is_counted(database_url, sandbox):
    sandbox.add_stripe_key(StripeKey(key=KEY, reads=frozenset({"events"})))
    sandbox.load_stripe([charge(1), CUSTOMER, dispute(1)])
    async with in_step(database_url, sandbox) as running:
        await waits(running, 1)

        async def counted() -> bool:
            text = running.service.metrics.render().decode()
            return 'connector_stripe_questions_total{outcome="permission_missing",what="charge"} 1.0' in text

        await eventually(counted)


async def test_a_guest_s_charge_gives_its_own_address(database_url, sandbox):
    guest = charge(1, None) | {"billing_details": {"email": "guest@example.com"}}
    sandbox.load_stripe([guest, dispute(1)])
    async with in_step(database_url, sandbox) as running:
        await delivered(running, 1)
        assert [each.email for each in sandbox.events()] == ["guest@example.com"]


def plan_line(price: str, product: str) -> dict:
    details = {"price": price, "product": product}
    line = {"amount": 1000, "description": "1 x fallback", "pricing": {"price_details": details}}
    return {"object": "list", "data": [line]}


async def test_names_of_a_new_account_are_known_before_its_first_event(database_url, sandbox):
    sandbox.load_stripe([{"id": "prod_1", "object": "product", "name": "Team plan", "livemode": False}])
    sandbox.load_stripe([event(1, "invoice.paid", invoice(1, lines=plan_line("price_1", "prod_1")))])
    async with in_step(database_url, sandbox) as running:
        await delivered(running, 1)
        (only,) = sandbox.events()
        assert only.metadata["plan"] == "Team plan"
        assert paths(sandbox, "products") == []  # listed, not asked for one by one


async def test_an_unknown_name_costs_the_first_event_its_name_and_no_other(database_url, sandbox):
    async with in_step(database_url, sandbox) as running:

        async def named() -> bool:
            return (await running.state()).named_at is not None

        await eventually(named)
        product = {"id": "prod_9", "object": "product", "name": "New plan", "livemode": False}
        first = invoice(1, lines=plan_line("price_9", "prod_9"))
        sandbox.load_stripe([product, event(1, "invoice.paid", first, seconds_ago=JUST_NOW)])
        await delivered(running, 1)

        async def known() -> bool:
            return paths(sandbox, "products") == ["/v1/products/prod_9"]

        await eventually(known)
        second = invoice(2, lines=plan_line("price_9", "prod_9"))
        sandbox.load_stripe([event(2, "invoice.paid", second, seconds_ago=JUST_NOW)])
        await delivered(running, 2)
        plans = [each.metadata["plan"] for each in sandbox.events()]
        assert plans == ["1 x fallback", "New plan"]
        assert len(paths(sandbox, "products")) == 1


async def test_another_account_s_key_asks_for_nothing_of_a_live_event(database_url, sandbox):
    """A test key knows nothing of what happened in live mode."""
    sandbox.load_stripe([charge(1), CUSTOMER])
    async with in_step(database_url, sandbox, reconcile_seconds=0) as running:
        import json

        from connector.inbox.arrivals import Arrival, insert
        from connector.inbox.sources import stripe

        body = json.dumps(dispute(1) | {"livemode": True}).encode()
        endpoint = running.endpoint
        arrival = Arrival(endpoint.workspace_id, endpoint.id, endpoint.stream, stripe.event(body), 1)
        await running.service.database.write(insert, [arrival])
        await waits(running, 1)
        await asyncio.sleep(0.5)
        assert paths(sandbox, "charges") == []


async def test_what_waits_is_looked_at_when_somebody_becomes_unknown_and_otherwise_now_and_then(monkeypatch):
    """And never where there is no key to ask with: the look is a query for each event otherwise."""
    looked: list[int] = []

    class People:
        async def find_all(self, workspace_id: int, _key_of: object) -> None:
            looked.append(workspace_id)

    monkeypatch.setattr("connector.sync.asker.with_key", lambda endpoint: endpoint.workspace_id == 1)
    endpoints = [SimpleNamespace(workspace_id=each) for each in (1, 2)]
    asker = Asker(None, SimpleNamespace(endpoints=lambda: endpoints), People(), None, print)

    async def looked_after(*facts: EventMapped) -> list[int]:
        looked.clear()
        for fact in facts:
            asker.note(fact)
        await asker._turn()
        return list(looked)

    def mapped(workspace_id: int, *waiting: str) -> EventMapped:
        return EventMapped(
            workspace_id, "evt_1", "stripe", "invoice.paid", "mapped", None, ("ab" * 16,), waiting=waiting
        )

    assert await looked_after() == [1], "a start looks at all"
    assert await looked_after(mapped(1), mapped(2)) == []
    assert await looked_after(mapped(1, "ab" * 16), mapped(2, "ab" * 16)) == [1]
    monkeypatch.setattr(asker, "_busy_at", 0.0)  # LOOK_UP_S later
    assert await looked_after() == [1], "what is left of somebody's way may be known now"

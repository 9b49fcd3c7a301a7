"""A webhook in, the sandbox's record out."""

import asyncio
import json

from connector.outbox import replay
from connector.outbox.delivery import State
from connector.sandbox import Sandbox
from tests.journeys.conftest import Journey, eventually, running, segment_payload, stripe_payload

PAID = stripe_payload("invoice.paid")
EMAIL = PAID["data"]["object"]["customer_email"]


async def test_a_paid_invoice_becomes_an_event_with_typed_metadata(journey: Journey):
    journey.sandbox.add_contact(email=EMAIL)
    await journey.stripe(PAID)
    (delivery,) = await journey.settled("delivered")
    (event,) = journey.sandbox.events()
    assert (event.name, event.identified_by, event.identifier) == ("paid-invoice", "email", EMAIL)
    assert event.created_at == PAID["data"]["object"]["status_transitions"]["paid_at"] == delivery.created_at
    assert event.metadata["price"] == {"amount": 2900, "currency": "usd"}
    assert event.types["stripe_invoice"].lower().startswith("stripe")
    assert not event.dropped_keys


async def test_a_segment_order_becomes_an_event(journey: Journey):
    order = segment_payload("track-order-completed")
    journey.sandbox.add_contact(external_id=order["userId"])
    await journey.segment(order)
    await journey.settled("delivered")
    (event,) = journey.sandbox.events()
    assert (event.name, event.identifier) == ("completed-order", order["userId"])


async def test_a_repeated_webhook_gives_one_event(journey: Journey):
    journey.sandbox.add_contact(email=EMAIL)
    await asyncio.gather(*(journey.stripe(PAID) for _ in range(20)))
    await journey.settled("delivered")
    await journey.stripe(PAID)
    await asyncio.sleep(0.1)
    assert len(journey.sandbox.calls(path="/events")) == 1


async def test_two_stripe_events_of_one_fact_give_one_event(journey: Journey):
    journey.sandbox.add_contact(email=EMAIL)
    await journey.stripe(PAID)
    await journey.stripe(PAID, id="evt_another_id_of_the_same_fact")
    await journey.settled("delivered")
    assert len(journey.sandbox.calls(path="/events")) == 1


async def test_different_events_of_one_second_are_all_kept(journey: Journey):
    """Intercom would take two of one name, contact and second for one."""
    order = segment_payload("track-order-completed")
    journey.sandbox.add_contact(external_id=order["userId"])
    for number in range(5):
        properties = order["properties"] | {"order_id": f"order-{number}"}
        await journey.segment(order | {"messageId": f"m-{number}", "properties": properties})
    await journey.settled(*["delivered"] * 5)
    events = journey.sandbox.events()
    assert len({event.created_at for event in events}) == 5
    assert not any(event.duplicate for event in events)
    assert {event.metadata["order_id"] for event in events} == {f"order-{number}" for number in range(5)}


async def test_an_event_waits_for_a_contact_that_does_not_exist_yet(journey: Journey):
    await journey.stripe(PAID)
    (parked,) = await journey.settled("parked")
    assert parked.reason == "no_contact"
    assert journey.sandbox.events() == []
    journey.sandbox.add_contact(email=EMAIL)
    await journey.service.database.transact(replay.replay, parked.workspace_id, parked.id, now=_now(journey))
    await journey.settled("delivered")
    assert len(journey.sandbox.events()) == 1


async def test_a_lead_that_only_has_an_email_is_addressed_by_its_id(journey: Journey):
    lead = journey.sandbox.add_contact(email=EMAIL, role="lead")
    await journey.stripe(PAID)
    await journey.settled("delivered")
    (event,) = journey.sandbox.events()
    assert (event.identified_by, event.identifier) == ("id", lead.id)


async def test_several_contacts_of_one_email_are_nobodys_guess(journey: Journey):
    for user in ("one", "two"):
        journey.sandbox.add_contact(email=EMAIL, external_id=user)
    await journey.stripe(PAID)
    (dead,) = await journey.settled("dead")
    assert dead.reason == "ambiguous_contact"
    assert journey.sandbox.events() == []


async def test_an_outage_is_waited_out(journey: Journey):
    journey.sandbox.add_contact(email=EMAIL)
    journey.sandbox.fail(status=503, times=1)
    await journey.stripe(PAID)
    await eventually(lambda: _has(journey, "POST /events 503"))
    (due,) = await journey.deliveries()
    assert due.state is State.DUE
    await _hurry(journey)
    await journey.settled("delivered")
    assert len(journey.sandbox.events()) == 1


async def test_an_answer_that_never_came_is_sent_again_with_the_same_identity(journey: Journey):
    journey.sandbox.add_contact(email=EMAIL)
    journey.sandbox.fail("reset_after", times=1)
    await journey.stripe(PAID)
    await eventually(lambda: _events(journey, 1))
    await _hurry(journey)
    await journey.settled("delivered")
    first, second = journey.sandbox.events()
    assert (first.duplicate, second.duplicate) == (False, True)
    assert first.body == second.body


async def test_a_refused_token_stops_the_workspace_and_loses_nothing(journey: Journey):
    journey.sandbox.add_contact(email=EMAIL)
    journey.sandbox.fail(status=401, times=1)
    await journey.stripe(PAID)
    await eventually(lambda: _mode(journey, "needs_reauthorization"))
    (due,) = await journey.deliveries()
    assert due.state is State.DUE
    await asyncio.sleep(0.2)
    assert len(journey.sandbox.calls(path="/events")) == 1


async def test_what_a_stopped_service_acknowledged_is_delivered_by_the_next(database_url: str, sandbox: Sandbox):
    sandbox.add_contact(email=EMAIL)
    async with running(database_url, sandbox) as first:
        await sandbox.stop()
        await first.stripe(PAID)
    await sandbox.start()
    async with running(database_url, sandbox) as second:
        await _hurry(second)
        await second.settled("delivered")
    assert len(sandbox.events()) == 1


async def test_a_refund_finds_its_customer_by_what_earlier_events_said(journey: Journey):
    """A dispute names a charge and nobody; the charge named the customer, the customer has an address."""
    charge = stripe_payload("charge.succeeded-guest")
    dispute = stripe_payload("charge.dispute.created")
    dispute["data"]["object"]["evidence"]["customer_email_address"] = None
    await journey.stripe(dispute)
    (waiting,) = await journey.settled("waiting")
    assert waiting.reason == "contact_unknown"
    email = charge["data"]["object"]["billing_details"]["email"]
    journey.sandbox.add_contact(email=email)
    await journey.stripe(charge)
    await journey.settled("delivered", "delivered")
    assert {event.identifier for event in journey.sandbox.events()} == {email}


async def test_an_event_of_the_other_mode_is_kept_and_ignored(journey: Journey):
    def only_live(connection: object) -> None:
        from sqlalchemy import update

        from connector.database.tables import endpoints

        connection.execute(update(endpoints).values(mode="live"))  # type: ignore[attr-defined]

    await journey.service.database.transact(only_live)
    await journey.service.directory.reload()
    await journey.stripe(PAID, livemode=False)
    (event,) = await journey.service.database.read(_received)
    assert (event.state, event.reason) == ("ignored", "wrong_mode")


async def test_two_endpoints_on_one_account_give_one_event_and_each_mode_reaches_the_one_that_takes_it(
    journey: Journey,
):
    """Both endpoints get both; a test event that the live one ignores is no repeat at the other."""
    journey.sandbox.add_contact(email=EMAIL)
    live, test = await _two_endpoints(journey)
    cancelled = stripe_payload("customer.subscription.deleted")
    cancelled["data"]["object"]["customer"] = PAID["data"]["object"]["customer"]
    await journey.stripe(PAID)
    for livemode in (True, False):
        thing = cancelled["data"]["object"] | {"id": f"sub_{livemode}"}
        mine = cancelled | {"id": f"evt_{livemode}", "livemode": livemode, "data": {"object": thing}}
        for endpoint in (live, test, live, test):
            journey.endpoints["stripe"] = endpoint
            await journey.stripe(mine)

    async def both() -> bool:
        return len([each for each in journey.sandbox.events() if each.name == "canceled-subscription"]) == 2

    await eventually(both, lambda: [event.name for event in journey.sandbox.events()])


async def _two_endpoints(journey: Journey):
    from connector.workspaces import endpoints
    from connector.workspaces.endpoints import NewEndpoint
    from connector.workspaces.keys import load_vault
    from connector.workspaces.modes import EndpointMode
    from tests.journeys.conftest import STRIPE_SECRET

    vault, database = load_vault(journey.service.settings), journey.service.database
    made = []
    for mode in (EndpointMode.LIVE, EndpointMode.TEST):
        workspace_id = journey.endpoints["stripe"].workspace_id
        new = NewEndpoint(workspace_id, "stripe", mode.value, mode, signing_secret=STRIPE_SECRET)
        made.append(await database.transact(endpoints.add, vault, new, now=_now(journey)))
    await journey.service.directory.reload()
    return made


async def test_metadata_reaches_intercom_in_the_order_of_the_mapping(journey: Journey):
    journey.sandbox.add_contact(email=EMAIL)
    await journey.stripe(PAID)
    await journey.settled("delivered")
    (event,) = journey.sandbox.events()
    assert next(iter(json.loads(event.body)["metadata"])) == "price"


def _now(journey: Journey) -> int:
    return journey.service.database.clock.now()


def _received(connection):
    from connector.inbox import store

    return store.page(connection, store.Filter(), limit=10)


async def _hurry(journey: Journey) -> None:
    """Have everything that waits for its time tried at once."""
    from sqlalchemy import update

    from connector.database.tables import lanes, queue

    def now(connection):
        connection.execute(update(queue).where(queue.c.lease_id.is_(None)).values(due=0))
        connection.execute(update(lanes).values(next_due=0, blocked_until=None, breaker_until=None))

    await journey.service.database.transact(now)


async def _has(journey: Journey, call: str) -> bool:
    return journey.sandbox.counts().get(call, 0) > 0


async def _events(journey: Journey, count: int) -> bool:
    return len(journey.sandbox.events()) == count


async def _mode(journey: Journey, mode: str) -> bool:
    await journey.service.directory.refresh_if_changed()
    return any(each.mode.value == mode for each in journey.service.directory.workspaces())


async def test_an_event_of_an_api_version_that_nobody_knows_yet_is_delivered_and_counted(journey: Journey) -> None:
    journey.sandbox.configure(create_contacts=True)
    payload = stripe_payload("invoice.paid")
    await journey.stripe(payload)
    await journey.stripe(payload | {"id": "evt_of_the_future", "api_version": "2031-01-01.zinnia"})
    await journey.settled("delivered")
    wanted = 'connector_unknown_api_version_events_total{source="stripe",why="newer"} 1.0'

    async def counted() -> bool:
        async with journey.http.get(f"{journey.address.url}/metrics") as answer:
            return wanted in (await answer.text()).splitlines()

    await eventually(counted)

"""Nothing personal and no secret in anything that a whole journey logs, at the most talkative level, or counts."""

from __future__ import annotations

import json
from io import StringIO

from connector import app
from connector.sandbox import Sandbox
from connector.settings import LogFormat, LogLevel, Settings
from connector.telemetry import logs
from tests.journeys.conftest import (
    KEY,
    SEGMENT_SECRET,
    STRIPE_SECRET,
    Journey,
    _endpoints,
    eventually,
    segment_payload,
    stripe_payload,
)
from tests.journeys.test_contacts import CLIENT_SECRET, notification, signed

PAID = stripe_payload("invoice.paid")
EMAIL = PAID["data"]["object"]["customer_email"]
PERSON = "user-id-of-ada-4711"
HERS = "ada.lovelace@example.com"


async def test_a_whole_journey_logs_nobodys_address_and_no_secret(database_url: str, sandbox: Sandbox):
    """Delivered, refused, parked, woken, ambiguous, timed out, forgotten; and attackers with secrets in odd places."""
    from aiohttp import ClientSession

    stream = StringIO()
    told = Settings(
        database_url=database_url,
        intercom_api_url=sandbox.url,
        encryption_keys=KEY,
        intercom_client_secret=CLIENT_SECRET,
        max_age=0,  # the payloads tell of days long past
    )
    talkative = logs.start(LogFormat.JSON, LogLevel.DEBUG, stream)
    async with (
        app.service(told, logs=talkative) as service,
        app.listening(service, "127.0.0.1", 0) as address,
        ClientSession() as http,
    ):
        journey = Journey(service, address, sandbox, http, await _endpoints(service, sandbox.token))
        await _live_through(journey)
        async with http.get(f"{address.url}/metrics") as answer:
            counted = await answer.text()
        tokens = [endpoint.token for endpoint in journey.endpoints.values()]
    said = stream.getvalue()
    assert said.count("\n") > 12, "a silent journey proves nothing"
    assert "person forgotten" in said
    for hidden in (EMAIL, HERS, PERSON, sandbox.token, STRIPE_SECRET, SEGMENT_SECRET, CLIENT_SECRET, KEY, *tokens):
        for output in (said, counted):
            assert hidden.casefold() not in output.casefold(), hidden


async def _live_through(journey: Journey) -> None:
    order = segment_payload("track-order-completed") | {"userId": PERSON}
    order["context"] = {"traits": {"email": HERS}}
    await journey.stripe(PAID)
    await journey.settled("parked")
    contact = journey.sandbox.add_contact(email=EMAIL)
    body = notification("contact.user.created", {"type": "contact", "id": contact.id, "email": EMAIL})
    url = f"{journey.address.url}/intercom/webhooks"
    async with journey.http.post(url, data=body, headers=signed(body)) as answer:
        assert answer.status == 200
    await journey.settled("delivered")
    for user_id in ("one", "two"):
        journey.sandbox.add_contact(email=HERS, external_id=user_id)
    refused = {"type": "error.list", "errors": [{"code": "parameter_invalid", "message": f"{HERS} is not welcome"}]}
    journey.sandbox.fail(status=422, body=json.dumps(refused), containing=PERSON)
    await journey.segment(order)
    await journey.settled("delivered", "dead")
    by_address = order | {"messageId": "m-2", "userId": None, "properties": {"email": HERS, "order_id": "o-2"}}
    await journey.segment(by_address)
    await journey.settled("delivered", "dead", "dead")
    await journey.segment(order | {"messageId": "m-3", "type": HERS, "event": HERS})
    for headers in ({}, {"Authorization": f"Bearer {journey.sandbox.token}", "X-Hub-Signature": HERS}):
        async with journey.http.post(f"{url}?email={HERS}", data=HERS, headers=headers) as answer:
            assert answer.status == 401
    async with journey.http.get(f"{journey.address.url}/{HERS}") as answer:
        assert answer.status == 404
    await journey.segment({"type": "delete", "userId": PERSON, "messageId": "d-1"})

    async def forgotten() -> bool:
        return any(each.reason == "person_deleted" for each in await journey.deliveries())

    await eventually(forgotten)
    service = journey.service
    await eventually(lambda: _nothing_pending(service))


async def _nothing_pending(service: app.Service) -> bool:
    from connector.contacts import erasures

    return not await service.database.read(erasures.pending)

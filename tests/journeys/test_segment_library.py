"""What Segment's own Python library sends, forwarded as Segment's webhook destination does, becomes events.

The library posts to a collector on this machine. What the collector then forwards is what Segment documents: each
message with the times that it adds, as JavaScript writes JSON, signed alone, or in an array of which only the first
element is signed.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal
from enum import Enum
from typing import Any

import pytest
from aiohttp import web
from segment.analytics.client import Client

from connector.inbox import store
from connector.outbox.delivery import Delivery
from tests.journeys.conftest import SEGMENT_SECRET, Journey, eventually
from tests.signing import segment_headers

WRITE_KEY = "write-key"
USER, EMAIL, VISITOR = 4711, "žofie+shop@example.com", "0b5ad9a4-visitor"
PAID_AT = datetime(2026, 10, 5, 14, 30, tzinfo=timezone(timedelta(hours=2)))
Message = dict[str, Any]


class Shop(Enum):
    WEB = "Saltmarsh · オンライン"


def use(library: Client) -> None:
    """An application that knows no better: dates, decimals, enums, sets, numbers as ids, endless text, any script."""
    library.identify(USER, {"email": EMAIL, "born": date(1990, 2, 3), "balance": Decimal("12.50"), "tags": {"a"}})
    library.track(
        USER,
        "Order Completed",
        {
            "order_id": "№ 7/ä",
            "revenue": Decimal("39.95"),
            "total": "1234567.05",
            "currency": "EUR",
            "products": [{"name": "Kork\u00adblock 🧘🏽‍♀️"}, {"name": "Ma\u0301t"}],
            "coupon": "x" * 3000,
            "affiliation": Shop.WEB,
        },
        timestamp=PAID_AT,
    )
    library.track(
        USER,
        "Trial Started",
        {"trial_plan_name": "Studio", "trial_start_date": PAID_AT, "trial_end_date": date(2026, 10, 19)},
        context={"groupId": "org_1"},
        timestamp=datetime(2026, 10, 5, 12, 31),  # noqa: DTZ001 - the library takes it for UTC
    )
    library.track(anonymous_id=VISITOR, event="Product Viewed", properties={"name": "Cork block", "price": 10.1})
    library.alias(VISITOR, USER)
    library.group(USER, "org_1", {"name": "Okafor Yoga", "employees": 3})
    library.page(USER, "Docs", "Pricing", {"url": "https://saltmarsh.example/?q=ü"})
    library.screen(USER, "Home", "Schedule", {"dark": True, "nothing": None})
    library.track(USER, "Something Of Our Own", {"deep": {"deeper": [1, {"deepest": None}]}})


@dataclass
class Collector:
    """Segment's collecting end, as far as the library sees it."""

    messages: list[Message] = field(default_factory=list)

    async def batch(self, request: web.Request) -> web.Response:
        """POST /v1/batch"""
        body = await request.json()
        assert body["writeKey"] == WRITE_KEY
        self.messages += [forwarded(message, body["sentAt"]) for message in body["batch"]]
        return web.json_response({"success": True})


def forwarded(message: Message, sent_at: str) -> Message:
    """A message with what Segment adds to it. https://segment.com/docs/connections/spec/common/#timestamps"""
    received = datetime.now(UTC)
    original = datetime.fromisoformat(message["timestamp"])
    moment = received - (datetime.fromisoformat(sent_at) - original)
    return message | {
        "originalTimestamp": message["timestamp"],
        "receivedAt": _iso(received),
        "sentAt": sent_at,
        "timestamp": _iso(moment),
        "version": 2,
        "channel": "server",
        "projectId": "source_1",
    }


def _iso(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


@asynccontextmanager
async def collecting() -> AsyncIterator[tuple[Collector, str]]:
    """A collector, and where it is."""
    collector = Collector()
    app = web.Application()
    app.router.add_post("/v1/batch", collector.batch)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    try:
        yield collector, f"http://127.0.0.1:{runner.addresses[0][1]}"
    finally:
        await runner.cleanup()


@pytest.fixture
async def messages() -> Sequence[Message]:
    """What `use` makes the library send, as Segment forwards it."""
    failed: list[object] = []

    def run(host: str) -> None:
        library = Client(
            WRITE_KEY, host, on_error=lambda error, _: failed.append(error), upload_interval=0.01, max_retries=0
        )
        use(library)
        library.shutdown()

    async with collecting() as (collector, host):
        await asyncio.to_thread(run, host)
    assert failed == []
    return collector.messages


def as_javascript(message: object) -> bytes:
    """As JSON.stringify writes it."""
    return json.dumps(message, ensure_ascii=False, separators=(",", ":")).encode()


async def test_messages_sent_one_by_one_are_events_and_tell_who_a_visitor_was(
    journey: Journey, messages: Sequence[Message]
) -> None:
    journey.sandbox.add_contact(external_id=str(USER), email=EMAIL)
    for message in messages:
        await post(journey, as_javascript(message), signed=as_javascript(message))
    await journey.settled("delivered", "delivered", "delivered")
    await all_are_accounted_for(journey, messages)
    assert shown(journey) == {"completed-order": ORDER, "started-trial": TRIAL, "viewed-product": VIEW}
    assert {event.identifier for event in journey.sandbox.events()} == {str(USER)}


@pytest.mark.parametrize("wrapped", [False, True], ids=["array", "extensible"])
async def test_a_batch_of_which_the_first_is_signed_gives_events_but_teaches_nothing(
    journey: Journey, messages: Sequence[Message], *, wrapped: bool
) -> None:
    """Who the visitor was is said in a part that anybody could have appended: that event waits."""
    journey.sandbox.add_contact(external_id=str(USER), email=EMAIL)
    parts = [{"json": message} if wrapped else message for message in messages]
    await post(journey, as_javascript(parts), signed=as_javascript(messages[0]))
    deliveries = await journey.settled("delivered", "delivered", "waiting")
    await all_are_accounted_for(journey, messages)
    assert shown(journey) == {"completed-order": ORDER, "started-trial": TRIAL}
    assert {each.name for each in deliveries if each.state == "waiting"} == {"viewed-product"}


async def test_what_the_library_sends_again_is_known(journey: Journey, messages: Sequence[Message]) -> None:
    journey.sandbox.add_contact(external_id=str(USER), email=EMAIL)
    for message in messages:
        await post(journey, as_javascript(message), signed=as_javascript(message))
    await post(journey, as_javascript(list(messages)), signed=as_javascript(messages[0]))
    await journey.settled("delivered", "delivered", "delivered")
    await all_are_accounted_for(journey, messages)


async def test_what_was_left_out_or_changed_is_noted(journey: Journey, messages: Sequence[Message]) -> None:
    journey.sandbox.add_contact(external_id=str(USER), email=EMAIL)
    await post(journey, as_javascript(list(messages)), signed=as_javascript(list(messages)))
    deliveries: Sequence[Delivery] = await journey.settled("delivered", "delivered", "delivered")
    notes = {delivery.name: delivery.notes for delivery in deliveries}
    assert notes == {
        "completed-order": ("coupon: cut: 3000 characters, 255 are allowed",),
        "started-trial": (),
        "viewed-product": (),
    }


ORDER = {
    "price": {"amount": 3995, "currency": "eur"},
    "order_id": "№ 7/ä",
    "products": "Kork\u00adblock 🧘🏽‍♀️, Ma\u0301t",
    "product_count": 2,
    "total": {"amount": 123456705, "currency": "eur"},
    "coupon": "x" * 255,
    "store": Shop.WEB.value,
}
TRIAL = {
    "plan": "Studio",
    "trial_start_date": 1791203400,
    "trial_end_date": 1792368000,
    "account_id": "org_1",
}
VIEW = {"price": {"amount": 1010, "currency": "usd"}, "product": "Cork block"}


async def post(journey: Journey, body: bytes, *, signed: bytes) -> None:
    status, _ = await journey.post("segment", body, segment_headers(signed, SEGMENT_SECRET))
    assert status == 200


async def all_are_accounted_for(journey: Journey, messages: Sequence[Message]) -> None:
    """Each message is one stored event: three make deliveries, the other calls are not asked for."""
    await eventually(lambda: none_is_to_be_mapped(journey))
    events = await journey.service.database.read(store.page, store.Filter(), limit=100)
    assert {event.external_key for event in events} == {message["messageId"] for message in messages}
    assert sorted((event.type, event.state.value, event.reason) for event in events) == [
        ("alias", "unmapped", None),
        ("group", "unmapped", None),
        ("identify", "unmapped", None),
        ("page Pricing", "unmapped", None),
        ("screen Schedule", "unmapped", None),
        ("track Order Completed", "mapped", None),
        ("track Product Viewed", "mapped", None),
        ("track Something Of Our Own", "unmapped", None),
        ("track Trial Started", "mapped", None),
    ]


async def none_is_to_be_mapped(journey: Journey) -> bool:
    counts = await journey.service.database.read(store.count_by_state)
    return not counts.get("received")


def shown(journey: Journey) -> dict[str, Any]:
    """What Intercom holds: the metadata by the event's name."""
    return {event.name: dict(event.metadata) for event in journey.sandbox.events()}

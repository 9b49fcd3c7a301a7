"""Stripe's list of events: pages, windows, chunks of types, and the bytes of each."""

from __future__ import annotations

import json
import time

import pytest

from connector.sandbox import Sandbox
from connector.stripe_api import events, names, objects
from connector.stripe_api.answers import Found, Missing, TryLater
from connector.stripe_api.events import EventPage, Listed, Window, oldest_first
from tests.stripe_api.conftest import ALL

NOW = int(time.time())


def load(sandbox: Sandbox, number: int, *, kind: str = "invoice.paid", seconds_ago: int = 600) -> None:
    event = {
        "id": f"evt_{number:04}",
        "object": "event",
        "type": kind,
        "created": NOW - seconds_ago,
        "livemode": False,
        "data": {"object": {"id": f"in_{number}", "object": "invoice", "total": 123456789012345678901}},
    }
    sandbox.load_stripe([event], account="acct_1")


async def test_all_of_a_window_comes_in_pages_oldest_first(api, sandbox):
    for number in range(250):
        load(sandbox, number, seconds_ago=1000 - number)
    window, pages, after = Window(NOW - 2000, NOW), [], None
    while True:
        answer = await events.page(api, ALL, window, after=after)
        assert isinstance(answer, Found)
        pages.append(answer.value)
        if not answer.value.more:
            break
        after = answer.value.events[-1].id
    assert [len(page.events) for page in pages] == [100, 100, 50]
    assert [each.id for each in oldest_first(pages)] == [f"evt_{number:04}" for number in range(250)]


async def test_the_bounds_of_a_window_are_both_in_it(api, sandbox):
    for number, seconds_ago in enumerate((50, 40, 30, 20)):
        load(sandbox, number, seconds_ago=seconds_ago)
    page = (await events.page(api, ALL, Window(NOW - 40, NOW - 30))).value
    assert [each.id for each in page.events] == ["evt_0002", "evt_0001"]


async def test_types_are_asked_for_twenty_at_a_time(api, sandbox):
    window = Window(0, NOW, tuple(f"type.{number}" for number in range(45)))
    assert [len(chunk.types) for chunk in window.chunks()] == [20, 20, 5]
    load(sandbox, 1, kind="type.44")
    load(sandbox, 2, kind="type.45")
    found = [(await events.page(api, ALL, chunk)).value.events for chunk in window.chunks()]
    assert [[each.id for each in page] for page in found] == [[], [], ["evt_0001"]]


def test_a_window_of_all_types_is_one_question():
    assert Window(0, 9).chunks() == (Window(0, 9),)


async def test_an_event_is_the_bytes_that_stripe_sent(api, sandbox):
    load(sandbox, 1)
    (listed,) = (await events.page(api, ALL, Window(NOW - 1000, NOW))).value.events
    assert json.loads(listed.body)["data"]["object"]["total"] == 123456789012345678901
    assert listed.created == NOW - 600


@pytest.mark.parametrize(
    "body", ["[]", '{"data": [{"id": 1}]}', '{"data": 7}', '{"data": [{"id": "evt_1", "created": "x"}]}']
)
async def test_a_page_that_is_none_is_asked_for_again(api, sandbox, body):
    sandbox.fail(status=200, path="/v1/events", body=body)
    assert isinstance(await events.page(api, ALL, Window(0, NOW)), TryLater)


def test_one_id_on_two_pages_counts_once_and_a_second_keeps_stripe_s_order():
    first, second, third = (Listed(each, created, b"") for each, created in (("c", 9), ("b", 9), ("a", 8)))
    pages = [EventPage((first, second), more=True), EventPage((second, third), more=False)]
    assert [each.id for each in oldest_first(pages)] == ["a", "b", "c"]


async def test_things_are_listed_by_the_second_they_were_made_in(api, sandbox):
    for number in range(120):
        thing = {"id": f"in_{number}", "object": "invoice", "created": NOW - number, "customer": f"cus_{number % 2}"}
        sandbox.load_stripe([thing], account="acct_1")
    page = (await objects.page(api, ALL, "invoice", since=NOW - 109, until=NOW)).value
    assert (len(page.things), page.more, page.things[0].id) == (100, True, "in_0")
    rest = (await objects.page(api, ALL, "invoice", since=NOW - 109, until=NOW, after=page.things[-1].id)).value
    assert ([each.id for each in rest.things], rest.more) == ([f"in_{number}" for number in range(100, 110)], False)


async def test_ended_subscriptions_are_listed_only_when_asked_for(api, sandbox):
    for object_id, status in (("sub_1", "active"), ("sub_2", "canceled")):
        thing = {"id": object_id, "object": "subscription", "created": NOW, "status": status}
        sandbox.load_stripe([thing], account="acct_1")
    now = {"since": NOW, "until": NOW}
    assert [each.id for each in (await objects.page(api, ALL, "subscription", **now)).value.things] == ["sub_1"]
    every = await objects.page(api, ALL, "subscription", params={"status": "all"}, **now)
    assert {each.id for each in every.value.things} == {"sub_1", "sub_2"}


async def test_a_thing_is_called_by_its_name_a_price_without_one_by_its_product_s(api, sandbox):
    things = [
        {"id": "prod_1", "object": "product", "name": "Team plan"},
        {"id": "price_1", "object": "price", "nickname": None, "product": "prod_1"},
        {"id": "price_2", "object": "price", "nickname": "Yearly", "product": "prod_1"},
        {"id": "price_3", "object": "price", "nickname": None, "product": "prod_9"},
        {"id": "WELCOME", "object": "coupon", "name": "Welcome back"},
    ]
    sandbox.load_stripe(things, account="acct_1")
    called = {each: await names.ask(api, ALL, each) for each in ("prod_1", "price_1", "price_2", "price_3", "WELCOME")}
    assert called == {
        "prod_1": Found("Team plan"),
        "price_1": Found("Team plan"),
        "price_2": Found("Yearly"),
        "price_3": Missing(),
        "WELCOME": Found("Welcome back"),
    }

"""GET /events and POST /events/summaries: what Intercom shows of what it holds."""

from __future__ import annotations

import pytest

DAY = 24 * 3600


async def names(call, path):
    answer = await call("GET", path)
    assert answer.status == 200, answer
    return [event["event_name"] for event in answer.body["events"]]


async def test_events_come_newest_first_with_their_contact_and_metadata(call, submit, clock, ada):
    now = int(clock.now)
    await submit("first", created_at=now - 20)
    await submit("third", created_at=now, metadata={"price": {"amount": 1999, "currency": "usd"}})
    await submit("second", created_at=now - 10)
    answer = await call("GET", "/events?type=user&user_id=ada")
    assert [event["event_name"] for event in answer.body["events"]] == ["third", "second", "first"]
    newest = answer.body["events"][0]
    assert newest | {"id": ""} == {
        "type": "event",
        "id": "",
        "event_name": "third",
        "created_at": now,
        "intercom_user_id": ada.id,
        "user_id": "ada",
        "email": "ada@example.com",
        "metadata": {"price": {"amount": 1999, "currency": "usd"}},
    }


@pytest.mark.parametrize("query", ["user_id=ada", "email=ada%40example.com", "intercom_user_id={id}"])
async def test_a_contact_is_named_in_one_of_three_ways(call, submit, ada, query):
    await submit("first")
    assert await names(call, f"/events?type=user&{query.format(id=ada.id)}") == ["first"]


async def test_a_lead_is_listed_by_its_intercom_id(sandbox, call, submit):
    lead = sandbox.add_contact(role="lead", email="lead@example.com")
    await submit("opened-chat", id=lead.id)
    assert await names(call, f"/events?type=user&intercom_user_id={lead.id}") == ["opened-chat"]


async def test_a_duplicate_is_not_listed(call, submit, ada):
    await submit("first")
    await submit("first")
    assert await names(call, "/events?type=user&user_id=ada") == ["first"]


async def test_paging_reaches_every_event_once_even_within_one_second(call, submit, clock, ada):
    sent = [f"did-{n}" for n in range(7)]
    for name in sent:
        await submit(name, created_at=int(clock.now))
    path, seen = "/events?type=user&user_id=ada&per_page=3", []
    while path:
        answer = await call("GET", path)
        seen += [event["event_name"] for event in answer.body["events"]]
        path = answer.body["pages"].get("next")
    assert seen == sent[::-1]


async def test_since_leads_to_what_came_after_the_newest(call, submit, clock, ada):
    await submit("old", created_at=int(clock.now) - 5)
    since = (await call("GET", "/events?type=user&user_id=ada")).body["pages"]["since"]
    assert await names(call, since) == []
    await submit("new")
    assert await names(call, since) == ["new"]


async def test_a_page_holds_fifteen_unless_asked(call, submit, ada):
    for n in range(16):
        await submit(f"did-{n}")
    assert len(await names(call, "/events?type=user&user_id=ada")) == 15


async def test_events_older_than_ninety_days_are_counted_but_not_listed(call, submit, clock, ada):
    await submit("old", created_at=int(clock.now) - 91 * DAY)
    assert await names(call, "/events?type=user&user_id=ada") == []
    summary = (await call("GET", "/events?type=user&user_id=ada&summary=true")).body
    assert [(item["name"], item["count"]) for item in summary["events"]] == [("old", 1)]


async def test_a_summary_has_count_first_and_last_of_each_name(call, submit, ada):
    for seconds in (1389913941, 1389913951, 1389913946):
        await submit("placed-order", created_at=seconds)
    summary = (await call("GET", "/events?type=user&user_id=ada&summary=true")).body
    assert (summary["type"], summary["user_id"], summary["intercom_user_id"]) == ("event.summary", "ada", ada.id)
    assert summary["events"] == [
        {
            "name": "placed-order",
            "first": "2014-01-16T23:12:21.000+00:00",
            "last": "2014-01-16T23:12:31.000+00:00",
            "count": 3,
            "description": "",
        }
    ]


@pytest.mark.parametrize("wrap", [lambda item: item, lambda item: [item]], ids=["an object", "a list"])
async def test_uploaded_summaries_add_to_what_was_counted(call, submit, ada, wrap):
    await submit("invited-friend", created_at=1671028900)
    uploaded = {"event_name": "Invited.Friend", "count": 4, "first": 1671028894, "last": 1671028895}
    answer = await call("POST", "/events/summaries", {"user_id": "ada", "event_summaries": wrap(uploaded)})
    assert (answer.status, answer.body) == (200, None)
    (item,) = (await call("GET", "/events?type=user&user_id=ada&summary=true")).body["events"]
    assert (item["name"], item["count"], item["first"]) == ("invited-friend", 5, "2022-12-14T14:41:34.000+00:00")


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ({"event_summaries": {"event_name": "x", "count": 1, "first": 1, "last": 1}}, 400),
        ({"user_id": "ada"}, 400),
        ({"user_id": "ada", "event_summaries": {"event_name": "x", "count": "many", "first": 1, "last": 1}}, 400),
        ({"user_id": "bob", "event_summaries": {"event_name": "x", "count": 1, "first": 1, "last": 1}}, 404),
    ],
    ids=["nobody named", "no summary", "no count", "unknown user"],
)
async def test_a_summary_that_cannot_be_counted_is_refused(call, ada, body, status):
    assert (await call("POST", "/events/summaries", body)).status == status


@pytest.mark.parametrize(
    ("query", "status"),
    [
        ("user_id=ada", 400),
        ("type=lead&user_id=ada", 400),
        ("type=user", 400),
        ("type=user&user_id=ada&per_page=many", 400),
        ("type=user&user_id=ada&before=²", 400),
        ("type=user&user_id=bob", 404),
    ],
)
async def test_a_list_that_cannot_be_made_is_refused(call, ada, query, status):
    assert (await call("GET", f"/events?{query}")).status == status

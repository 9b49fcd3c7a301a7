"""The sandbox's answers, and the requests of these tests, hold against Intercom's own description of its API."""

from __future__ import annotations

import pytest

from tests.sandbox.intercom_spec import (
    CORRECTIONS,
    UNDECLARED,
    assert_answer_matches_spec,
    assert_request_matches_spec,
    lookup,
    raw_spec,
)

pytestmark = pytest.mark.usefixtures("spec")


@pytest.fixture
def spec():
    return raw_spec()


@pytest.fixture
def checked(call):
    """Call, and check both ways; a request that is meant to be wrong is not checked."""

    async def checked(method: str, path: str, body: object = None, *, status: int, wrong: bool = False, **headers):
        if body is not None and not wrong:
            assert_request_matches_spec(method, path, body)
        answer = await call(method, path, body, **headers)
        assert answer.status == status, answer
        assert_answer_matches_spec(method, path, status, answer.body)
        return answer.body

    return checked


def event(**more):
    return {"event_name": "invited-friend", "created_at": 1671028894, "user_id": "ada", **more}


METADATA = {
    "source": "desktop",
    "load": 3.67,
    "contact_date": 1392036272,
    "article": "https://example.org/ab1de.html",
    "order": {"url": "https://example.org/ab1de.html", "value": "the dude abides"},
    "price": {"amount": 34999, "currency": "eur"},
    "stripe_customer": "cus_42424242424",
}


async def test_submitting_an_event(checked, sandbox, ada):
    await checked("POST", "/events", event(metadata=METADATA), status=202)
    await checked("POST", "/events", event(user_id="nobody"), status=404)
    await checked("POST", "/events", {"event_name": "x"}, status=400, wrong=True)
    await checked("POST", "/events", event(), status=401, Authorization="Bearer wrong")


async def test_submitting_an_event_that_meets_a_limit(checked, sandbox, ada):
    sandbox.add_contact(external_id="1", email="shared@example.com")
    sandbox.add_contact(external_id="2", email="shared@example.com")
    shared = {"event_name": "x", "created_at": 1, "email": "shared@example.com"}
    await checked("POST", "/events", shared, status=409)
    sandbox.configure(event_names=0)
    await checked("POST", "/events", event(), status=422)
    sandbox.configure(scopes=[])
    await checked("POST", "/events", event(), status=403)
    sandbox.configure(rate_limit=0)
    await checked("POST", "/events", event(), status=429)


async def test_listing_events(checked, ada):
    for second in range(3):
        await checked("POST", "/events", event(created_at=1795225000 + second, metadata=METADATA), status=202)
    listed = await checked("GET", "/events?type=user&user_id=ada&per_page=2", status=200)
    assert len(listed["events"]) == 2
    await checked("GET", f"/events?type=user&intercom_user_id={ada.id}&summary=true", status=200)
    await checked("GET", "/events?type=user&user_id=nobody", status=404)


async def test_submitting_summaries(checked, ada):
    summary = {"event_name": "invited-friend", "count": 1, "first": 1671028894, "last": 1671028894}
    await checked("POST", "/events/summaries", {"user_id": "ada", "event_summaries": summary}, status=200)


async def test_showing_me(checked):
    assert (await checked("GET", "/me", status=200))["app"]["region"] == "US"


async def test_the_life_of_a_contact(checked):
    lead = await checked("POST", "/contacts", {"role": "lead", "email": "ada@example.com"}, status=200)
    user = {"external_id": "42", "email": "ada@example.com", "name": "Ada", "custom_attributes": {"plan": "Pro"}}
    ada = await checked("POST", "/contacts", user, status=200)
    await checked("POST", "/contacts", user, status=409)
    await checked("POST", "/contacts", {"name": "Ada"}, status=400, wrong=True)
    await checked("GET", f"/contacts/{ada['id']}", status=200)
    await checked("GET", "/contacts/nobody", status=404)
    await checked("GET", "/contacts/find_by_external_id/42", status=200)
    await checked("GET", "/contacts/find_by_external_id/43", status=404)
    await checked("PUT", f"/contacts/{ada['id']}", {"phone": "+353871234567"}, status=200)
    merge = {"from": lead["id"], "into": ada["id"]}
    await checked("POST", "/contacts/merge?include_merge_history=true", merge, status=200)
    await checked("GET", f"/contacts/{lead['id']}", status=410)
    await checked("POST", f"/contacts/{ada['id']}/archive", status=200)
    await checked("POST", f"/contacts/{ada['id']}/unarchive", status=200)
    await checked("DELETE", f"/contacts/{ada['id']}", status=200)


async def test_a_contact_without_email(checked):
    made = await checked("POST", "/contacts", {"external_id": "42"}, status=200)
    assert made["email"] is None


async def test_searching_contacts(checked, sandbox):
    for n in range(3):
        sandbox.add_contact(external_id=str(n), email=f"{n}@example.com")
    one = {"field": "email", "operator": "=", "value": "1@example.com"}
    both = {"operator": "AND", "value": [one, {"field": "role", "operator": "=", "value": "user"}]}
    assert (await checked("POST", "/contacts/search", {"query": one}, status=200))["total_count"] == 1
    assert (await checked("POST", "/contacts/search", {"query": both}, status=200))["total_count"] == 1
    everyone = {"field": "role", "operator": "=", "value": "user"}
    body = {"query": everyone, "pagination": {"per_page": 2}, "sort": {"field": "email", "order": "ascending"}}
    assert "next" in (await checked("POST", "/contacts/search", body, status=200))["pages"]
    wrong_order = {"query": one, "sort": {"field": "email", "order": "desc"}}
    await checked("POST", "/contacts/search", wrong_order, status=400, wrong=True)


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("POST", "/events", {"event_name": "x", "created_at": 1}),
        ("POST", "/events", {"event_name": "x", "created_at": "1", "id": "1"}),
        ("POST", "/events", {"event_name": "x", "created_at": 1, "id": "1", "occurred": 1}),
        ("POST", "/contacts/search", {"query": {"field": "email", "operator": "==", "value": "a"}}),
        ("POST", "/contact", {}),
    ],
    ids=str,
)
def test_a_request_that_intercom_does_not_describe_is_caught(method, path, body):
    with pytest.raises(AssertionError):
        assert_request_matches_spec(method, path, body)


@pytest.mark.parametrize("answer", [{"type": "error.list"}, {"type": "error.list", "errors": [{}]}, None], ids=str)
def test_an_answer_that_intercom_does_not_describe_is_caught(answer):
    with pytest.raises(AssertionError):
        assert_answer_matches_spec("GET", "/me", 401, answer)


@pytest.mark.parametrize(("method", "path", "status"), UNDECLARED, ids=str)
def test_an_answer_listed_as_undescribed_still_is(spec, method, path, status):
    assert str(status) not in spec["paths"][path][method.lower()]["responses"]


@pytest.mark.parametrize("pointer", CORRECTIONS)
def test_a_correction_is_still_needed(spec, pointer):
    assert lookup(spec, tuple(pointer.split("/"))) != CORRECTIONS[pointer][0]

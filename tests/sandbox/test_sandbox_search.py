"""POST /contacts/search: filters, groups, days, pages, and contacts that are not there yet."""

from __future__ import annotations

import pytest

JAN_1_2020_9AM = 1577869200
JAN_1_2020 = 1577836800


@pytest.fixture
def people(sandbox, clock):
    sandbox.add_contact(external_id="1", email="Ada@Example.com", name="Ada", custom_attributes={"plan": "Pro", "n": 5})
    sandbox.add_contact(external_id="2", email="bob@example.org", name="Bob", unsubscribed_from_emails=True)
    sandbox.add_contact(role="lead", email="ada@example.com")


@pytest.fixture
def found(call):
    """Search and show who was found, as external id or role."""

    async def found(query, **more):
        answer = await call("POST", "/contacts/search", {"query": query, **more})
        assert answer.status == 200, answer
        return sorted(contact["external_id"] or contact["role"] for contact in answer.body["data"])

    return found


def where(field, operator, value):
    return {"field": field, "operator": operator, "value": value}


@pytest.mark.parametrize(
    ("query", "who"),
    [
        (where("email", "=", "ADA@example.com"), ["1", "lead"]),
        (where("email", "IN", ["ada@EXAMPLE.com", "nobody@example.com"]), ["1", "lead"]),
        (where("email", "~", "example.ORG"), ["2"]),
        (where("email", "!=", "bob@example.org"), ["1", "lead"]),
        (where("email", "NIN", ["bob@example.org"]), ["1", "lead"]),
        (where("email", "^", "bob"), ["2"]),
        (where("email", "$", ".com"), ["1", "lead"]),
        (where("email", "!~", "example"), []),
        (where("email_domain", "=", "example.org"), ["2"]),
        (where("external_id", "=", "1"), ["1"]),
        (where("external_id", "=", None), ["lead"]),
        (where("role", "=", "lead"), ["lead"]),
        (where("custom_attributes.plan", "=", "Pro"), ["1"]),
        (where("custom_attributes.n", "~", "5"), []),
        (where("unsubscribed_from_emails", "=", True), ["2"]),
        ({"operator": "AND", "value": [where("email", "=", "ada@example.com"), where("role", "=", "user")]}, ["1"]),
        ({"operator": "OR", "value": [where("name", "=", "Bob"), where("role", "=", "lead")]}, ["2", "lead"]),
        (
            {
                "operator": "AND",
                "value": [
                    {"operator": "OR", "value": [where("name", "=", "Ada"), where("name", "=", "Bob")]},
                    {"operator": "OR", "value": [where("external_id", "=", "2"), where("role", "=", "lead")]},
                ],
            },
            ["2"],
        ),
    ],
    ids=str,
)
async def test_a_query_finds(people, found, query, who):
    assert await found(query) == who


@pytest.mark.parametrize(
    ("operator", "value", "who"),
    [
        ("=", JAN_1_2020, ["morning", "night"]),
        ("=", str(JAN_1_2020_9AM), ["morning", "night"]),
        (">", JAN_1_2020_9AM, ["next day"]),
        ("<", JAN_1_2020_9AM, ["day before"]),
    ],
)
async def test_times_are_compared_by_whole_days(sandbox, found, operator, value, who):
    for name, seconds in {"day before": -1, "morning": 9 * 3600, "night": 86399, "next day": 86400}.items():
        sandbox.add_contact(external_id=name, signed_up_at=JAN_1_2020 + seconds)
    assert await found(where("signed_up_at", operator, value)) == who


async def test_a_day_ends_at_the_workspace_s_midnight(sandbox, found):
    sandbox.configure(timezone="America/Los_Angeles")
    sandbox.add_contact(external_id="1", signed_up_at=JAN_1_2020)
    assert await found(where("signed_up_at", "=", JAN_1_2020 - 3600)) == ["1"]
    assert await found(where("signed_up_at", "=", JAN_1_2020 + 8 * 3600)) == []


async def test_a_new_contact_is_missing_until_the_delay_is_over(sandbox, call, found, clock):
    sandbox.configure(search_delay=120)
    await call("POST", "/contacts", {"external_id": "42"})
    clock.advance(119)
    assert await found(where("external_id", "=", "42")) == []
    clock.advance(1)
    assert await found(where("external_id", "=", "42")) == ["42"]


async def test_archived_and_merged_contacts_are_not_found(sandbox, call, found, people):
    ada, bob, lead = sandbox.contacts()
    await call("POST", f"/contacts/{bob.id}/archive")
    await call("POST", "/contacts/merge", {"from": lead.id, "into": ada.id})
    assert await found(where("role", "IN", ["user", "lead"])) == ["1"]


async def test_pages_lead_to_everyone_once(sandbox, call):
    for n in range(5):
        sandbox.add_contact(external_id=str(n))
    pagination, seen = {"per_page": 2}, []
    while pagination:
        query = {"query": where("role", "=", "user"), "pagination": pagination}
        answer = (await call("POST", "/contacts/search", query)).body
        seen += [contact["external_id"] for contact in answer["data"]]
        assert (answer["total_count"], answer["pages"]["total_pages"]) == (5, 3)
        pagination = answer["pages"].get("next")
    assert sorted(seen) == list("01234")
    assert len(seen) == 5


async def test_results_can_be_sorted(sandbox, call):
    for name in ("Bob", "Ada", "Cy"):
        sandbox.add_contact(name=name)
    body = {"query": where("role", "=", "user"), "sort": {"field": "name", "order": "ascending"}}
    assert [contact["name"] for contact in (await call("POST", "/contacts/search", body)).body["data"]] == [
        "Ada",
        "Bob",
        "Cy",
    ]


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ({}, "parameter_missing"),
        ({"query": {"field": "email", "operator": "="}}, "parameter_missing"),
        ({"query": where("shoe_size", "=", 7)}, "invalid_field"),
        ({"query": where("created_at", ">=", 7)}, "invalid_operator"),
        ({"query": where("created_at", ">", "foorbar")}, "parameter_invalid"),
        ({"query": where("email", "IN", "text")}, "invalid_operator"),
        ({"query": where("email", "~", 7)}, "invalid_operator"),
        ({"query": where("unsubscribed_from_emails", "~", "t")}, "invalid_operator"),
        ({"query": {"operator": "AND", "value": []}}, "parameter_invalid"),
        ({"query": {"operator": "OR", "value": [where("email", "=", "a")] * 16}}, "parameter_invalid"),
        ({"query": where("email", "=", "a"), "sort": {"order": "desc"}}, "invalid_sort_order"),
        ({"query": where("email", "=", "a"), "sort": {"field": "shoe_size"}}, "invalid_field"),
        ({"query": where("email", "=", "a"), "pagination": {"per_page": 151}}, "parameter_invalid"),
        ({"query": where("email", "=", "a"), "pagination": {"starting_after": "x"}}, "parameter_invalid"),
    ],
    ids=str,
)
async def test_a_query_that_cannot_be_answered_is_refused(call, body, code):
    assert (await call("POST", "/contacts/search", body)).error[:2] == (400, code)


async def test_groups_nest_twice_and_no_deeper(call):
    query = where("email", "=", "a")
    for _ in range(3):
        query = {"operator": "AND", "value": [query]}
    assert (await call("POST", "/contacts/search", {"query": query["value"][0]})).status == 200
    assert (await call("POST", "/contacts/search", {"query": query})).status == 400

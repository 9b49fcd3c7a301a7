"""Contacts: creating, finding, changing, merging, archiving and deleting them."""

from __future__ import annotations

import pytest


async def create(call, **fields):
    answer = await call("POST", "/contacts", fields)
    assert answer.status == 200, answer
    return answer.body


async def test_a_new_contact_is_shown_as_the_documents_show_it(call, clock):
    made = await create(call, email="joebloggs@intercom.io")
    assert made["type"] == "contact"
    assert (made["role"], made["email"], made["email_domain"]) == ("user", "joebloggs@intercom.io", "intercom.io")
    assert made["external_id"] is None
    assert made["created_at"] == int(clock.now)
    assert made["tags"] == {
        "type": "list",
        "data": [],
        "url": f"/contacts/{made['id']}/tags",
        "total_count": 0,
        "has_more": False,
    }


async def test_an_external_id_is_taken_once(call):
    first = await create(call, external_id="42")
    answer = await call("POST", "/contacts", {"external_id": "42", "email": "other@example.com"})
    message = f"A contact matching those details already exists with id={first['id']}"
    assert answer.error == (409, "conflict", message)


async def test_an_email_is_taken_once_by_users_without_external_id(call):
    first = await create(call, email="ada@example.com")
    answer = await call("POST", "/contacts", {"email": "Ada@example.com"})
    assert answer.error[2] == f"A contact matching those details already exists with id={first['id']}"


async def test_two_users_with_external_ids_may_share_an_email(call):
    await create(call, external_id="1", email="office@example.com")
    await create(call, external_id="2", email="office@example.com")


async def test_any_number_of_leads_may_share_an_email(call):
    ids = {(await create(call, role="lead", email="lead@example.com"))["id"] for _ in range(3)}
    assert len(ids) == 3


async def test_an_archived_twin_is_named_and_can_be_brought_back(call):
    first = await create(call, external_id="42")
    archived = await call("POST", f"/contacts/{first['id']}/archive")
    assert archived.body == {"type": "contact", "id": first["id"], "external_id": "42", "archived": True}
    answer = await call("POST", "/contacts", {"external_id": "42"})
    message = f"An archived contact matching those details already exists with id={first['id']}"
    assert answer.error == (409, "conflict", message)
    assert (await call("GET", f"/contacts/{first['id']}")).status == 404
    assert (await call("POST", f"/contacts/{first['id']}/unarchive")).body["archived"] is False
    assert (await call("GET", f"/contacts/{first['id']}")).status == 200


@pytest.mark.parametrize(
    "fields",
    [
        {},
        {"name": "Ada"},
        {"role": "visitor"},
        {"email": 7},
        {"email": "a@example.com", "signed_up_at": True},
        {"external_id": "1", "email_verified": True},
        {"email": "a@example.com", "custom_attributes": []},
    ],
    ids=str,
)
async def test_a_contact_that_cannot_be_made_is_refused(call, fields):
    answer = await call("POST", "/contacts", fields)
    assert answer.status == 400
    assert answer.body["type"] == "error.list"


async def test_a_user_is_found_by_external_id_at_once_and_a_lead_never(sandbox, call):
    sandbox.configure(search_delay=300)
    user = await create(call, external_id="42")
    await create(call, role="lead", external_id="lead-1")
    assert (await call("GET", "/contacts/find_by_external_id/42")).body["id"] == user["id"]
    assert (await call("GET", "/contacts/find_by_external_id/lead-1")).error[:2] == (404, "not_found")


async def test_an_external_id_may_hold_any_character(call):
    made = await create(call, external_id="a/b c?d")
    assert (await call("GET", "/contacts/find_by_external_id/a%2Fb%20c%3Fd")).body["id"] == made["id"]


async def test_an_update_changes_what_it_names_and_adds_attributes(call, clock):
    made = await create(call, email="ada@example.com", name="Ada", custom_attributes={"plan": "Pro", "seats": 3})
    clock.advance(60)
    path = f"/contacts/{made['id']}"
    changed = (await call("PUT", path, {"external_id": "42", "custom_attributes": {"plan": "Free"}})).body
    assert (changed["external_id"], changed["name"]) == ("42", "Ada")
    assert changed["custom_attributes"] == {"plan": "Free", "seats": 3}
    assert changed["updated_at"] == changed["created_at"] + 60


async def test_an_update_may_not_take_what_another_has(call):
    first, second = await create(call, external_id="1"), await create(call, external_id="2")
    answer = await call("PUT", f"/contacts/{second['id']}", {"external_id": "1"})
    assert answer.error[2] == f"A contact matching those details already exists with id={first['id']}"
    assert (await call("PUT", "/contacts/nobody", {"name": "x"})).status == 404


async def test_a_lead_that_becomes_a_user_is_found_as_one(call, submit):
    lead = await create(call, role="lead", email="lead@example.com")
    await call("PUT", f"/contacts/{lead['id']}", {"role": "user", "external_id": "42"})
    assert (await submit(user_id="42")).status == 202
    assert (await submit(email="lead@example.com")).status == 202


async def test_a_merged_lead_is_gone_and_points_to_the_user_who_has_its_events(sandbox, call, submit, ada):
    lead = await create(call, role="lead", email="ada@example.com")
    await submit("opened-chat", id=lead["id"])
    merged = await call("POST", "/contacts/merge?include_merge_history=true", {"from": lead["id"], "into": ada.id})
    assert merged.body["id"] == ada.id
    assert [item["source_contact_id"] for item in merged.body["merge_history"]] == [lead["id"]]
    gone = await call("GET", f"/contacts/{lead['id']}")
    assert gone.error[:2] == (410, "contact_merged")
    assert gone.headers["Link"] == f'</contacts/{ada.id}>; rel="canonical"'
    assert (await submit(id=lead["id"])).status == 404
    listed = (await call("GET", "/events?type=user&user_id=ada")).body["events"]
    assert [event["event_name"] for event in listed] == ["opened-chat"]


async def test_a_merged_contact_is_gone_by_its_external_id_too(call, ada):
    lead = await create(call, role="lead", external_id="lead-1", email="ada@example.com")
    await call("POST", "/contacts/merge", {"from": lead["id"], "into": ada.id})
    assert (await call("GET", "/contacts/find_by_external_id/lead-1")).status == 410


async def test_only_a_lead_goes_into_a_user_and_only_with_something_in_common(call, ada):
    stranger = await create(call, role="lead", email="stranger@example.com")
    user = await create(call, external_id="42")
    body = {"from": stranger["id"], "into": ada.id}
    assert (await call("POST", "/contacts/merge", body)).error[:2] == (400, "invalid_merge")
    wrong_way = {"from": user["id"], "into": ada.id}
    assert (await call("POST", "/contacts/merge", wrong_way)).error[:2] == (400, "invalid_merge")
    assert (await call("POST", "/contacts/merge", body | {"skip_duplicate_validation": True})).status == 200
    assert (await call("POST", "/contacts/merge", {"from": "nobody", "into": ada.id})).status == 404
    assert (await call("POST", "/contacts/merge", {"into": ada.id})).status == 400


async def test_a_deleted_contact_leaves_its_identifiers_free(call, submit, ada):
    await submit("first")
    assert (await call("DELETE", f"/contacts/{ada.id}")).body == {
        "type": "contact",
        "id": ada.id,
        "external_id": "ada",
        "deleted": True,
    }
    assert (await call("GET", f"/contacts/{ada.id}")).status == 404
    assert (await call("DELETE", f"/contacts/{ada.id}")).status == 404
    await create(call, external_id="ada", email="ada@example.com")
    assert (await call("GET", "/events?type=user&user_id=ada")).body["events"] == []

"""POST /events: who, what, when, once; and what Intercom says to everything else."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

CASES = yaml.safe_load(Path(__file__).with_name("metadata_cases.yaml").read_text(encoding="utf-8"))


def metadata_of(case):
    text, times = case.get("value_repeated", ("", 0))
    return {case["key"]: text * times if times else case["value"]}


async def test_an_event_is_accepted_with_an_empty_answer(sandbox, submit, ada):
    answer = await submit(metadata={"plan": "Pro"})
    assert (answer.status, answer.body) == (202, None)
    (event,) = sandbox.events()
    assert (event.name, event.contact_id, event.metadata) == ("paid-invoice", ada.id, {"plan": "Pro"})


async def test_names_that_differ_in_case_periods_and_dollars_are_one_name(sandbox, submit, ada):
    for second, name in enumerate(["Paid.Invoice", "paid$invoice", "PAID-INVOICE"]):
        await submit(name, created_at=1000 + second)
    assert {event.name for event in sandbox.events()} == {"paid-invoice"}


async def test_spaces_and_dashes_make_different_names(sandbox, submit, ada):
    await submit("paid invoice")
    await submit("paid-invoice")
    assert len(sandbox.events(duplicate=False)) == 2


async def test_the_same_person_name_and_second_is_acknowledged_and_ignored(sandbox, submit, ada):
    answers = [
        await submit("Paid-Invoice", metadata={"n": 1}),
        await submit("paid.invoice", metadata={"n": 2}),
        await submit(user_id=None, email="ada@example.com"),
    ]
    assert [answer.status for answer in answers] == [202, 202, 202]
    assert [event.duplicate for event in sandbox.events()] == [False, True, True]
    assert sandbox.events(duplicate=False)[0].metadata == {"n": 1}


async def test_another_second_another_name_or_another_person_is_another_event(sandbox, submit, ada):
    sandbox.add_contact(external_id="bob")
    await submit(created_at=1)
    await submit(created_at=2)
    await submit("opened-dispute", created_at=1)
    await submit(user_id="bob", created_at=1)
    assert len(sandbox.events(duplicate=False)) == 4


async def test_a_contact_without_external_id_is_told_apart_by_its_intercom_id(sandbox, submit):
    first, second = (sandbox.add_contact(role="lead", email="same@example.com") for _ in range(2))
    for contact in (first, second, first):
        await submit(id=contact.id)
    assert [event.duplicate for event in sandbox.events()] == [False, False, True]


async def test_only_the_first_ten_keys_count_and_the_rest_is_not_even_looked_at(sandbox, submit, ada):
    sent = {f"key_{n}": n for n in range(10)} | {"eleventh": {"nested": True}, "twelfth": 1}
    assert (await submit(metadata=sent)).status == 202
    (event,) = sandbox.events()
    assert list(event.metadata) == [f"key_{n}" for n in range(10)]
    assert event.dropped_keys == ("eleventh", "twelfth")


async def test_a_workspace_may_keep_twenty_keys(sandbox, submit, ada):
    sandbox.configure(metadata_keys=20)
    await submit(metadata={f"key_{n}": n for n in range(21)})
    assert sandbox.events()[0].dropped_keys == ("key_20",)


async def test_a_second_spelling_of_a_key_is_ignored(sandbox, submit, ada):
    await submit(metadata={"Plan": "Pro", "plan": "Free"})
    (event,) = sandbox.events()
    assert (event.metadata, event.dropped_keys) == ({"Plan": "Pro"}, ("plan",))


@pytest.mark.parametrize("case", CASES["taken"], ids=lambda case: case["name"])
async def test_metadata_is_taken_and_shown_as_its_type(sandbox, submit, ada, case):
    assert (await submit(metadata=metadata_of(case))).status == 202
    assert sandbox.events()[0].types == {case["key"]: case["type"]}


@pytest.mark.parametrize("case", CASES["refused"], ids=lambda case: case["name"])
async def test_metadata_is_refused_with_its_key_named(sandbox, submit, ada, case):
    answer = await submit(metadata=metadata_of(case))
    assert answer.error[:2] == (400, "parameter_invalid")
    assert answer.error[2].startswith("Invalid metadata")
    assert answer.body["errors"][0]["field"] == f"metadata.{case['key']}"
    assert sandbox.events() == []


@pytest.mark.parametrize("left_out", ["event_name", "created_at", "user_id"])
async def test_an_event_that_lacks_what_it_needs_is_refused(call, ada, left_out):
    event = {"event_name": "paid-invoice", "created_at": 1, "user_id": "ada"}
    del event[left_out]
    answer = await call("POST", "/events", event)
    assert answer.error == (400, "parameter_not_found", "missing data parameter")
    assert answer.body["errors"][0]["field"] == left_out


@pytest.mark.parametrize("when", ["2026-11-21", 1795225780000, 1795225780.5, -1, True, [1]])
async def test_a_time_that_is_not_whole_unix_seconds_is_refused(submit, ada, when):
    assert (await submit(created_at=when)).error[:2] == (400, "parameter_invalid")


@pytest.mark.parametrize("more", [{"event_name": 7}, {"user_id": 7}, {"metadata": [1]}, {"metadata": "text"}])
async def test_a_part_of_the_wrong_type_is_refused(submit, ada, more):
    assert (await submit(**more) if "event_name" not in more else await submit(7)).status == 400


@pytest.mark.parametrize(
    "body", [b"", b"{", b"[]", b"null", b"\xff", b'{"a": NaN}', b'{"a": 1e999}', b"[" * 100_000, b"1" * 5000]
)
async def test_a_body_that_is_no_json_object_is_refused(call, body):
    assert (await call("POST", "/events", body)).error[:2] == (400, "parameter_invalid")


@pytest.mark.parametrize("who", [{"user_id": "nobody"}, {"email": "nobody@example.com"}, {"id": "6762f0dd"}])
async def test_an_event_for_nobody_is_not_stored(sandbox, submit, who):
    assert (await submit(**who)).error == (404, "not_found", "User Not Found")
    assert sandbox.events() == []


async def test_an_email_of_several_users_is_a_conflict_and_their_ids_are_not(sandbox, submit):
    two = [sandbox.add_contact(external_id=n, email="shared@example.com") for n in ("1", "2")]
    answer = await submit(email="shared@example.com")
    message = "Multiple existing users match this email address - must be more specific using user_id"
    assert answer.error == (409, "conflict", message)
    assert [(await submit(id=contact.id)).status for contact in two] == [202, 202]


async def test_a_lead_is_found_by_id_only(sandbox, submit):
    lead = sandbox.add_contact(role="lead", external_id="visitor-7", email="lead@example.com")
    assert (await submit(user_id="visitor-7")).status == 404
    assert (await submit(email="lead@example.com")).status == 404
    assert (await submit(id=lead.id)).status == 202


async def test_a_user_and_a_lead_of_one_email_are_no_conflict(sandbox, submit, ada):
    sandbox.add_contact(role="lead", email="ada@example.com")
    assert (await submit(email="ada@example.com")).status == 202
    assert sandbox.events()[0].contact_id == ada.id


async def test_the_most_exact_identifier_decides(sandbox, submit, ada):
    bob = sandbox.add_contact(external_id="bob", email="bob@example.com")
    await submit(id=bob.id, user_id="ada", email="ada@example.com")
    await submit(user_id="bob", email="ada@example.com")
    assert [(event.contact_id, event.identified_by) for event in sandbox.events()] == [
        (bob.id, "id"),
        (bob.id, "user_id"),
    ]


async def test_the_case_of_an_email_matters_only_to_a_workspace_that_says_so(sandbox, submit, ada):
    assert (await submit(email="ADA@Example.com")).status == 202
    sandbox.configure(match_email_case=True)
    sandbox.add_contact(external_id="eve", email="Eve@example.com")
    assert (await submit(email="eve@example.com")).status == 404
    assert (await submit(email="Eve@example.com")).status == 202


async def test_the_121st_event_name_is_refused_and_the_120_go_on(sandbox, submit, ada):
    for n in range(120):
        assert (await submit(f"did-{n}")).status == 202
    assert (await submit("did-120")).error == (422, "422", "Cannot have more than 120 active event names")
    assert (await submit("did-7", created_at=7)).status == 202


async def test_an_unknown_person_is_created_only_where_the_workspace_says_so(sandbox, submit):
    sandbox.configure(create_contacts=True)
    assert (await submit(user_id="new", email="new@example.com")).status == 202
    (made,) = sandbox.contacts()
    assert (made.external_id, made.email, made.role) == ("new", "new@example.com", "user")
    assert (await submit(id="6762f0dd")).status == 404


async def test_an_archived_contact_gets_no_events_until_brought_back(call, submit, ada):
    await call("POST", f"/contacts/{ada.id}/archive")
    assert (await submit()).status == 404
    await call("POST", f"/contacts/{ada.id}/unarchive")
    assert (await submit()).status == 202


async def test_everything_about_an_accepted_event_is_kept(sandbox, submit, clock, ada):
    clock.advance(3)
    await submit("Paid.Invoice", created_at=1700000000, email="ada@example.com", metadata={"plan": "Pro"})
    (event,) = sandbox.events()
    assert event.as_json() == {
        "number": event.number,
        "received_at": clock.now,
        "workspace": "sandbox",
        "contact_id": ada.id,
        "external_id": "ada",
        "email": "ada@example.com",
        "identified_by": "email",
        "identifier": "ada@example.com",
        "name": "paid-invoice",
        "created_at": 1700000000,
        "metadata": {"plan": "Pro"},
        "types": {"plan": "text"},
        "dropped_keys": [],
        "duplicate": False,
        "sent": {
            "event_name": "Paid.Invoice",
            "created_at": 1700000000,
            "email": "ada@example.com",
            "metadata": {"plan": "Pro"},
        },
    }

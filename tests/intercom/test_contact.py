"""What Intercom's successful answers hold, and what is left alone because it cannot be told."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connector.intercom.contact import Contact, Found, contacts_with_email, one_contact
from connector.intercom.me import Me, whose
from connector.intercom.outcome import Answer

NOT_FOUND = b'{"type":"error.list","errors":[{"code":"not_found","message":"User Not Found"}]}'
GONE = b'{"type":"error.list","errors":[{"code":"contact_merged","message":"This contact has been merged."}]}'
ADA = {"type": "contact", "id": "6762f0d0", "role": "user", "external_id": "42", "email": "Ada@Example.com"}
BOB = {"type": "contact", "id": "6762f0d1", "role": "lead", "external_id": None, "email": "bob@example.com"}


def answer(value: object, status: int = 200) -> Answer:
    return Answer(status, {}, json.dumps(value).encode())


def found(result: Found | Answer) -> tuple[Contact, ...]:
    assert isinstance(result, Found)
    return result.contacts


def test_a_contact_is_who_intercom_says():
    assert found(one_contact(answer(ADA))) == (Contact("6762f0d0", "user", "42", "Ada@Example.com"),)


def test_nobody_is_an_answer_too():
    assert found(one_contact(Answer(404, {}, NOT_FOUND))) == ()


def test_who_was_merged_away_is_who_is_left():
    link = {"link": '</contacts/6762f0d01bb69f9f2193bb7d>; rel="canonical"'}
    assert found(one_contact(Answer(410, link, GONE))) == (Contact("6762f0d01bb69f9f2193bb7d"),)


@pytest.mark.parametrize(
    "link", ["", "</contacts/../me>; rel=canonical", '<https://evil.example/contacts/1>; rel="canonical"']
)
def test_a_link_to_anything_but_a_contact_is_not_followed(link: str):
    gone = Answer(410, {"link": link}, GONE)
    assert one_contact(gone) is gone


def test_an_archived_contact_is_nobody():
    assert found(one_contact(answer({**ADA, "archived": True}))) == ()


@pytest.mark.parametrize("nonsense", ["", "x" * 256, 7, None])
def test_a_contact_whose_id_cannot_be_one_is_left_out(nonsense: object):
    assert found(one_contact(answer({**ADA, "id": nonsense}))) == ()


def test_an_email_is_compared_without_case_and_only_whole():
    listed = answer({"type": "list", "data": [ADA, BOB, {**BOB, "id": "6762f0d2", "email": "ada@example.com.au"}]})
    assert [contact.id for contact in found(contacts_with_email(listed, "ada@example.COM"))] == ["6762f0d0"]


def test_everybody_with_an_email_is_found():
    listed = answer({"type": "list", "data": [ADA, {**ADA, "id": "6762f0d3", "role": "lead"}]})
    assert [contact.role for contact in found(contacts_with_email(listed, "ada@example.com"))] == ["user", "lead"]


def test_me_is_the_workspace_of_the_token():
    app = {"type": "app", "id_code": "ecahpwf5", "name": "ACME", "region": "EU", "timezone": "Europe/Dublin"}
    said = answer({"type": "admin", "app": app})
    assert whose(said) == Me("ecahpwf5", "ACME", "eu", "Europe/Dublin", said)


@pytest.mark.parametrize("status", [401, 404, 429, 500, None])
def test_what_is_no_success_is_handed_back_as_it_came(status: int | None):
    failed = Answer(status, {}, b'{"type":"error.list","errors":[{"code":"x"}]}')
    assert one_contact(failed) is failed
    assert contacts_with_email(failed, "ada@example.com") is failed
    assert whose(failed) is failed


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)


@given(
    status=st.sampled_from([200, 404, 410]),
    body=st.binary(max_size=50)
    | st.fixed_dictionaries(
        {}, optional=dict.fromkeys(("type", "id", "email", "data", "app", "errors"), json_values)
    ).map(lambda value: json.dumps(value).encode()),
)
def test_no_body_makes_reading_it_fail(status: int, body: bytes):
    said = Answer(status, {}, body)
    assert isinstance(one_contact(said), Found | Answer)
    assert isinstance(contacts_with_email(said, "ada@example.com"), Found | Answer)
    assert isinstance(whose(said), Me | Answer)

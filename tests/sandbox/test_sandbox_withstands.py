"""Whatever a sender can send, the rules answer: an event, a contact, a list, or a refusal; never an exception."""

from __future__ import annotations

import json

from hypothesis import given, settings
from hypothesis import strategies as st

from connector.sandbox.answers import Refused
from connector.sandbox.contact_search import DATE_FIELDS, TEXT_FIELDS, Reader, find, sort
from connector.sandbox.contacts import WRITABLE, Contact, Contacts
from connector.sandbox.event_request import Submission, read_submission

json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=20), inner, max_size=4),
    max_leaves=12,
)
money = st.fixed_dictionaries({"amount": json_values, "currency": json_values})
rich_link = st.fixed_dictionaries({"url": json_values, "value": json_values})
events = st.fixed_dictionaries(
    {},
    optional={
        "event_name": st.text() | json_values,
        "created_at": st.integers() | json_values,
        "user_id": st.text() | json_values,
        "email": json_values,
        "metadata": st.dictionaries(st.text(), json_values | money | rich_link) | json_values,
    },
)
contacts = st.fixed_dictionaries({}, optional={name: st.text() | json_values for name in [*WRITABLE, "email_verified"]})
fields = st.sampled_from([*TEXT_FIELDS, *DATE_FIELDS, "custom_attributes.plan", "unsubscribed_from_emails"])
operators = st.sampled_from(["=", "!=", "IN", "NIN", "<", ">", "~", "!~", "^", "$", "AND", "OR"])
filters = st.fixed_dictionaries(
    {"field": fields | json_values, "operator": operators | json_values, "value": st.text() | json_values}
)
orders = st.fixed_dictionaries(
    {}, optional={"field": fields | json_values, "order": st.just("ascending") | json_values}
)
queries = st.recursive(
    filters | json_values,
    lambda inner: st.fixed_dictionaries(
        {"operator": st.sampled_from(["AND", "OR"]), "value": st.lists(inner, max_size=4)}
    ),
    max_leaves=6,
)


@given(st.binary())
def test_any_bytes_are_an_event_or_refused(body):
    assert isinstance(read_submission(body, metadata_keys=10), Submission | Refused)


@given(events)
@settings(max_examples=300)
def test_any_json_is_an_event_or_refused(event):
    assert isinstance(read_submission(json.dumps(event).encode(), metadata_keys=10), Submission | Refused)


@given(st.lists(contacts, max_size=4), queries, orders | json_values)
@settings(max_examples=300)
def test_any_contacts_can_be_searched_with_any_query(people, query, order):
    store = Contacts()
    made = [store.create(person, now=1.0, search_delay=0) for person in people]
    assert all(isinstance(contact, Contact | Refused) for contact in made)
    found = find(store, query, reader=Reader("UTC", match_email_case=False), now=2.0)
    if not isinstance(found, Refused):
        assert all(contact in made for contact in found)
    assert isinstance(sort(list(store), order), list | Refused)

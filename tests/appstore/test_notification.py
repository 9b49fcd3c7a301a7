"""What Intercom's webhooks say: pure, whatever the bytes."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connector.appstore.notification import TOPICS, Meaning, read
from connector.events import Identifier, IdentifierKind

ADA = {"type": "contact", "id": "64a1", "external_id": "ada", "email": "Ada@example.com", "role": "user"}


def body(topic: str, item: Any, **more: Any) -> bytes:
    envelope = {"type": "notification_event", "app_id": "acme", "topic": topic, "data": {"item": item}} | more
    return json.dumps(envelope).encode()


@pytest.mark.parametrize("topic", TOPICS)
def test_each_topic_names_its_contact(topic: str):
    notification = read(body(topic, ADA))
    assert notification is not None
    assert (notification.app_id, notification.topic, notification.contact_id) == ("acme", topic, "64a1")
    assert notification.meaning is TOPICS[topic]
    assert set(notification.people) == {
        Identifier(IdentifierKind.ID, "64a1"),
        Identifier(IdentifierKind.USER_ID, "ada"),
        Identifier(IdentifierKind.EMAIL, "Ada@example.com"),
    }


def test_a_merge_names_who_is_left_and_whom_it_took_over():
    notification = read(body("contact.merged", ADA | {"merged_from": {"type": "contact", "id": "64a0"}}))
    assert notification is not None
    assert (notification.contact_id, notification.gone_id) == ("64a1", "64a0")
    assert Identifier(IdentifierKind.ID, "64a0") in notification.people


def test_a_deletion_carries_next_to_nothing():
    notification = read(body("contact.deleted", {"type": "contact", "id": "64a1", "deleted": True}))
    assert notification is not None
    assert notification.meaning is Meaning.DELETED
    assert notification.people == (Identifier(IdentifierKind.ID, "64a1"),)


@pytest.mark.parametrize("topic", ["ping", "conversation.user.created", "contact.created", ""])
def test_other_topics_mean_nothing(topic: str):
    notification = read(body(topic, {"type": "ping"}))
    assert notification is None or notification.meaning is None


@pytest.mark.parametrize(
    "raw", [b"", b"[]", b"null", b"{", b'{"topic":"ping"}', b"\xff\xfe", b'{"app_id":1,"topic":2}']
)
def test_what_is_no_notification_is_none(raw: bytes):
    assert read(raw) is None


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["id", "email", "contact"]), inner),
    max_leaves=8,
)


@given(st.sampled_from(sorted(TOPICS)), json_values, json_values)
def test_no_item_makes_reading_fail(topic: str, item: Any, merged: Any):
    read(body(topic, item))
    notification = read(body(topic, {"id": "64a1", "email": item, "external_id": item, "merged_from": merged}))
    assert notification is not None
    assert all(0 < len(each.value) <= 255 and "\x00" not in each.value for each in notification.people)

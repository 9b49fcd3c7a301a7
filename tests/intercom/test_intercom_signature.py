"""Only bytes that were signed with the app's client secret are Intercom's."""

from __future__ import annotations

import hashlib
import hmac

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connector.intercom.signature import body_signed, hub_signed

SECRET = "client-secret"
BODY = '{"type":"notification_event","name":"Žofie"}'.encode()


def hub(body: bytes, secret: str = SECRET) -> str:
    return "sha1=" + hmac.new(secret.encode(), body, hashlib.sha1).hexdigest()


def of_body(body: bytes, secret: str = SECRET) -> str:
    return hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()


def test_what_was_signed_is_taken_and_in_either_case_of_its_digits():
    assert hub_signed(BODY, headers=[hub(BODY)], secret=SECRET)
    assert hub_signed(BODY, headers=["sha1=" + hub(BODY)[5:].upper()], secret=SECRET)
    assert body_signed(BODY, headers=[of_body(BODY)], secret=SECRET)


@pytest.mark.parametrize(
    "headers",
    [
        [],
        [""],
        [hub(BODY), hub(BODY)],
        [hub(BODY)[5:]],
        ["sha256=" + hub(BODY)[5:]],
        [hub(BODY) + "0"],
        [hub(BODY)[:-1]],
        [hub(BODY, "another secret")],
        [hub(BODY + b" ")],
        ["sha1=" + "ä" * 40],
        ["sha1=" + "٣" * 40],
        ["sha1=" + "\udcff" * 40],
        ["sha1=" + "0" * 100_000],
        [" " + hub(BODY)],
    ],
)
def test_anything_else_is_refused_and_never_raises(headers: list[str]):
    assert not hub_signed(BODY, headers=headers, secret=SECRET)
    assert not body_signed(BODY, headers=headers, secret=SECRET)


def test_without_a_secret_nothing_is_signed():
    assert not hub_signed(BODY, headers=[hub(BODY, "")], secret="")
    assert not body_signed(BODY, headers=[of_body(BODY, "")], secret="")


@given(st.binary(max_size=200), st.text(max_size=80))
def test_no_header_passes_by_chance(body: bytes, header: str):
    assert not hub_signed(body, headers=[header], secret=SECRET)
    assert hub_signed(body, headers=[hub(body)], secret=SECRET)

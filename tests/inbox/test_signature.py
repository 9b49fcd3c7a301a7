"""Signatures over raw bytes: what holds, and that nothing a stranger sends is an exception."""

import hashlib
import hmac

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connector.inbox.signature import authorized, segment_signed, stripe_signed
from tests.signing import segment_headers, stripe_headers

BODY, NOW, SECRET = b'{"id": "evt_1", "amount": 1}', 1_800_000_000, "whsec_right"


def stripe(header: str, body: bytes = BODY, secrets: tuple[str, ...] = (SECRET,), now: int = NOW) -> bool:
    return stripe_signed(body, headers=[header], secrets=secrets, now=now)


def header(secret: str = SECRET, at: int = NOW, body: bytes = BODY) -> str:
    return stripe_headers(body, secret, at=at)["Stripe-Signature"]


@pytest.mark.parametrize(
    ("age", "holds"), [(0, True), (299, True), (300, True), (301, False), (-300, True), (-301, False)]
)
def test_a_stripe_timestamp_may_be_five_minutes_old_or_ahead(age: int, holds: bool):
    assert stripe(header(at=NOW - age)) is holds


def test_any_of_several_secrets_holds_while_one_is_rotated():
    assert stripe(header("whsec_old"), secrets=("whsec_new", "whsec_old"))
    assert not stripe(header("whsec_older"), secrets=("whsec_new", "whsec_old"))


def test_stripe_sends_one_signature_for_each_active_secret():
    old, new = (hmac.new(s, b"%d." % NOW + BODY, hashlib.sha256).hexdigest() for s in (b"old", b"new"))
    assert stripe(f"t={NOW},v1={old},v1={new}", secrets=("new",))


@pytest.mark.parametrize("body", [BODY + b"\n", BODY.replace(b" ", b""), BODY[:-1], b""])
def test_one_byte_more_or_less_does_not_hold(body: bytes):
    assert not stripe(header(), body)


@pytest.mark.parametrize(
    "bad",
    [
        "",
        "t=,v1=",
        f"t={NOW}",
        f"v1={'0' * 64}",
        f"t={NOW},v0={'0' * 64}",
        f"t=1_0,v1={'0' * 64}",
        f"t=١٢٣,v1={'0' * 64}",
        f"t={NOW}, v1={'0' * 64}",
        f"t={NOW},v1=é",
        "t=1" + "0" * 5000 + ",v1=0",
        f"t={NOW}" + f",v1={'0' * 64}" * 100,
        "\udcff",
    ],
)
def test_a_header_of_another_form_does_not_hold(bad: str):
    assert not stripe(bad)


def test_exactly_one_signature_header_is_expected():
    good = header()
    assert not stripe_signed(BODY, headers=[], secrets=[SECRET], now=NOW)
    assert not stripe_signed(BODY, headers=[good, good], secrets=[SECRET], now=NOW)
    assert not segment_signed(BODY, headers=[], secrets=[SECRET])


def test_a_body_that_is_not_utf_8_does_not_hold():
    assert not stripe(header(body=b"\xff"), b"\xff")


def test_an_endpoint_without_a_secret_lets_nothing_in():
    assert not stripe(header(), secrets=())
    assert not stripe(header(secret=""), secrets=("",))
    assert not segment_signed(BODY, headers=[segment_headers(BODY, SECRET)["X-Signature"]], secrets=[])


def test_segment_signs_with_sha1_in_hex():
    signature = segment_headers(BODY, SECRET)["X-Signature"]
    assert segment_signed(BODY, headers=[signature], secrets=["other", SECRET])
    assert segment_signed(BODY, headers=[signature.upper()], secrets=[SECRET])
    assert not segment_signed(BODY, headers=[signature], secrets=["other"])
    assert not segment_signed(BODY + b" ", headers=[signature], secrets=[SECRET])


def test_an_authorization_header_is_compared_to_the_letter():
    assert authorized("Bearer abc", headers=["Bearer abc"])
    for wrong in ([], ["Bearer abc", "Bearer abc"], ["bearer abc"], ["Bearer abcd"], ["Bearer \udcff"], ["é"]):
        assert not authorized("Bearer abc", headers=wrong)


@given(headers=st.lists(st.text(), max_size=3), body=st.binary(max_size=200), secret=st.text(min_size=1))
def test_no_header_and_no_body_is_an_exception(headers: list[str], body: bytes, secret: str):
    assert not stripe_signed(body, headers=headers, secrets=[secret], now=NOW)
    assert not segment_signed(body, headers=headers, secrets=[secret])

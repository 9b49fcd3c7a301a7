"""Segment's forms: one message, a batch, a wrapped batch; whole or first signed; policies; one bad element."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connector.events import ReceivedState, Trust
from connector.inbox.sources import Accepted, Credentials, Refused, Request
from connector.inbox.sources.batch import elements, unwrapped
from connector.inbox.sources.segment import read
from connector.inbox.sources.source import BatchPolicy
from tests.signing import segment_headers

SECRET = "shared-secret"


def message(number: int, **more: object) -> dict[str, object]:
    return {"type": "track", "event": "Order Completed", "messageId": f"m-{number}", "userId": "u1"} | more


def js(value: object) -> bytes:
    """As JSON.stringify writes it."""
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False).encode()


def send(
    body: bytes,
    signed: bytes | None = None,
    *,
    policy: BatchPolicy = BatchPolicy.FIRST_EVENT_SIGNED,
    **credentials: object,
) -> Accepted | Refused:
    signature = segment_headers(body if signed is None else signed, SECRET)["X-Signature"]
    given_by = credentials.pop("authorizations", ())
    expected = Credentials((SECRET,), batch_policy=policy, **credentials)  # type: ignore[arg-type]
    return read(Request(body, [signature], given_by, 0), expected)  # type: ignore[arg-type]


def accepted(answer: Accepted | Refused) -> list[tuple[str, str, Trust]]:
    assert isinstance(answer, Accepted)
    return [(event.key, event.type, event.trust) for event in answer.events]


BATCH = js([message(1), message(2)])


def test_a_single_message_is_signed_as_a_whole():
    assert accepted(send(js(message(1)))) == [("m-1", "track Order Completed", Trust.SIGNED)]


def test_a_batch_that_signs_its_first_message_trusts_the_rest_less():
    assert accepted(send(BATCH, js(message(1)))) == [
        ("m-1", "track Order Completed", Trust.SIGNED),
        ("m-2", "track Order Completed", Trust.UNSIGNED),
    ]


def test_a_batch_that_is_signed_as_a_whole_is_trusted_as_a_whole():
    assert [trust for *_, trust in accepted(send(BATCH))] == [Trust.SIGNED, Trust.SIGNED]


def test_a_wrapped_batch_signs_its_first_message_unwrapped():
    wrapped = js([{"json": message(1)}, {"json": message(2)}])
    assert [key for key, *_ in accepted(send(wrapped, js(message(1))))] == ["m-1", "m-2"]


def test_the_second_message_signs_nothing():
    assert send(BATCH, js(message(2))) == Refused(401, "bad_signature")


def test_whole_body_signed_refuses_a_signature_over_the_first_only():
    assert send(BATCH, js(message(1)), policy=BatchPolicy.WHOLE_BODY_SIGNED) == Refused(401, "bad_signature")
    assert len(accepted(send(BATCH, policy=BatchPolicy.WHOLE_BODY_SIGNED))) == 2


def test_refuse_batches_takes_single_messages_only():
    assert send(BATCH, policy=BatchPolicy.REFUSE_BATCHES) == Refused(400, "batch")
    assert len(accepted(send(js(message(1)), policy=BatchPolicy.REFUSE_BATCHES))) == 1


def test_an_authorization_secret_is_asked_for_as_well_and_vouches_for_the_whole_batch():
    first = js(message(1))
    assert send(BATCH, first, authorization="Bearer x") == Refused(401, "bad_signature")
    answer = send(BATCH, first, authorization="Bearer x", authorizations=("Bearer x",))
    assert [trust for *_, trust in accepted(answer)] == [Trust.SIGNED, Trust.SIGNED]


def test_an_authorization_secret_alone_is_enough():
    answer = read(Request(BATCH, (), ("Bearer x",), 0), Credentials((), "Bearer x"))
    assert len(accepted(answer)) == 2
    assert read(Request(BATCH, (), ("Bearer y",), 0), Credentials((), "Bearer x")) == Refused(401, "bad_signature")


@pytest.mark.parametrize("bad", ["7", "null", '"text"', "[1]", "{}", '{"type":5}', '{"type":"track","x":NaN}'])
def test_one_bad_element_is_a_row_of_its_own(bad: str):
    body = b"[" + js(message(1)) + b"," + bad.encode() + b"," + js(message(3)) + b"]"
    answer = send(body)
    assert isinstance(answer, Accepted)
    assert [event.state for event in answer.events] == [
        ReceivedState.RECEIVED,
        ReceivedState.UNPARSEABLE,
        ReceivedState.RECEIVED,
    ]
    assert answer.events[1].body == bad.encode()


def test_a_lone_surrogate_in_one_element_costs_nobody_anything():
    body = b"[" + js(message(1)) + b',{"type":"track","messageId":"m-2","event":"\\ud800"}]'
    answer = send(body, js(message(1)))
    assert isinstance(answer, Accepted)
    assert [event.key for event in answer.events] == ["m-1", "m-2"]


def test_an_array_that_breaks_off_is_one_unparseable_row():
    answer = send(b"[" + js(message(1)))
    assert isinstance(answer, Accepted)
    assert [event.state for event in answer.events] == [ReceivedState.UNPARSEABLE]


def test_an_empty_batch_is_taken_and_holds_nothing():
    assert accepted(send(b"[]")) == []


def test_a_message_without_an_id_is_known_by_its_bytes():
    body = js({"type": "identify", "userId": "u1"})
    (first, *_), (second, *_) = accepted(send(body)), accepted(send(body))
    assert first == second
    assert first[0].startswith("sha:")


def test_a_delete_needs_a_signature_over_itself():
    body = js([message(1), {"type": "delete", "userId": "u1"}])
    answer = send(body, js(message(1)))
    assert isinstance(answer, Accepted)
    assert (answer.events[1].state, answer.events[1].reason) == (ReceivedState.IGNORED, "unsigned_delete")


@pytest.mark.parametrize(
    ("moment", "seconds"),
    [
        ("2026-01-02T03:04:05.678Z", 1767323045),
        ("2026-01-02T05:04:05+02:00", 1767323045),
        ("2026-01-02T03:04:05", 1767323045),
        ("yesterday", None),
        (1767323045, 1767323045),
        ("9" * 400, None),
        (True, None),
    ],
)
def test_the_time_of_a_message_is_read_where_it_is_one(moment: object, seconds: int | None):
    answer = send(js(message(1, timestamp=moment)))
    assert isinstance(answer, Accepted)
    assert answer.events[0].occurred_at == seconds


values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=8,
)
spaces = st.text(" \t\r\n", max_size=3)


@given(st.lists(st.tuples(values, spaces, spaces), max_size=5))
def test_the_elements_of_an_array_are_cut_to_the_byte(parts: list[tuple[object, str, str]]):
    written = [json.dumps(value, ensure_ascii=len(before) % 2 == 0) for value, before, _ in parts]
    try:
        body = ("[" + ",".join(b + w + a for w, (_, b, a) in zip(written, parts, strict=True)) + "]").encode()
    except UnicodeEncodeError:
        return
    found = elements(body)
    assert found is not None
    assert [part.decode() for part in found] == written


@given(st.binary(max_size=300))
def test_no_bytes_are_an_exception(body: bytes):
    elements(body)
    unwrapped(body)
    assert isinstance(send(body), Accepted | Refused)
    assert isinstance(send(b"[" + body), Accepted | Refused)


def test_deep_nesting_is_no_exception():
    deep = b"[" * 200_000
    assert isinstance(send(deep), Accepted)
    assert isinstance(send(b'{"type":"track","x":' + deep), Accepted)

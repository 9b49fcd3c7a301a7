"""What an answer means, for answers that nobody would send on purpose."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connector.intercom.outcome import Answer, Delivered, RateLimited, read, request_id

NOW = 1_763_687_761_000

json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=12,
)
error_lists = st.fixed_dictionaries(
    {"type": st.just("error.list") | json_values, "errors": st.lists(json_values, max_size=3) | json_values},
    optional={"request_id": json_values},
)
errors = st.dictionaries(st.sampled_from(["code", "message", "field"]), st.text() | json_values)
said = error_lists | st.builds(lambda error: {"type": "error.list", "errors": [error]}, errors) | json_values
bodies = st.binary(max_size=300) | st.text(max_size=3000).map(lambda text: text.encode("utf-8", "surrogatepass"))
headers = st.dictionaries(
    st.sampled_from(["date", "retry-after", "x-ratelimit-reset", "x-ratelimit-remaining", "x-request-id"]),
    st.text(max_size=40) | st.integers().map(str) | st.datetimes().map(lambda at: f"{at:%a, %d %b %Y %H:%M:%S GMT}"),
)


@given(
    status=st.integers(100, 999),
    headers=headers,
    body=bodies | said.map(lambda value: json.dumps(value).encode("utf-8", "surrogatepass")),
)
def test_no_answer_whatever_its_bytes_makes_reading_it_fail(status: int, headers: dict[str, str], body: bytes):
    outcome = read(Answer(status, headers, body), now_ms=NOW)
    assert isinstance(outcome, Delivered) == (status == 202)
    for text, longest in ((outcome.code, 100), (outcome.words, 1000), (request_id(headers, body), 255)):
        assert text is None or (text.isprintable() and text.strip() == text and 0 < len(text) <= longest)
    if isinstance(outcome, RateLimited):
        assert 1_000 <= outcome.until_ms - NOW <= 900_000


@pytest.mark.parametrize(
    ("status", "name", "ambiguous"),
    [
        (199, "unknown", True),
        (299, "unknown", True),
        (300, "redirected", True),
        (399, "redirected", True),
        (402, "unknown", False),
        (499, "unknown", False),
        (500, "server_error", True),
        (599, "server_error", True),
        (600, "unknown", True),
    ],
)
def test_a_status_that_is_in_no_list_counts_by_its_hundreds(status: int, name: str, ambiguous: bool):
    outcome = read(Answer(status), now_ms=NOW)
    assert (outcome.name, outcome.ambiguous) == (name, ambiguous)


@pytest.mark.parametrize("body", [b"[" * 100_000, b'{"a":' * 30_000, b"9" * 60_000, b"\xff" * 65_536, b"\x00" * 65_536])
def test_a_hostile_body_is_read_as_no_words_or_few(body: bytes):
    outcome = read(Answer(400, {}, body), now_ms=NOW)
    assert (outcome.name, outcome.code) == ("refused", None)
    assert len(outcome.words or "") <= 1000


def test_intercoms_words_are_kept_without_what_could_hide_or_forge_a_line():
    message = "Bad\r\nSet-Cookie: a\x1b[31m\u202egnp\ud800 name"
    body = json.dumps({"type": "error.list", "errors": [{"code": "bad\ncode", "message": message}]}).encode()
    outcome = read(Answer(400, {}, body), now_ms=NOW)
    assert outcome.words == "Bad  Set-Cookie: a [31m gnp  name"
    assert outcome.code == "bad code"


def test_the_first_error_of_several_speaks():
    two = [{"code": "parameter_missing", "message": "no name"}, {"code": "parameter_invalid", "message": "no date"}]
    outcome = read(Answer(400, {}, json.dumps({"type": "error.list", "errors": two}).encode()), now_ms=NOW)
    assert (outcome.code, outcome.words) == ("parameter_missing", "no name")


def test_the_request_id_is_the_headers_or_else_the_errors():
    body = b'{"type":"error.list","request_id":"from-the-body","errors":[]}'
    assert request_id({"x-request-id": "from-the-header"}, body) == "from-the-header"
    assert request_id({}, body) == "from-the-body"
    assert request_id({}, b'{"type":"error.list","request_id":7}') is None

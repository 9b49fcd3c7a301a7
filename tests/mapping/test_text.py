"""Text is cut where a reader sees a letter end, and is always well-formed."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connector.mapping.text import cut, is_url, mended, sound, text_of

ODD_LETTERS = st.one_of(st.characters(exclude_categories=()), st.sampled_from("\x00\ud800\udc00"))
FAMILY = "👨\u200d👩\u200d👧\u200d👦"


@pytest.mark.parametrize(
    ("text", "limit", "expected"),
    [
        ("abc", 3, "abc"),
        ("abcd", 3, "abc"),
        ("e\u0301e\u0301", 3, "e\u0301"),
        ("a" + FAMILY + "b", 8, "a" + FAMILY),
        ("a" + FAMILY, 7, "a"),
        ("a👍🏽b", 2, "a"),
        ("a👍🏽b", 3, "a👍🏽"),
        ("🇩🇪🇫🇷", 3, "🇩🇪"),
        ("x🇩🇪🇫🇷", 2, "x"),
        ("ab\r\ncd", 3, "ab"),
        ("1\ufe0f\u20e32", 2, "1\ufe0f\u20e3"[:0] or "1\ufe0f"),
        ("각", 2, "각"),
        ("\u1100\u1161\u11a8x", 2, "\u1100\u1161"),
        ("क्षि", 2, "क्"),
        ("กนำ", 2, "ก"),
        ("ກນຳ", 2, "ກ"),
        ("a\u06dd1", 2, "a"),
        ("a\u0600\u0661", 2, "a"),
        ("a\ua960\uac00", 2, "a"),
        ("a\u1100\u1100\u1161", 2, "a"),
        ("각각", 1, "각"),
        ("a" + "\u0301" * 10, 4, "a\u0301\u0301\u0301"),
    ],
)  # fmt: skip
def test_a_cut_takes_no_letter_apart(text: str, limit: int, expected: str):
    assert cut(text, limit) == expected


@given(st.text(max_size=40), st.integers(1, 20))
def test_a_cut_text_is_its_beginning_and_not_too_long(text: str, limit: int):
    assert text.startswith(cut(text, limit))
    assert len(cut(text, limit)) <= limit
    assert not text or cut(text, limit)


@given(
    st.text(alphabet=st.one_of(st.characters(exclude_categories=()), st.sampled_from("\x00\ud800\udc00")), max_size=20)
)
def test_mended_text_can_be_sent_and_sound_text_stays(text: str):
    assert sound(mended(text))
    if sound(text):
        assert mended(text) == text
        assert text.encode().decode() == text


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("a", "a"), (7, "7"), (-7, "-7"), (2.0, "2"), (2.5, "2.5"), (1e300, "1e+300"), (10**70, str(10**70)),
        (True, None), (None, None), ([], None), ({}, None), (float("inf"), None), (float("nan"), None),
        pytest.param(10**4999, None, id="a number of 5,000 digits"),
    ],
)  # fmt: skip
def test_texts_and_numbers_have_a_text(value: object, text: str | None):
    assert text_of(value) == text


@pytest.mark.parametrize(
    ("address", "is_one"),
    [
        ("https://example.com", True), ("http://localhost:8080/a?b#c", True), ("HTTPS://Example.com/ü", True),
        ("https://[::1]/", True), ("https://", False), ("https:///path", False), ("https://?q", False),
        ("ftp://example.com", False), ("//example.com", False), ("example.com", False), ("javascript:alert(1)", False),
        ("https://a b", False), ("https://a\nb", False), ('https://a"b', False), ("https://a<b>", False), ("", False),
        ("https://a\x00b", False),
    ],
)  # fmt: skip
def test_an_address_is_http_with_a_host_and_no_blanks(address: str, is_one: bool):
    assert is_url(address) is is_one

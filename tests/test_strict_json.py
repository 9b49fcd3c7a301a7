"""Two readers, one meaning: whatever the fast one accepts, the standard library's would have given as well."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from connector.strict_json import NotJson, _parse, parse

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=5) | st.dictionaries(st.text(), inner, max_size=5),
    max_leaves=30,
)
NUMBERS = st.from_regex(rb"-?[0-9]{1,40}(\.[0-9]{1,30})?([eE][+-]?[0-9]{1,4})?", fullmatch=True)
NEARLY_JSON = st.text('[]{}",:0123456789.eE+-\\u dtrfnalsNI\x00\x1f\ud800é', max_size=40).map(
    lambda text: text.encode("utf-8", "surrogatepass")
)


def read(reader: Any, body: bytes) -> str:
    """What it gives or says, with 1, 1.0 and True told apart, and 0.0 and -0.0 too."""
    try:
        return repr(reader(body))
    except NotJson as error:
        return f"refused: {error}"


@given(st.one_of(VALUES.map(json.dumps).map(str.encode), NUMBERS, NEARLY_JSON, st.binary(max_size=40)))
@example(b"18446744073709551616")
@example(b"-9223372036854775809")
@example(b"9007199254740993")
@example(b"-0")
@example(b"1e400")
@example(b"1" * 5000)
@example(b'"\\ud800"')
@example(b'"\xed\xa0\x80"')
@example(b"\xef\xbb\xbf[]")
@example(b'{"a": 1, "a": 2}')
@example(b"[NaN]")
@example(b"[" * 100_000)
def test_both_readers_give_the_same_value_or_refuse_it_in_the_same_words(body: bytes) -> None:
    assert read(parse, body) == read(_parse, body)


def test_an_integer_of_any_size_stays_exact() -> None:
    assert parse(b'{"n": 123456789012345678901234567890}') == {"n": 123456789012345678901234567890}


def test_what_is_no_json_is_told_in_the_standard_librarys_words() -> None:
    with pytest.raises(NotJson, match="NaN is not a JSON number"):
        parse(b'{"n": NaN}')

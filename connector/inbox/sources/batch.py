"""A JSON array cut into the exact bytes of its elements, because a signature is over bytes, not over values.

Never re-serialised: Python and JavaScript write numbers and escapes differently, and the signature would not hold.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence

import msgspec

_raw_elements = msgspec.json.Decoder(list[msgspec.Raw]).decode
_decoder = json.JSONDecoder()
_SPACE = " \t\r\n"


class _Wrapper(msgspec.Struct, forbid_unknown_fields=True):
    json: msgspec.Raw


_wrapped = msgspec.json.Decoder(_Wrapper).decode


def is_batch(body: bytes) -> bool:
    """Whether `body` is a JSON array."""
    return body.lstrip(b" \t\r\n")[:1] == b"["


def elements(body: bytes) -> Sequence[bytes] | None:
    """The bytes of each element of the array in `body`; None where it is not an array to its end.

    What the fast way does not take (a lone surrogate, NaN: wrong in one element) is cut the slow way, so that one bad
    element does not cost the others.
    """
    try:
        return [bytes(element) for element in _raw_elements(body)]
    except (msgspec.MsgspecError, RecursionError, UnicodeDecodeError):
        pass
    try:
        return list(_cut(body.decode("utf-8")))
    except (ValueError, RecursionError):
        return None


def _cut(text: str) -> Iterator[bytes]:
    place = _skip(text, text.index("[") + 1)
    if text[place : place + 1] == "]":
        place, closed = place + 1, True
    else:
        closed = False
    while not closed:
        _, end = _decoder.raw_decode(text, place)
        yield text[place:end].encode()
        place = _skip(text, end)
        if text[place : place + 1] not in (",", "]"):
            raise ValueError("neither a comma nor the end of the array")
        closed = text[place] == "]"
        place = _skip(text, place + 1)
    if text[place:].strip(_SPACE):
        raise ValueError("something follows the array")


def _skip(text: str, place: int) -> int:
    while text[place : place + 1] in _SPACE and place < len(text):
        place += 1
    return place


def unwrapped(element: bytes) -> bytes:
    """The message inside `{"json": {…}}`, as Segment's extensible webhook sends batches; else `element` itself."""
    if b'"json"' not in element[:64]:
        return element
    try:
        return bytes(_wrapped(element).json)
    except (msgspec.MsgspecError, RecursionError, UnicodeDecodeError):
        return element

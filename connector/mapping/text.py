"""Text as Intercom takes it: at most 255 characters, cut between what a reader sees as letters, and well-formed."""

from __future__ import annotations

import math
import re
import unicodedata

from connector.events import DISPLAY_LENGTH

MAX_TEXT = DISPLAY_LENGTH
"""Characters of a metadata string."""

MAX_URL = 2048
"""Characters of a rich link's address: it is no metadata string of its own, and browsers take as many."""

_MAX_INTEGER_BITS = 256
_WHOLE = 1e15
_VIRAMA = 9
_JOINER = "\u200d"
_EXTENDING = re.compile(
    "[\u0e33\u0eb3\u200c\u200d\uff9e\uff9f\u1160-\u11ff\ud7b0-\ud7fb\U0001f3fb-\U0001f3ff\U000e0020-\U000e007f]"
)
"""What is no mark by its category and belongs to the letter before it all the same, such as Thai's and Lao's am."""
_BEGINNING = re.compile(
    "[\u0600-\u0605\u06dd\u070f\u0890\u0891\u08e2\u0d4e\U000110bd\U000110cd\U000111c2\U000111c3\U0001193f\U00011941]"
)
"""What belongs to the letter behind it, such as Arabic's sign of a number."""
_HANGUL_BEGINNING = re.compile("[\u1100-\u115f\ua960-\ua97c]")
_HANGUL = re.compile("[\u1100-\u11ff\ua960-\ua97c\uac00-\ud7fb]")
_FLAG_LETTERS = re.compile("[\U0001f1e6-\U0001f1ff]*$")
_SCHEMES = ("https", "http")


def text_of(value: object) -> str | None:
    """A text or number as text; None for what is neither (booleans, lists, objects, null, infinities)."""
    if isinstance(value, str):
        return value
    if isinstance(value, bool):
        return None
    if isinstance(value, int):
        return str(value) if value.bit_length() <= _MAX_INTEGER_BITS else None
    if isinstance(value, float) and math.isfinite(value):
        return str(int(value)) if value.is_integer() and abs(value) < _WHOLE else repr(value)
    return None


def sound(text: str) -> bool:
    """Whether `text` can be sent and stored: no NUL, no half of a surrogate pair."""
    if "\x00" in text:
        return False
    if text.isascii():
        return True
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def mended(text: str) -> str:
    """`text` with � for NUL and for halves of surrogate pairs."""
    whole = text.replace("\x00", "�").encode("utf-16", "surrogatepass")
    return whole.decode("utf-16", "replace")


def cut(text: str, limit: int = MAX_TEXT) -> str:
    """The beginning of `text`, at most `limit` characters, ending where a reader sees a letter end."""
    if len(text) <= limit:
        return text
    end = limit
    while end and _belongs_together(text, end):
        end -= 1
    return text[: end or limit]


def _belongs_together(text: str, at: int) -> bool:
    """Whether a cut before `text[at]` would take a visible letter apart (https://unicode.org/reports/tr29/)."""
    before, after = text[at - 1], text[at]
    if after.isascii():
        return (before == "\r" and after == "\n") or (_BEGINNING.match(before) is not None and after.isprintable())
    if unicodedata.category(after).startswith("M") or _EXTENDING.match(after):
        return True
    if before == _JOINER or unicodedata.combining(before) == _VIRAMA or _BEGINNING.match(before):
        return True
    if _HANGUL_BEGINNING.match(before) and _HANGUL.match(after):
        return True
    return bool(_FLAG_LETTERS.match(after)) and _odd_flag_letters(text[:at])


def _odd_flag_letters(text: str) -> bool:
    """Whether `text` ends with the first half of a flag."""
    found = _FLAG_LETTERS.search(text[-64:])
    return found is not None and len(found[0]) % 2 == 1


def is_url(text: str) -> bool:
    """Whether `text` is an http(s) address with a host and without blanks."""
    scheme, _, rest = text.partition("://")
    if scheme not in _SCHEMES and scheme.lower() not in _SCHEMES:
        return False
    if not rest or rest[0] in "/?#\\:" or not text.isprintable():
        return False
    return not (" " in text or '"' in text or "<" in text or ">" in text)

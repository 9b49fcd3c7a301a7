"""What a metadata key may be called."""

from __future__ import annotations

import pytest

from connector.mapping.keys import mistake_in_key, usable_key

FORBIDDEN = ".$~`!@#%^&*'{}|\\\"\0"
"""https://www.intercom.com/help/en/articles/175-set-up-event-tracking-in-intercom"""


@pytest.mark.parametrize("letter", FORBIDDEN)
def test_a_letter_that_intercom_forbids_is_found_and_replaced(letter: str):
    mistake = mistake_in_key(f"a{letter}b")
    assert mistake is not None
    assert (mistake.remedy, mistake.offset) == ("write `a_b`", 1)
    assert usable_key(f"a{letter}b") == "a_b"


@pytest.mark.parametrize(
    "key", ["plan", "order_number", "invited-friend", "invited friend", "Größe", "件数", "a/b:c(d)"]
)
def test_any_other_letter_is_left_alone(key: str):
    assert mistake_in_key(key) is None
    assert usable_key(key) == key

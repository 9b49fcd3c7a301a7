"""What is a difference between what was sent and what Intercom holds, and what is none."""

from __future__ import annotations

from typing import Any

import pytest

from connector.sync.comparison import Counted, Difference, Held, Sent, What, compare, compare_counts, same

AT = 1_785_369_600
PRICE = {"price": {"amount": 1999, "currency": "usd"}, "stripe_invoice": "in_1", "attempts": 1}
SENT = Sent("d1", "paid-invoice", AT, PRICE)


def held(name: str = "paid-invoice", at: int = AT, metadata: Any = None) -> Held:
    return Held("e1", name, at, PRICE if metadata is None else metadata)


def found(*there: Held, sent: Sent = SENT, ours: tuple[Sent, ...] = ()) -> list[tuple[str, str]]:
    return [(each.delivery, each.what) for each in compare([sent], [sent, *ours], there)]


def test_what_is_there_as_it_was_sent_is_no_difference():
    assert found(held()) == []


@pytest.mark.parametrize(
    "metadata",
    [
        {**PRICE, "price": {"amount": 1999.0, "currency": "USD"}},
        {**PRICE, "attempts": "1"},
        {key.upper(): value for key, value in PRICE.items()},
        {**PRICE, "stripe_invoice": "in_1 "},
    ],
)
def test_how_intercom_says_it_is_no_difference(metadata: Any):
    assert found(held(metadata=metadata)) == []


def test_a_name_is_compared_as_intercom_does():
    assert found(held("Paid-Invoice"), sent=Sent("d1", "paid.invoice", AT, PRICE)) == []


def test_keys_beyond_the_tenth_may_be_dropped_and_the_tenth_may_not():
    many = {f"key{number}": number for number in range(12)}
    first = dict(list(many.items())[:10])
    sent = Sent("d1", "paid-invoice", AT, many)
    assert found(held(metadata=first), sent=sent) == []
    assert found(held(metadata=many), sent=sent) == []
    del first["key9"]
    assert found(held(metadata=first), sent=sent) == [("d1", What.ALTERED)]


def test_what_is_not_there_is_missing():
    assert found() == [("d1", What.MISSING)]
    assert found(held("other-name")) == [("d1", What.MISSING)]
    assert found(held(at=AT + 1, metadata={"stripe_invoice": "in_2"})) == [("d1", What.MISSING)]


def test_what_is_there_twice_is_doubled():
    assert found(held(), held()) == [("d1", What.DOUBLED)]
    assert found(held(), held(at=AT + 5)) == [("d1", What.DOUBLED)]


def test_another_delivery_of_ours_with_the_same_metadata_is_no_double():
    other = Sent("d2", "paid-invoice", AT + 5, PRICE)
    assert found(held(), held(at=AT + 5), ours=(other,)) == []


def test_an_event_of_somebody_elses_is_no_double():
    assert found(held(), held("signed-up", AT + 1), held(at=AT + 9, metadata={"by": "others"})) == []
    bare = Sent("d1", "paid-invoice", AT)
    assert found(held(metadata={}), held(at=AT + 5, metadata={}), sent=bare) == []


def test_another_time_or_another_value_is_altered_and_named_without_its_value():
    (moved,) = compare([SENT], [SENT], [held(at=AT + 7)])
    assert moved == Difference("d1", What.ALTERED, f"it is there with the time {AT + 7}, and was sent with {AT}")
    changed = {**PRICE, "price": {"amount": 5, "currency": "usd"}, "secret": "x"}
    del changed["attempts"]
    (altered,) = compare([SENT], [SENT], [held(metadata=changed)])
    assert altered.detail == "not there: attempts; changed: price; not ours: secret"


@pytest.mark.parametrize(
    ("sent", "back", "is_same"),
    [
        (1, 1.0, True),
        (1, "1", True),
        (1, True, False),
        ("1", 2, False),
        ("usd", "USD", True),
        ("Pro plan", "pro plan", False),
        ({"url": "https://x", "value": "a"}, {"url": "https://x", "value": "a"}, True),
        ({"url": "https://x", "value": "a"}, {"url": "https://x"}, False),
        ("x", None, False),
    ],
)
def test_values_are_compared_as_what_they_say(sent: Any, back: Any, is_same: bool):
    assert same(sent, back) is is_same


def test_what_is_only_counted_is_compared_by_its_counts():
    others = [Sent("d2", "paid-invoice", AT + 100)]
    there = Counted("paid-invoice", 2, AT, AT + 100)
    assert compare_counts([SENT], others, [there]) == []
    (few,) = compare_counts([SENT], others, [Counted("paid-invoice", 1, AT, AT + 100)])
    assert few.what is What.MISSING
    assert [each.what for each in compare_counts([SENT], others, [])] == [What.MISSING]
    assert [each.what for each in compare_counts([SENT], [], [Counted("paid-invoice", 9, AT + 1, AT + 9)])] == [
        What.MISSING
    ]

"""What a process has in hand, and whose turn it is."""

from __future__ import annotations

from connector.outbox.claim import Claimed
from connector.outbox.delivery import Delivery, State
from connector.outbox.hand import Hand
from connector.outbox.retry import History

NOW = 1_763_687_761_000


def claimed(workspace_id: int, number: int = 0, claims: int = 0) -> Claimed:
    delivery_id = bytes([workspace_id]) * 8 + number.to_bytes(8)
    delivery = Delivery(
        workspace_id, delivery_id, b"", "m", "d", 0, "n", 1, "[]", None, "{}", "[]", State.DUE, None, NOW, NOW, None
    )
    return Claimed(delivery, b"lease", NOW, 1, History(claims=claims), NOW, NOW, "us")


def taken(hand: Hand) -> list[int]:
    """The workspaces of all that may be sent now, in their order."""
    found = []
    while (each := hand.take()) is not None:
        found.append(each.delivery.workspace_id)
    return found


def test_workspaces_take_turns():
    hand = Hand(100)
    hand.add([claimed(1, n) for n in range(3)] + [claimed(2, n) for n in range(2)])
    assert taken(hand) == [1, 2, 1, 2, 1]


def test_a_workspace_that_is_alone_gets_half_of_the_calls():
    hand = Hand(10)
    hand.add(claimed(1, n) for n in range(30))
    assert taken(hand) == [1] * 5
    assert (hand.sending, hand.ready, hand.held[1]) == (5, 25, 30)


def test_one_whose_calls_all_hang_leaves_room_for_the_next_that_comes():
    hand = Hand(12)
    hand.add(claimed(1, n) for n in range(30))
    assert len(taken(hand)) == 6
    hand.add([claimed(2)])
    hand.add([claimed(3)])
    assert taken(hand) == [2, 3]


def test_a_call_that_ends_makes_room_for_another_of_its_workspace():
    hand = Hand(4)
    calls = [claimed(1, n) for n in range(5)]
    hand.add(calls)
    assert len(taken(hand)) == 2
    hand.sent(calls[0])
    assert len(taken(hand)) == 1


def test_what_is_not_being_sent_can_be_taken_back_once():
    hand = Hand(2)
    hand.add(claimed(1, n) for n in range(3))
    first = hand.take()
    rest = hand.take_back()
    assert first is not None
    assert first not in rest
    assert (len(rest), hand.ready, hand.take()) == (2, 0, None)
    assert hand.take_back() == []
    assert not hand.emptied.is_set()
    hand.sent(first)
    assert hand.emptied.is_set()
    assert not hand.held


def test_a_suspect_is_known_until_its_call_has_ended():
    hand = Hand(2)
    hand.add([claimed(1, claims=2)])
    suspect = hand.take()
    assert suspect is not None
    assert hand.suspects == 1
    hand.sent(suspect)
    assert hand.suspects == 0

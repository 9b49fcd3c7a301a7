"""Names of events: their form, their English, and those made of a sender's own."""

from __future__ import annotations

import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connector.mapping.english import mistake_in_english
from connector.mapping.event_name import derive_name, mistake_in_kept_name, mistake_in_name, same_name

PAST = """
accepted activated added applied approved archived assigned attached authorized became began blocked booked bought
canceled captured changed charged checked clicked closed completed confirmed connected converted created deauthorized
declined deleted detached disabled disconnected disputed downgraded downloaded earned enabled ended entered exhausted
expired failed finalized finished flagged forgot gave generated got hid installed invited issued joined kept left linked
listed logged lost marked merged met moved neared onboarded opened overpaid paid passed paused placed posted purchased
ran reached read rebuilt received redeemed refunded registered removed renewed reopened requested required reset
restored resumed returned reviewed revoked saved searched sent set shared shipped signed skipped sold spent started
stopped subscribed succeeded switched took tracked transferred unlinked unsubscribed updated upgraded used verified
viewed voided waited watched went withdrew won wrote
uninstalled resubscribed overcharged unarchived backgrounded foregrounded underfunded
"""
NOT_PAST = """
account invoice order pay paying payment customer happy annual free late next plan seat team trial user discount
report recent unit
"""


@pytest.mark.parametrize("verb", PAST.split())
def test_a_past_tense_verb_begins_a_name(verb: str):
    assert mistake_in_english(f"{verb}-thing") is None


@pytest.mark.parametrize("word", NOT_PAST.split())
def test_another_word_does_not(word: str):
    assert mistake_in_english(f"{word}-thing") is not None


@pytest.mark.parametrize(
    ("name", "better"),
    [
        ("invoice-paid", "paid-invoice"),
        ("pay-invoice", "paid-invoice"),
        ("send-receipt", "sent-receipt"),
        ("subscription-trial-ended", "ended-subscription-trial"),
        ("order-complete", "ordered-complete"),
    ],
)
def test_a_wrong_name_comes_with_a_better_one(name: str, better: str):
    mistake = mistake_in_english(name)
    assert mistake is not None
    assert f"`{better}`" in mistake.remedy


@given(st.text(max_size=300))
def test_a_derived_name_is_one_that_can_be_sent(said: str):
    name = derive_name(said)
    if name is not None:
        assert 0 < len(name) <= 100
        assert name == name.lower()
        assert not set(name) & set(".$ _\x00")
        assert name.encode()
        assert derive_name(name) is not None


@given(st.from_regex(r"[A-Z][a-z]{2,8}( [A-Z][a-z]{2,8}){0,4}", fullmatch=True))
def test_a_name_derived_from_english_words_has_the_form_of_a_fixed_one(said: str):
    name = derive_name(said)
    assert name is not None
    assert mistake_in_name(name) is None
    assert sorted(name.split("-")) == sorted(said.lower().split())


def test_names_that_are_one_to_intercom_are_one():
    assert same_name("Invoice.Paid") == same_name("invoice-paid") == same_name("INVOICE$PAID")


@pytest.mark.parametrize("name", ["Order Completed", "order_completed", "Commande passée"])
def test_a_name_that_is_kept_may_look_as_it_likes(name: str):
    assert mistake_in_kept_name(name) is None


@pytest.mark.parametrize("name", [" padded ", "with.dot", "with$", "tab\t", "x" * 101])
def test_a_name_that_intercom_would_change_cannot_be_kept(name: str):
    assert mistake_in_kept_name(name) is not None


def test_serving_loads_no_dictionary():
    """numpy comes with the dictionary, 30 MB of it."""
    code = (
        "import sys; from connector.mapping_files import load, shipped_folder; load([shipped_folder()]);"
        "import connector.mapping.translate; print([n for n in ('numpy', 'lemminflect') if n in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"

"""When an alert opens, stays, and closes: each rule by its counts, and nothing but its counts."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from connector.alarms.kinds import KINDS
from connector.alarms.rules import (
    DAY_MS,
    HOUR_MS,
    RULES,
    EndpointNow,
    EntryNow,
    Look,
    Past,
    StripeNow,
    Window,
    WorkspaceNow,
    judge,
)

NOW = 490_000
"""The hour."""
MINUTE = 60_000
EVERY_HOUR = tuple(range(NOW - 14 * 24, NOW - 24))
OFFICE_HOURS = tuple(
    hour for hour in range(NOW - 14 * 24, NOW - 50) if hour // 24 % 7 not in (0, 1) and 8 <= hour % 24 <= 17
)


def endpoint(active: tuple[int, ...] = (), behind_ms: int | None = None, days: float = 14.0, **counts: Window):
    past = Past(counts.pop("past", Window()), days)
    return EndpointNow(Look(past=past, active=active, **counts), NOW, behind_ms)


def workspace(overdue_ms: int = 0, held_up: str | None = None, **counts: Window):
    past = Past(counts.pop("past", Window()), 14.0)
    return WorkspaceNow(Look(past=past, **counts), overdue_ms, held_up)


def stripe(**more):
    return StripeNow(**{"there": True, "version": "2026-07-29", "used_to": "2026-07-29"} | more)


CASES = [
    # (kind, what it looks like, opens, stays open)
    ("signature_failures", endpoint(recent=Window(bad_signature=10)), True, True),
    ("signature_failures", endpoint(recent=Window(bad_signature=9)), False, True),
    ("signature_failures", endpoint(recent=Window(bad_signature=4)), False, False),
    ("signature_failures", endpoint(recent=Window(stored=1000, bad_signature=10)), False, False),
    ("signature_failures", endpoint(recent=Window(bad_signature=10), past=Window(bad_signature=3360)), False, False),
    ("no_traffic", endpoint(active=EVERY_HOUR), True, True),
    ("no_traffic", endpoint(active=tuple(range(NOW - 200, NOW - 5))), False, True),
    ("no_traffic", endpoint(active=EVERY_HOUR, recent=Window(stored=1)), False, False),
    ("no_traffic", endpoint(active=OFFICE_HOURS), False, True),  # its weekends are as long
    ("no_traffic", endpoint(active=tuple(range(NOW - 60, NOW - 24))), False, True),  # too young to have a rhythm
    ("no_traffic", endpoint(), False, True),  # by now its rhythm is forgotten
    ("webhooks_missed", endpoint(day=Window(listed=100, missed=10)), True, True),
    ("webhooks_missed", endpoint(day=Window(listed=200, missed=10)), False, True),
    ("webhooks_missed", endpoint(day=Window(listed=9, missed=4)), False, False),
    ("sync_behind", endpoint(behind_ms=3 * HOUR_MS), True, True),
    ("sync_behind", endpoint(behind_ms=2 * HOUR_MS), False, True),
    ("sync_behind", endpoint(behind_ms=HOUR_MS), False, False),
    ("contacts_not_found", workspace(day=Window(tried=100, not_found=30)), True, True),
    ("contacts_not_found", workspace(day=Window(tried=100, not_found=16)), False, True),
    ("contacts_not_found", workspace(day=Window(tried=19, not_found=19)), False, True),
    ("contacts_not_found", workspace(day=Window(tried=100, not_found=10)), False, False),
    (
        "contacts_not_found",
        workspace(day=Window(tried=100, not_found=60), past=Window(tried=1000, not_found=600)),
        False,
        False,
    ),
    ("dead_letters", workspace(day=Window(dead=10)), True, True),
    ("dead_letters", workspace(day=Window(dead=6)), False, True),
    ("dead_letters", workspace(day=Window(dead=2)), False, False),
    ("dead_letters", workspace(day=Window(dead=60), past=Window(dead=14 * 50)), False, False),
    ("overdue", workspace(15 * MINUTE), True, True),
    ("overdue", workspace(8 * MINUTE), False, True),
    ("overdue", workspace(7 * MINUTE), False, False),
    ("stripe_endpoint", stripe(there=False), True, True),
    ("stripe_endpoint", stripe(enabled=False), True, True),
    ("stripe_endpoint", stripe(enabled=False, watched=True), False, False),
    ("stripe_endpoint", stripe(), False, False),
    ("stripe_types", stripe(unsent=("invoice.paid",)), True, True),
    ("stripe_types", stripe(), False, False),
    ("stripe_types", stripe(there=False, unsent=("invoice.paid",)), False, False),
    ("stripe_version", stripe(version="2027-01-01"), True, True),
    ("stripe_version", stripe(), False, False),
    ("stripe_version", stripe(used_to=None), False, False),
    ("entry_never_matched", EntryNow(False, 7 * DAY_MS, 100, "invoice.paid"), True, True),
    ("entry_never_matched", EntryNow(True, 7 * DAY_MS, 100), False, False),
    ("entry_never_matched", EntryNow(False, 6 * DAY_MS, 100), False, False),
    ("entry_never_matched", EntryNow(False, 7 * DAY_MS, 99), False, False),
]


def words(kind: str, now: object, open_kinds: frozenset[str]) -> str | None:
    return {each.kind: each.words for each in judge(now, open_kinds)}[kind]  # type: ignore[arg-type]


@pytest.mark.parametrize(("kind", "now", "opens", "stays"), CASES)
def test_a_rule_opens_and_keeps_open(kind: str, now: object, opens: bool, stays: bool):
    assert (words(kind, now, frozenset()) is not None) is opens
    assert (words(kind, now, frozenset({kind})) is not None) is stays


def test_each_rule_has_cases_of_both_kinds():
    for rule in RULES:
        assert {opens for kind, _, opens, _ in CASES if kind == rule.kind} == {True, False}
        assert {stays for kind, _, _, stays in CASES if kind == rule.kind} == {True, False}


def test_an_endpoint_that_nobody_knows_anything_of_is_well():
    assert [each.words for each in judge(endpoint(), frozenset())] == [None] * 4


def test_words_say_how_much_it_is_and_how_much_it_was():
    busy = workspace(day=Window(tried=200, not_found=120), past=Window(tried=1000, not_found=100))
    assert words("contacts_not_found", busy, frozenset()) == (
        "Intercom did not know the contact of 60% of 200 events of the last 24 hours; before, 10%"
    )
    silent = endpoint(active=EVERY_HOUR)
    assert words("no_traffic", silent, frozenset()) == (
        "nothing has come for 25 hours; in the fortnight before, the longest silence was 1 hours"
    )


def test_each_kind_of_alert_that_is_opened_anywhere_has_a_meaning_and_a_remedy():
    code = "\n".join(path.read_text() for path in Path("connector").rglob("*.py"))
    named = {
        *re.findall(r'AlertOpened\(\s*[^,]+, "(\w+)"', code),
        *re.findall(r'Stop(?:Workspace|Name)\("(\w+)"', code),
    }
    constants = re.findall(
        r"^(?:TROUBLE, GAP|MANY, DRIFT|REFUSED|CHOICES_BROKEN|DISABLED|DIFFERS) = ([^\n]+)$", code, re.MULTILINE
    )
    named |= {name for line in constants for name in re.findall(r'"(\w+)"', line)}
    named |= {rule.kind for rule in RULES}
    assert len(named) > len(RULES) + 5
    assert named == set(KINDS)


@pytest.mark.parametrize("kind", KINDS)
def test_each_kind_is_on_the_operators_page(kind: str):
    page = Path("docs/operations.md").read_text()
    assert f"| `{kind}` | {KINDS[kind].what} | {KINDS[kind].remedy} |" in page

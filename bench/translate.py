"""Events a second through one mapping entry, beside the same mapping done with jmespath alone; loading 2,000 entries.

    python -m bench.translate

A parsed invoice goes in and an Intercom event comes out, on one core. The baseline looks up the same values with
compiled jmespath expressions and puts them into a dictionary: no types, no notes, no checks.
"""

from __future__ import annotations

import json
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jmespath

from connector.events import SourceEvent
from connector.mapping.translate import Options, translate
from connector.mapping_files import load

ROUNDS = 7
SECONDS = 0.5
ENTRIES = 2_000
PER_FILE = 50

HEAD = """\
version: 1
source: stripe
contact:
  user_id: data.object.metadata.user_id
  email: [data.object.customer_email, data.object.customer_details.email, data.object.receipt_email]
  stripe_customer: data.object.customer
events:
"""
ENTRY = """\
  - trigger: invoice.paid
    id: invoice-{number}
    name: paid-invoice
    when: "data.object.amount_paid > `0`"
    created_at: [data.object.status_transitions.paid_at, created]
    once: data.object.id
    metadata:
      price: {{money: data.object.amount_paid, currency: data.object.currency}}
      stripe_invoice: data.object.id
      paid_date: [data.object.status_transitions.paid_at, created]
      invoice: {{link: data.object.hosted_invoice_url, title: data.object.number}}
      attempts: {{number: data.object.attempt_count}}
      plan: ["data.object.lines.data[0].price.nickname", "data.object.lines.data[0].description"]
      reason: {{text: data.object.billing_reason, translate: {{subscription_cycle: Renewal, manual: By hand}}}}
      stripe_customer: data.object.customer
"""
EXPRESSIONS = {
    "when": "data.object.amount_paid > `0`",
    "created_at": "data.object.status_transitions.paid_at || created",
    "once": "data.object.id",
    "user_id": "data.object.metadata.user_id",
    "email": "data.object.customer_email || data.object.customer_details.email || data.object.receipt_email",
    "customer": "data.object.customer",
    "amount": "data.object.amount_paid",
    "currency": "data.object.currency",
    "stripe_invoice": "data.object.id",
    "paid_date": "data.object.status_transitions.paid_at || created",
    "url": "data.object.hosted_invoice_url",
    "title": "data.object.number",
    "attempts": "data.object.attempt_count",
    "plan": "data.object.lines.data[0].price.nickname || data.object.lines.data[0].description",
    "reason": "data.object.billing_reason",
    "stripe_customer": "data.object.customer",
}
INVOICE = {
    "id": "evt_1",
    "object": "event",
    "api_version": "2026-07-29.dahlia",
    "created": 1_785_369_600,
    "livemode": True,
    "type": "invoice.paid",
    "data": {
        "object": {
            "id": "in_1SfixINVOICE00001",
            "object": "invoice",
            "amount_paid": 14_700,
            "attempt_count": 1,
            "billing_reason": "subscription_cycle",
            "currency": "usd",
            "customer": "cus_SfixCUSTOMER01",
            "customer_email": "jenny.rosen@example.com",
            "hosted_invoice_url": "https://invoice.stripe.com/i/acct_1Sfix/live_YWNjdF8xU2ZpeA?s=ap",
            "lines": {"data": [{"id": "il_1", "description": "3 × Pro (at $49.00 / month)", "quantity": 3}]},
            "metadata": {},
            "number": "A1B2C3D4-0007",
            "status_transitions": {"paid_at": 1_785_369_590},
        }
    },
}


def main() -> None:
    """Prints one line a measurement: the median, and the spread around it."""
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "one.yaml").write_text(HEAD + ENTRY.format(number=0), encoding="utf-8")
        ours = measured(translating(Path(folder)))
    theirs = measured(looking_up())
    print(f"8-key invoice mapping, parsed payload in, Intercom event out: {shown(ours)} events/s")
    print(f"the same expressions through jmespath's interpreter alone:    {shown(theirs)} events/s")
    print(f"ratio: {statistics.median(ours) / statistics.median(theirs):.1f}")
    loading = [loaded_in() for _ in range(ROUNDS)]
    print(f"loading {ENTRIES:,} entries: {statistics.median(loading):.2f} s (best {min(loading):.2f})")


def translating(folder: Path) -> Callable[[], object]:
    entry = load([folder]).catalog.entries[0]
    payload: dict[str, Any] = json.loads(json.dumps(INVOICE))
    event = SourceEvent("stripe", "evt_1", "invoice.paid", b"")
    options = Options()

    def once() -> object:
        return translate(event, payload, entry, received_at=1_785_370_000, names=nameless, options=options)

    return once


def nameless(_identity: str) -> None:
    """No names are cached."""


def looking_up() -> Callable[[], object]:
    compiled = {key: jmespath.compile(text) for key, text in EXPRESSIONS.items()}
    payload: dict[str, Any] = json.loads(json.dumps(INVOICE))
    return lambda: {key: expression.search(payload) for key, expression in compiled.items()}


def measured(once: Callable[[], object]) -> list[float]:
    """Calls a second, by round; the first round is thrown away."""
    return [_round(once) for _ in range(ROUNDS + 1)][1:]


def _round(once: Callable[[], object]) -> float:
    calls, begin = 0, time.perf_counter()
    while (elapsed := time.perf_counter() - begin) < SECONDS:
        for _ in range(200):
            once()
        calls += 200
    return calls / elapsed


def loaded_in() -> float:
    """Seconds to read, check and compile ENTRIES different entries from disk."""
    with tempfile.TemporaryDirectory() as folder:
        for first in range(0, ENTRIES, PER_FILE):
            rules = "".join(ENTRY.format(number=number) for number in range(first, first + PER_FILE))
            (Path(folder) / f"{first}.yaml").write_text(HEAD + rules, encoding="utf-8")
        begin = time.perf_counter()
        loaded = load([Path(folder)])
        elapsed = time.perf_counter() - begin
    assert loaded.ok, loaded.problems[:3]
    assert len(loaded.catalog.entries) == ENTRIES
    return elapsed


def shown(rates: list[float]) -> str:
    return f"{statistics.median(rates):>9,.0f} ({min(rates):,.0f} … {max(rates):,.0f})"


if __name__ == "__main__":
    main()

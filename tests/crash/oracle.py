"""What must hold between what was sent, what the service says of it, and what Intercom has; as sentences where not.

Pure: it is handed what the sandbox's ledger and the command line's lists say once everything has settled.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.crash.sender import Fate, Sender, Webhook

Item = Mapping[str, Any]
EARLIER_S, LATER_S = 3600, 600
"""How far an event's second may be from the one it wished for, to be alone in it."""


@dataclass(frozen=True, slots=True)
class Books:
    """What three sides say: every event that Intercom accepted, every delivery, every received event."""

    accepted: Sequence[Item]
    deliveries: Sequence[Item]
    events: Sequence[Item]

    @property
    def arrived(self) -> list[Item]:
        """What Intercom has: a repetition is acknowledged and not stored."""
        return [each for each in self.accepted if not each["duplicate"]]

    @property
    def repeated(self) -> list[Item]:
        """What was sent to Intercom although it had it already."""
        return [each for each in self.accepted if each["duplicate"]]

    @property
    def quarantined(self) -> list[Item]:
        """Deliveries given up because the process died each time they were tried."""
        return [each for each in self.deliveries if each["reason"] == "quarantined"]


def read_ledger(file: Path) -> list[Item]:
    """The accepted events in a sandbox's ledger."""
    lines = (json.loads(line) for line in file.read_text().splitlines())
    return [line for line in lines if line["kind"] == "event"]


def invoice_of(item: Item) -> str:
    """Which webhook an arrival or a delivery came of."""
    return str(item["metadata"].get("stripe_invoice"))


def mistakes(sender: Sender, books: Books, *, deaths: int = 0) -> list[str]:
    """What is wrong, nothing if all is well. Each of the service's `deaths` after two may cost one delivery its try."""
    found = [
        *_of_answers(sender),
        *_of_the_inbox(sender, books),
        *_of_arrivals(sender, books),
        *_of_states(sender, books),
    ]
    if len(books.quarantined) > max(0, deaths - 2):
        found.append(f"{len(books.quarantined)} deliveries are quarantined after {deaths} deaths")
    return found


def _of_answers(sender: Sender) -> Iterator[str]:
    """Who cannot store a webhook says so with a 503, or is dead."""
    for status, times in sender.tries.items():
        if status not in (None, 503):
            yield f"{times} webhooks were answered {status}"


def _of_the_inbox(sender: Sender, books: Books) -> Iterator[str]:
    states = {each["external_id"]: (each["state"], each["reason"]) for each in books.events}
    for webhook in sender.answered.values():
        if webhook.event_id not in states:
            yield f"{webhook.event_id} was answered 200 and is not stored"
        elif states[webhook.event_id] != ("mapped", None):
            yield f"{webhook.event_id} is {states[webhook.event_id]}"


def _of_arrivals(sender: Sender, books: Books) -> Iterator[str]:
    for each in books.accepted:
        webhook = sender.sent.get(invoice_of(each))
        if webhook is None:
            yield f"{invoice_of(each)} arrived and nobody sent it"
        elif wrong := _changed(webhook, each):
            yield f"{webhook.invoice} arrived with another {', '.join(wrong)}"
    for invoice, times in Counter(map(invoice_of, books.arrived)).items():
        if times > 1:
            yield f"{invoice} is in Intercom {times} times"


def _changed(webhook: Webhook, arrival: Item) -> list[str]:
    same = {
        "name": arrival["name"] == "paid-invoice",
        "contact": (arrival["identified_by"], arrival["identifier"]) == ("email", webhook.email),
        "price": arrival["metadata"]["price"] == {"amount": webhook.amount, "currency": "usd"},
        "date": arrival["metadata"]["paid_date"] == webhook.paid_at,
        "second": -EARLIER_S <= arrival["created_at"] - webhook.paid_at <= LATER_S,
    }
    return [name for name, holds in same.items() if not holds]


def _of_states(sender: Sender, books: Books) -> Iterator[str]:
    """Intercom has exactly what is said to be delivered; all else stands where it can be seen, for a known reason."""
    stands = {invoice_of(each): (each["state"], each["reason"]) for each in books.deliveries}
    arrived = {invoice_of(each) for each in books.arrived}
    for invoice, webhook in sender.answered.items():
        state, reason = stands.get(invoice, ("nowhere", None))
        if state != webhook.fate and (state, reason) != (Fate.DEAD, "quarantined"):
            yield f"{invoice} is {state} ({reason}), not {webhook.fate}"
        if state == Fate.ARRIVES and invoice not in arrived:
            yield f"{invoice} is said to be delivered, and Intercom does not have it"
        if state in (Fate.PARKED, Fate.WAITING) and invoice in arrived:
            yield f"{invoice} is in Intercom and {state} all the same"

"""Entries that an operator turned on, with the lines of docs/catalogue.md, through a whole connector: objects that name
no customer reach the person whom earlier webhooks know."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from connector.sandbox import Sandbox
from tests.journeys.conftest import PAYLOADS, running, stripe_payload

REACHES = {
    "applied-invoice-payment": "su_1041",
    "created-refund": "su_1041",
    "received-fraud-warning": "tom.reyes@example.net",
    "removed-payment-method": "su_1090",
}
"""Whom they are about: Amara, by her invoice and by her charge; Tom, a guest; Diego, whose card it was."""


async def test_what_an_operator_turns_on_reaches_whom_it_happened_to(
    database_url: str, sandbox: Sandbox, tmp_path: Path
) -> None:
    lines = "".join(f'  - {{id: "stripe:{name}", enabled: true}}\n' for name in REACHES)
    (tmp_path / "own.yaml").write_text(f"version: 1\nsource: stripe\nevents:\n{lines}")
    sandbox.configure(create_contacts=True)
    async with running(database_url, sandbox, mappings_dir=tmp_path) as journey:
        for known in ("customer.created-amara", "customer.created-diego", "charge.succeeded-guest"):
            await journey.stripe(stripe_payload(known))
        await journey.stripe(stripe_payload("invoice.paid"))
        await journey.stripe(stripe_payload("charge.refunded-partial"))
        await journey.settled(*["delivered"] * 3)
        for asked in ("invoice_payment.paid", "radar.early_fraud_warning.created", "payment_method.detached"):
            await journey.stripe(of_what_is_off(asked))
        await journey.stripe(without_its_customer(of_what_is_off("refund.created")))
        await journey.settled(*["delivered"] * 7)
    reached = {event.name: event.external_id or event.email for event in sandbox.events()}
    assert {name: reached[name] for name in REACHES} == REACHES


def of_what_is_off(kind: str) -> dict[str, Any]:
    (path,) = (PAYLOADS / "stripe/payloads/off").glob(f"*-{kind}.json")
    payload: dict[str, Any] = json.loads(path.read_bytes())
    return payload


def without_its_customer(payload: dict[str, Any]) -> dict[str, Any]:
    """As refunds were before 2026-07-29.dahlia."""
    del payload["data"]["object"]["customer"]
    return payload

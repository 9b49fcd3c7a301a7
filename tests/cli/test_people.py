"""`connector people` as it is typed."""

from __future__ import annotations

import json
from pathlib import Path

from tests.cli.conftest import Cli, Receive

WHO = "cus_people_1"
EMAIL = "ada.people@example.com"


def bodies() -> list[bytes]:
    customer = {"object": "customer", "id": WHO, "email": EMAIL, "metadata": {}}
    invoice = {"object": "invoice", "id": "in_1", "customer": WHO, "customer_email": EMAIL, "amount_paid": 900}
    return [
        json.dumps(
            {"id": f"evt_{n}", "object": "event", "type": kind, "created": 1_763_687_761, "data": {"object": thing}}
        ).encode()
        for n, (kind, thing) in enumerate(
            [("customer.created", customer), ("invoice.paid", invoice | {"currency": "usd"})]
        )
    ]


def test_a_person_is_shown_exported_and_deleted(cli: Cli, receive: Receive, tmp_path: Path):
    receive(bodies=bodies())
    shown = cli("people", "show", "acme", EMAIL, "--json").ok.json
    assert shown["identifiers"] == [{"email": EMAIL}, {"stripe_customer": WHO}, {"stripe_invoice": "in_1"}]
    assert shown["counts"]["events"] == 2
    assert "body" not in shown["events"][0]
    assert cli("people", "show", "acme", WHO, "--json").ok.json["identifiers"] == shown["identifiers"]
    exported = cli("people", "export", "acme", EMAIL, "--output", "ada.json").ok
    assert "written to ada.json" in exported.out
    written = json.loads((tmp_path / "ada.json").read_text())
    assert {event["body"]["id"] for event in written["events"]} == {"evt_0", "evt_1"}
    assert (tmp_path / "ada.json").stat().st_mode & 0o077 == 0
    assert cli("people", "export", "acme", EMAIL, "--output", "ada.json").status == 2
    deleted = cli("people", "delete", "acme", EMAIL, "--yes", "--json").ok.json
    assert deleted["events"] == 2
    assert cli("people", "show", "acme", EMAIL, "--json").ok.json["counts"] == dict.fromkeys(shown["counts"], 0)
    assert EMAIL not in cli("events", "list", "--json").ok.out


def test_nothing_is_deleted_where_nobody_can_be_asked(cli: Cli, receive: Receive):
    receive(bodies=bodies())
    refused = cli("people", "delete", "acme", EMAIL)
    assert refused.status == 2
    assert "--yes" in refused.err
    assert cli("people", "show", "acme", EMAIL, "--json").ok.json["counts"]["events"] == 2


def test_somebody_unknown_is_said_to_be_unknown(cli: Cli, acme: str):
    result = cli("people", "delete", acme, "nobody@example.com", "--yes").ok
    assert "nothing was known" in result.err
    assert cli("people", "show", acme, "42", "--as", "anonymous_id", "--json").ok.json["identifiers"] == [
        {"anonymous_id": "42"}
    ]


def test_wrong_usage_is_said_with_its_remedy(cli: Cli, acme: str):
    assert cli("people", "show", "nobody", EMAIL).status == 2
    assert cli("people", "show", acme, " ").status == 2
    assert cli("people", "show", acme, "x" * 256).status == 2
    assert cli("people", "show", acme, "42", "--as", "name").status == 2

"""`connector mappings` for who writes entries: new, coverage, diff, and what try and test say."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import yaml

from tests.cli.conftest import PAYLOADS, Cli, Receive

HEAD = "version: 1\nsource: stripe\ncontact: {email: data.object.customer_email}\nevents:\n"
OWN = HEAD + "  - {id: own, trigger: invoice.paid, name: settled-invoice, metadata: {number: data.object.number}}\n"


@pytest.fixture
def mine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The operator's own folder, set in the environment."""
    folder = tmp_path / "mine"
    folder.mkdir()
    monkeypatch.setenv("CONNECTOR_MAPPINGS_DIR", str(folder))
    return folder


def body(kind: str, number: int, **thing: object) -> bytes:
    event = {"id": f"evt_{number}", "object": "event", "type": kind, "created": 1785369600, "livemode": True}
    return json.dumps({**event, "data": {"object": thing}}).encode()


def test_a_new_entry_passes_check_and_test_at_once(cli: Cli, mine: Path) -> None:
    payload = str(PAYLOADS / "charge.dispute.created.json")
    made = cli("mappings", "new", "stripe", "charge.dispute.created", "--from", payload, "--output", "mine/a.yaml").ok
    assert "look for personal data" in made.err
    assert (made.out, "connector mappings check" in made.err) == ("", True)
    before = cli("mappings", "test", "--json").ok.json["examples"]
    cli("mappings", "check").ok  # noqa: B018 - it asserts
    second = ("stripe", "invoice.paid", "--name", "settled-invoice", "--from", str(PAYLOADS / "invoice.paid.json"))
    cli("mappings", "new", *second, "--output", "mine/a.yaml").ok  # noqa: B018
    documents = list(yaml.safe_load_all((mine / "a.yaml").read_text("utf-8")))
    assert [document["events"][0]["name"] for document in documents] == ["opened-dispute", "settled-invoice"]
    assert cli("mappings", "test", "--json").ok.json["examples"] == before + 1


def test_a_new_entry_goes_by_the_latest_event_of_its_type(cli: Cli, receive: Receive) -> None:
    receive(bodies=[body("payout.paid", 1, object="payout", amount=1), body("payout.paid", 2, arrival_date=1785369600)])
    made = cli("mappings", "new", "stripe", "payout.paid", "--json").ok.json
    assert (made["id"], made["output"]) == ("stripe:paid-payout", None)
    [event] = yaml.safe_load(made["yaml"])["events"]
    assert event["metadata"] == {"arrival_date": "data.object.arrival_date"}
    assert event["examples"][0]["gives"]["created_at"] == 1785369600


def test_a_new_entry_without_any_event_still_passes_check(cli: Cli, acme: str) -> None:
    made = cli("mappings", "new", "segment", "Class Booked").ok
    assert yaml.safe_load(made.out)["events"] == [
        {"trigger": "track Class Booked", "name": "booked-class", "description": "Class Booked, as Segment tells it."}
    ]
    assert "no event of this type has been received" in made.err


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["paypal", "invoice.paid"], "SOURCE is one of stripe, segment"),
        (["stripe", "Invoice Paid"], "is no Stripe event type"),
        (["segment", "track *"], "stands for many types"),
        (["stripe", "invoice.paid", "--from", "nothing.json"], "there is no file nothing.json"),
        (["stripe", "invoice.paid", "--from", str(PAYLOADS / "signed-up.json")], "the event to go by is"),
        (["stripe", "payout.paid", "--name", "Payout Paid"], "write `payout-paid`"),
        (["stripe", "payout.paid", "--output", "a.txt"], "does not end in .yaml"),
    ],
)
def test_what_no_entry_can_be_made_of_is_said(cli: Cli, arguments: list[str], said: str) -> None:
    result = cli("mappings", "new", *arguments)
    assert (result.status, said in result.err) == (2, True), result.err


def test_a_second_entry_of_one_id_is_refused_with_the_place_of_the_first(cli: Cli, mine: Path) -> None:
    (mine / "own.yaml").write_text(OWN.replace("id: own, ", ""), "utf-8")
    result = cli("mappings", "new", "stripe", "invoice.paid", "--name", "settled-invoice")
    assert (result.status, "own.yaml:5 has `stripe:settled-invoice` already" in result.err) == (2, True)


def test_an_entry_that_takes_the_place_of_a_shipped_one_says_so(cli: Cli) -> None:
    payload = str(PAYLOADS / "invoice.paid.json")
    made = cli("mappings", "new", "stripe", "invoice.paid", "--from", payload).ok
    assert "replaces the shipped entry `stripe:paid-invoice`, which also takes invoice.payment_succeeded" in made.err


def test_coverage_counts_what_nobody_maps_and_says_what_to_do(cli: Cli, receive: Receive, mine: Path) -> None:
    receive("invoice.paid", bodies=[body("payout.paid", 1), body("payout.paid", 2), body("topup.canceled", 3)])
    seen = cli("mappings", "coverage", "--json").ok.json
    payout, topup = seen["unmapped"]
    assert (payout["type"], payout["events"], payout["mapped_now"], payout["off"]) == ("payout.paid", 2, [], [])
    assert payout["what_to_do"] == "connector mappings new stripe payout.paid"
    assert topup["type"] == "topup.canceled"
    never = {each["mapping"] for each in seen["never_matched"]}
    assert "stripe:paid-invoice" not in never
    assert "stripe:opened-dispute" in never
    assert "payout.paid" in cli("mappings", "coverage", "--workspace", "acme").ok.out
    off = "{trigger: topup.canceled, name: canceled-topup, enabled: false}"
    rules = f"  - {{trigger: payout.paid, name: paid-payout}}\n  - {off}\n"
    (mine / "own.yaml").write_text(HEAD + rules, "utf-8")
    payout, topup = cli("mappings", "coverage", "--json").ok.json["unmapped"]
    assert (payout["mapped_now"], topup["off"]) == (["stripe:paid-payout"], ["stripe:canceled-topup"])
    assert payout["what_to_do"] == "connector events replay --state unmapped --type payout.paid"
    assert topup["what_to_do"] == '- {id: "stripe:canceled-topup", enabled: true}'


def test_coverage_of_a_time_in_which_nothing_came_is_empty(cli: Cli, receive: Receive) -> None:
    receive(bodies=[body("payout.paid", 1)])
    assert cli("mappings", "coverage", "--since", "2999-01-01", "--json").ok.json["unmapped"] == []
    result = cli("mappings", "coverage", "--since", "yesterday")
    assert (result.status, "--since takes 7d" in result.err) == (2, True)


def test_diff_shows_what_stored_events_would_become(cli: Cli, receive: Receive, mine: Path, tmp_path: Path) -> None:
    receive("invoice.paid", "charge.dispute.created")
    (mine / "own.yaml").write_text(OWN, "utf-8")
    cli("mappings", "deploy", "--yes").ok  # noqa: B018 - it raises where the command failed
    changed = tmp_path / "changed"
    changed.mkdir()
    number = "number: {number: data.object.amount_paid}"
    (changed / "own.yaml").write_text(OWN.replace("number: data.object.number", number), "utf-8")
    found = cli("mappings", "diff", "changed", "--json").ok.json
    assert (found["looked_at"], found["differences"], found["entries"]["changed"]) == (2, 1, ["own"])
    [item] = found["items"]
    assert (item["effect"], item["name"], [change["what"] for change in item["changes"]]) == (
        "changed", "settled-invoice", ["metadata.number"],
    )  # fmt: skip
    assert found["drifts"] == [{"name": "settled-invoice", "key": "number", "old": "text", "new": "number"}]
    told = cli("mappings", "diff", "changed").ok
    assert "would turn from text into number" in told.err
    assert "differences: 1" in told.out


def test_diff_without_a_folder_compares_ones_own_with_the_shipped_catalogue(
    cli: Cli, receive: Receive, mine: Path
) -> None:
    receive("invoice.paid")
    assert cli("mappings", "diff", "--json").ok.json["same"] is True
    (mine / "own.yaml").write_text(OWN, "utf-8")
    found = cli("mappings", "diff", "--json").ok.json
    assert (found["new_names"], found["summary"]) == (
        ["settled-invoice"],
        [{"mapping": "own", "added": 1, "gone": 0, "changed": 0}],
    )
    assert "`settled-invoice` would be a new event name" in cli("mappings", "diff").ok.err


def test_a_diff_of_what_says_the_same_says_so(cli: Cli, acme: str, mine: Path) -> None:
    assert "do the same" in cli("mappings", "diff").ok.err


def test_try_says_which_condition_failed_and_what_it_read(cli: Cli) -> None:
    zero = str(PAYLOADS / "invoice.paid-zero.json")
    [skipped] = cli("mappings", "try", zero, "--json").ok.json["skipped"]
    assert skipped["condition"] == [{"text": "vars.paid > `0`", "holds": False}]
    assert skipped["read"] == [{"path": "vars.paid", "value": 0}]
    assert "vars.paid is 0" in cli("mappings", "try", zero).ok.err


def test_try_says_what_to_write_where_no_entry_asks(cli: Cli, tmp_path: Path) -> None:
    strange = tmp_path / "strange.json"
    strange.write_bytes(body("payout.paid", 1))
    assert cli("mappings", "try", str(strange), "--json").ok.json["advice"] == (
        "no entry asks for 'payout.paid' of stripe. To write one: connector mappings new stripe payout.paid"
    )


def test_a_catch_all_that_is_off_is_no_answer_to_one_type(cli: Cli, tmp_path: Path) -> None:
    payload = tmp_path / "booked.json"
    payload.write_text('{"type": "track", "event": "Class Booked", "userId": "u1"}')
    tried = cli("mappings", "try", str(payload), "--json").ok.json
    assert [(each["mapping"], each["reason"]) for each in tried["skipped"]] == [("segment:track *", "disabled")]
    assert tried["advice"].endswith("connector mappings new segment 'track Class Booked'")


def test_a_failing_example_is_shown_as_a_diff_at_its_own_line(cli: Cli, mine: Path) -> None:
    example = (
        "    examples:\n      - payload: {type: invoice.paid, data: {object: {number: A-7}}}\n"
        "        gives: {metadata: {number: A-8}}\n"
    )
    rule = "  - trigger: invoice.paid\n    name: settled-invoice\n    metadata: {number: data.object.number}\n"
    (mine / "own.yaml").write_text(HEAD + rule + example, "utf-8")
    result = cli("mappings", "test")
    assert result.status == 1
    assert "own.yaml:9: stripe:settled-invoice" in result.out
    assert "  metadata.number\n    - A-8\n    + A-7\n" in result.out


def test_an_event_is_shown_by_its_name_in_any_case(cli: Cli) -> None:
    [item] = cli("mappings", "show", "Paid-Invoice", "--json").ok.json["items"]
    assert item["id"] == "stripe:paid-invoice"
    assert item["examples"] > 0

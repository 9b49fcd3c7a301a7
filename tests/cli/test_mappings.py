"""`connector mappings`: checked, tested, shown and tried, without a database where none is needed."""

from __future__ import annotations

from pathlib import Path

import jsonschema
import pytest
import yaml

from tests.cli.conftest import PAYLOADS, Cli, Receive

GOOD = """
version: 1
source: stripe
contact: {email: data.object.customer_email}
events:
  - trigger: invoice.paid
    id: own
    name: settled-invoice
    metadata: {amount: {number: data.object.amount_paid}}
    examples:
      - payload: {object: event, type: invoice.paid, created: 1785369600, data: {object: {amount_paid: 1999}}}
        gives: {metadata: {amount: 1999}}
"""


def folder(tmp_path: Path, text: str) -> str:
    own = tmp_path / "own"
    own.mkdir()
    (own / "own.yaml").write_text(text, "utf-8")
    return str(own)


def test_the_shipped_catalogue_has_no_mistakes(cli: Cli, tmp_path: Path) -> None:
    checked = cli("mappings", "check", "--json").ok.json
    assert checked["ok"] is True
    assert 0 < checked["enabled"] <= checked["entries"]
    assert list(tmp_path.iterdir()) == []


def test_a_mistake_has_its_place_and_its_remedy_and_fails(cli: Cli, tmp_path: Path) -> None:
    own = folder(tmp_path, GOOD.replace("settled-invoice", "Invoice Settled"))
    result = cli("mappings", "check", own, "--json")
    assert result.status == 1
    [problem] = result.json["problems"]
    assert (problem["file"], problem["line"], problem["warning"]) == (f"{own}/own.yaml", 8, False)
    assert problem["what"]
    assert problem["remedy"]
    assert f"{own}/own.yaml:8:" in cli("mappings", "check", own).out


def test_a_folder_that_is_not_there_is_said(cli: Cli) -> None:
    result = cli("mappings", "check", "nowhere")
    assert (result.status, "nowhere" in result.err) == (2, True)


def test_examples_run_and_a_wrong_one_shows_the_difference(cli: Cli, tmp_path: Path) -> None:
    own = folder(tmp_path, GOOD)
    before = cli("mappings", "test", own, "--json").ok.json
    (tmp_path / "own" / "own.yaml").write_text(GOOD.replace("amount: 1999}}", "amount: 2000}}"), "utf-8")
    result = cli("mappings", "test", own, "--json")
    assert result.status == 1
    assert result.json["examples"] == before["examples"]
    [failure] = result.json["failed"]
    assert (failure["mapping"], failure["differences"]) == ("own", ["metadata.amount is 1999 instead of 2000"])


def test_the_folder_of_the_settings_is_laid_over_the_shipped_one(
    cli: Cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CONNECTOR_MAPPINGS_DIR", folder(tmp_path, GOOD))
    names = {item["name"] for item in cli("mappings", "show", "invoice.paid", "--json").ok.json["items"]}
    assert names >= {"settled-invoice", "paid-invoice"}


@pytest.mark.parametrize("text", ["invoice.paid", "paid-invoice", "stripe:paid-invoice"])
def test_an_entry_is_shown_by_whatever_people_know_of_it(cli: Cli, text: str) -> None:
    [item] = cli("mappings", "show", text, "--json").ok.json["items"]
    assert item["id"] == "stripe:paid-invoice"
    assert {"key": "price", "type": "money"}.items() <= item["metadata"][0].items()
    assert "price" in cli("mappings", "show", text).ok.out


def test_an_unknown_event_gets_the_nearest_name(cli: Cli) -> None:
    result = cli("mappings", "show", "paid-invioce")
    assert (result.status, "did you mean 'paid-invoice'?" in result.err) == (2, True)


def test_all_entries_are_listed_in_pages(cli: Cli) -> None:
    entries = cli("mappings", "check", "--json").ok.json["entries"]
    first = cli("mappings", "show", "--limit", "7", "--json").ok.json
    rest = cli("mappings", "show", "--limit", "1000", "--cursor", first["next"], "--json").ok.json
    ids = [item["id"] for item in first["items"] + rest["items"]]
    assert len(ids) == len(set(ids)) == entries
    assert rest["next"] is None


def test_a_payload_is_tried_without_a_database(cli: Cli, tmp_path: Path) -> None:
    payload = PAYLOADS / "invoice.paid.json"
    tried = cli("mappings", "try", str(payload), "--json").ok.json
    assert (tried["source"], tried["type"]) == ("stripe", "invoice.paid")
    [became] = tried["becomes"]
    assert became["name"] == "paid-invoice"
    assert set(became["types"]) == set(became["metadata"])
    assert became["types"]["price"] == "money"
    assert "paid-invoice" in cli("mappings", "try", str(payload)).ok.out
    assert list(tmp_path.iterdir()) == []


def test_a_segment_payload_is_recognised(cli: Cli) -> None:
    payload = PAYLOADS / "signed-up.json"
    tried = cli("mappings", "try", str(payload), "--json").ok.json
    assert (tried["source"], [became["name"] for became in tried["becomes"]]) == ("segment", ["signed-up"])


def test_what_becomes_nothing_says_why(cli: Cli, tmp_path: Path) -> None:
    zero = PAYLOADS / "invoice.paid-zero.json"
    assert [each["reason"] for each in cli("mappings", "try", str(zero), "--json").ok.json["skipped"]] == ["when"]
    strange = tmp_path / "strange.json"
    strange.write_text('{"object": "event", "type": "payout.paid"}')
    assert "no entry asks for" in cli("mappings", "try", str(strange)).ok.err
    strange.write_text('{"object": "event", "type": "radar.early_fraud_warning.created"}')
    assert "received-fraud-warning: it is off" in cli("mappings", "try", str(strange)).ok.err


@pytest.mark.parametrize("text", ["", "[]", '{"a": NaN}'])
def test_a_file_that_is_no_event_is_said(cli: Cli, tmp_path: Path, text: str) -> None:
    file = tmp_path / "payload.json"
    file.write_text(text)
    result = cli("mappings", "try", str(file))
    assert (result.status, "is no event" in result.err) == (2, True)


def test_a_received_event_is_tried_as_its_workspace_would_have_it(cli: Cli, receive: Receive) -> None:
    [key] = receive("invoice.paid")
    tried = cli("mappings", "try", key.hex(), "--json").ok.json
    assert [became["name"] for became in tried["becomes"]] == ["paid-invoice"]


def test_a_received_event_that_cannot_be_read_is_said(cli: Cli, receive: Receive) -> None:
    [key] = receive(bodies=[b"no JSON"])
    assert "no JSON object" in cli("mappings", "try", key.hex()).err


def test_mistakes_in_the_files_stop_what_needs_them(cli: Cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CONNECTOR_MAPPINGS_DIR", folder(tmp_path, GOOD.replace("version: 1", "version: 2")))
    result = cli("mappings", "show")
    assert (result.status, "connector mappings check" in result.err) == (1, True)


def test_the_schema_for_editors_accepts_a_good_file_and_no_bad_one(cli: Cli) -> None:
    schema = jsonschema.Draft7Validator(cli("mappings", "schema").ok.json)
    good = yaml.safe_load(GOOD)
    assert schema.is_valid(good)
    assert not schema.is_valid(good | {"sauce": "stripe"})

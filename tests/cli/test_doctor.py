"""`connector doctor`, `status` and `keys`: what is as it should be, and what to do where it is not."""

from __future__ import annotations

import sqlite3
from pathlib import Path
from typing import Any

import pytest

from connector.errors import SettingsError
from connector.settings import load
from connector.workspaces.keys import load_keys
from tests.cli.conftest import NOBODY, Cli, Receive


def check(cli: Cli, name: str) -> dict[str, Any]:
    found = {each["name"]: each for each in cli("doctor", "--json").json["checks"]}
    one: dict[str, Any] = found[name]
    return one


def test_an_empty_folder_is_well_and_stays_empty(cli: Cli, tmp_path: Path) -> None:
    result = cli("doctor", "--json").ok
    assert result.json["ok"] is True
    assert list(tmp_path.iterdir()) == []


def test_people_get_a_line_for_each_check(cli: Cli) -> None:
    lines = cli("doctor").ok.out.splitlines()
    assert len(lines) == len(cli("doctor", "--json").json["checks"])
    assert all(line[0] in "✓!✗" for line in lines)


def test_an_unknown_variable_of_ours_is_named(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CONNECTOR_DATABSE_URL", "x")
    found = check(cli, "settings")
    assert (found["ok"], "CONNECTOR_DATABSE_URL" in found["found"]) == (None, True)


def test_a_database_in_use_is_at_the_newest_revision_and_its_secrets_open(cli: Cli, acme: str) -> None:
    assert check(cli, "database")["ok"] is True
    keys = check(cli, "keys")
    assert (keys["ok"], "1 workspaces and 1 endpoints" in keys["found"]) == (True, True)


def test_secrets_that_do_not_open_fail(cli: Cli, acme: str, tmp_path: Path) -> None:
    (tmp_path / "connector.db.keys").unlink()
    load_keys(load())
    result = cli("doctor", "--json")
    assert result.status == 1
    assert result.json["ok"] is False
    keys = check(cli, "keys")
    assert (keys["ok"], "which is not in use" in keys["found"]) == (False, True)


def test_tables_of_another_version_fail_with_the_command(cli: Cli, acme: str) -> None:
    with sqlite3.connect("connector.db") as connection:
        connection.execute("UPDATE alembic_version SET version_num = '0000'")
    found = check(cli, "database")
    assert (found["ok"], found["remedy"]) == (False, "connector migrate")


def test_mistakes_in_mapping_files_fail_with_the_first_of_them(
    cli: Cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "own").mkdir()
    (tmp_path / "own" / "own.yaml").write_text("version: 1\nsource: paddle\n")
    monkeypatch.setenv("CONNECTOR_MAPPINGS_DIR", "own")
    found = check(cli, "mappings")
    assert (found["ok"], "own.yaml:1:" in found["found"]) == (False, True)


@pytest.mark.parametrize(
    ("address", "ok"), [("https://hooks.example.com", True), ("http://hooks.example.com", None), ("", None)]
)
def test_the_address_should_be_https(cli: Cli, monkeypatch: pytest.MonkeyPatch, address: str, ok: bool | None) -> None:
    monkeypatch.setenv("CONNECTOR_BASE_URL", address)
    assert check(cli, "address")["ok"] is ok


def test_an_intercom_that_does_not_answer_is_worth_knowing_and_no_failure(cli: Cli) -> None:
    found = check(cli, "Intercom")
    assert (found["ok"], NOBODY in found["found"]) == (None, True)


def test_a_postgresql_that_is_away_fails(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CONNECTOR_DATABASE_URL", "postgresql://connector:hunter2@127.0.0.1:9/connector")
    result = cli("doctor", "--json")
    assert result.status == 1
    assert "hunter2" not in result.out + result.err


def test_status_counts_by_state(cli: Cli, receive: Receive) -> None:
    receive("invoice.paid", bodies=[b"no JSON"])
    counts = cli("status", "--json").ok.json
    assert counts["workspaces"] == {"live": 1}
    assert counts["events"] == {"mapped": 1, "unparseable": 1}
    assert counts["deliveries"] == {"due": 1}


def test_status_of_a_workspace_says_why_deliveries_stand_still(cli: Cli, acme: str, receive: Receive) -> None:
    cli("workspaces", "watch", acme).ok  # noqa: B018 - it asserts
    receive("invoice.paid")
    counts = cli("status", "--workspace", acme, "--json").ok.json
    assert counts["standing_still"] == [{"state": "held", "reason": "watching", "deliveries": 1}]


def test_a_new_key_is_one_that_the_settings_take(cli: Cli) -> None:
    made = cli("keys", "new", "--json").ok.json
    [key] = load_keys(load(encryption_keys=made["key"]))
    assert key.id.hex() == made["id"]
    assert cli("keys", "new").ok.out.strip() != made["key"]
    with pytest.raises(SettingsError):
        load_keys(load(encryption_keys=made["key"][:-4]))

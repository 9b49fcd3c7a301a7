"""The safe way to the first event: watch, report, try, go live; and who did what."""

from __future__ import annotations

import pytest

from tests.cli.conftest import Cli, Receive


@pytest.fixture
def held(cli: Cli, acme: str, receive: Receive) -> int:
    """How many deliveries a watching workspace holds."""
    cli("workspaces", "watch", acme).ok  # noqa: B018 - it asserts
    receive("invoice.paid", "charge.dispute.created")
    return len(cli("deliveries", "list", "--state", "held", "--json").ok.json["items"])


def test_watching_holds_what_was_to_be_sent(cli: Cli, acme: str, receive: Receive) -> None:
    receive("invoice.paid")
    assert cli("workspaces", "watch", acme, "--json").ok.json["held"] == 1
    [item] = cli("deliveries", "list", "--json").ok.json["items"]
    assert (item["state"], item["reason"]) == ("held", "watching")


def test_going_live_releases_nothing_by_itself(cli: Cli, acme: str, held: int) -> None:
    shown = cli("workspaces", "go-live", acme, "--json").ok.json
    assert (shown["mode"], shown["released"], shown["still_held"]) == ("live", 0, held)


def test_going_live_from_a_time_releases_what_happened_since(cli: Cli, acme: str, held: int) -> None:
    refused = cli("workspaces", "go-live", acme, "--from", "2001-01-01")
    assert refused.status == 2
    assert "--yes" in refused.err
    assert cli("workspaces", "show", acme, "--json").ok.json["mode"] == "watching"
    dry = cli("workspaces", "go-live", acme, "--from", "2001-01-01", "--dry-run", "--json").ok.json
    assert (dry["mode"], dry["released"]) == ("watching", 0)
    late = cli("workspaces", "go-live", acme, "--from", "1m", "--yes", "--json").ok.json
    assert (late["mode"], late["released"], late["still_held"]) == ("live", 0, held)
    shown = cli("workspaces", "go-live", acme, "--from", "2001-01-01", "--yes", "--json").ok.json
    assert (shown["released"], shown["still_held"]) == (held, 0)


def test_nothing_is_released_while_watching(cli: Cli, acme: str, held: int) -> None:
    done = cli("deliveries", "release", "--workspace", acme, "--yes", "--json").ok.json
    assert (done["matched"], done["done"]) == (held, 0)
    assert "watching" in done["refused"][0]["why"]


def test_contacts_are_listed_and_removed(cli: Cli, acme: str) -> None:
    added = cli("workspaces", "try", acme, "--contact", "email:Ada@Example.com", "--contact", "user_id:U-7", "--json")
    assert added.ok.json["contacts"] == ["email:ada@example.com", "user_id:U-7"]
    assert added.json["mode"] == "trying"
    cli("workspaces", "try", acme, "--remove", "email:ADA@example.com").ok  # noqa: B018
    assert cli("workspaces", "try", acme, "--json").ok.json["contacts"] == ["user_id:U-7"]


@pytest.mark.parametrize("text", ["ada@example.com", "phone:1", "email:", "user_id:" + "x" * 256])
def test_a_contact_that_is_none_is_said(cli: Cli, acme: str, text: str) -> None:
    result = cli("workspaces", "try", acme, "--contact", text)
    assert (result.status, "user_id:VALUE" in result.err) == (2, True)


@pytest.mark.parametrize("text", ["yesterday", "3 weeks", "2026-13-01", "-1d", ""])
def test_a_time_that_is_none_is_said(cli: Cli, acme: str, text: str) -> None:
    result = cli("workspaces", "go-live", acme, f"--from={text}")
    assert (result.status, "--from takes a time" in result.err) == (2, True)


def test_the_report_counts_names_and_says_what_stands_still(cli: Cli, acme: str, held: int) -> None:
    report = cli("workspaces", "report", acme, "--no-ask", "--json").ok.json
    assert {each["name"] for each in report["names"]} >= {"paid-invoice"}
    assert sum(each["total"] for each in report["names"]) >= held
    assert len(report["days"]) == 7
    [standing] = [each for each in report["deliveries"] if each["state"] == "held"]
    assert (standing["reason"], standing["count"]) == ("watching", held)
    assert standing["remedy"]
    assert report["match"] is None


def test_the_report_says_why_nobody_was_asked_about(cli: Cli, acme: str, held: int) -> None:
    report = cli("workspaces", "report", acme, "--json").ok.json
    assert report["match"]["matched"] == 0
    assert "cannot be reached" in report["match"]["why_not"]
    assert "were not asked about" in cli("workspaces", "report", acme).ok.out


def test_who_did_what_is_listed(cli: Cli, acme: str, held: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CONNECTOR_ACTOR", "ada")
    cli("workspaces", "go-live", acme, "--from", "2001-01-01", "--yes").ok  # noqa: B018
    items = cli("audit", "list", "--workspace", acme, "--json").ok.json["items"]
    assert [item["action"] for item in items] == [
        "workspaces.go-live",
        "deliveries.release",
        "deliveries.release.begun",
        "workspaces.watch",
        "workspaces.add",
    ]
    assert {item["actor"] for item in items[:3]} == {"ada"}
    assert items[1]["detail"]["done"] == held
    first = cli("audit", "list", "--limit", "2", "--json").ok.json
    second = cli("audit", "list", "--limit", "2", "--cursor", first["next"], "--json").ok.json
    assert [item["id"] for item in second["items"]] == [items[2]["id"], items[3]["id"]]

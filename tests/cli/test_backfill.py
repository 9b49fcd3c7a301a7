"""`connector backfill` as it is typed, and what `status` shows of it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from connector.cli.backfill import instant
from connector.errors import UsageError
from tests.cli.conftest import Cli


@pytest.fixture
def archive(cli: Cli, tmp_path: Path) -> Path:
    """A workspace with a Segment endpoint, and a file of Segment's with three messages."""
    cli("workspaces", "add", "--app-id", "acme", "--access-token", "token", "--json")
    add = ("endpoints", "add", "--workspace", "acme", "--json")
    assert cli(*add, "--source", "segment", "--signing-secret", "shared").status == 0
    path = tmp_path / "archive.jsonl"
    kinds = ("Order Completed", "Order Completed", "Product Viewed")
    lines = [
        {
            "type": "track",
            "event": kind,
            "messageId": f"m-{number}",
            "userId": "ada",
            "timestamp": "2026-06-01T12:00:00Z",
        }
        for number, kind in enumerate(kinds)
    ]
    path.write_text("\n".join(map(json.dumps, lines)))
    return path


def test_without_consent_the_count_is_shown_and_nothing_happens(cli: Cli, archive: Path):
    refused = cli("backfill", "file", str(archive), "--workspace", "acme")
    assert refused.status == 2
    assert "there are 3 new events of 3" in refused.err
    assert "--may-trigger-messages" in refused.err
    assert cli("events", "list", "--json").json["items"] == []


def test_a_dry_run_counts_by_type(cli: Cli, archive: Path):
    counted = cli("backfill", "file", str(archive), "--workspace", "acme", "--dry-run", "--json").ok.json
    assert counted == {
        "dry_run": True,
        "events": 3,
        "new": 3,
        "skipped": 0,
        "older_than_89_days": 3,
        "by_type": {"track Order Completed": 2, "track Product Viewed": 1},
    }
    assert cli("events", "list", "--json").json["items"] == []


def test_with_consent_they_come_in_once(cli: Cli, archive: Path):
    command = ("backfill", "file", str(archive), "--workspace", "acme", "--may-trigger-messages", "--json")
    done = cli(*command).ok.json
    assert (done["state"], done["read"], done["new"]) == ("done", 3, 3)
    assert (cli(*command).ok.json["new"]) == 0
    assert len(cli("events", "list", "--json").json["items"]) == 3
    (shown,) = cli("status", "--workspace", "acme", "--json").ok.json["backfills"]
    assert (shown["source"], shown["state"], shown["path"]) == ("file", "done", str(archive))
    assert "backfills" in cli("status", "--workspace", "acme").ok.out


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("file", "nowhere", "--workspace", "acme", "--dry-run"), "there is no nowhere"),
        (("file", "x", "--workspace", "nobody", "--dry-run"), "there is no workspace"),
        (("file", "x", "--workspace", "acme", "--since", "yesterday", "--dry-run"), "is no time"),
        (("file", "x", "--workspace", "acme", "--since", "2026-02-01", "--until", "2026-01-01"), "is before"),
        (("stripe", "--workspace", "acme", "--since", "90d", "--dry-run"), "has no such stripe endpoint"),
        (("file", "x", "--workspace", "acme", "--endpoint", "99", "--dry-run"), "has no such segment endpoint"),
    ],
)
def test_what_cannot_be_is_said(cli: Cli, archive: Path, arguments, words):
    refused = cli("backfill", *arguments)
    assert refused.status == 2
    assert words in refused.err


def test_an_endpoint_without_a_key_cannot_ask_stripe(cli: Cli, archive: Path):
    add = ("endpoints", "add", "--workspace", "acme", "--source", "stripe", "--signing-secret", "whsec_1", "--json")
    assert cli(*add).status == 0
    assert "no restricted key" in cli("backfill", "stripe", "--workspace", "acme", "--since", "9d", "--dry-run").err


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("2026-01-31", 1769817600), ("2026-01-31T12:00Z", 1769860800), ("2026-01-31T12:00+02:00", 1769853600)],
)
def test_a_time_is_read(text: str, seconds: int):
    assert instant(text) == seconds


@pytest.mark.parametrize("text", ["", "d", "-1d", "2026-13-01", "9999999d", "1e9"])
def test_what_is_no_time_is_refused(text: str):
    with pytest.raises(UsageError):
        instant(text)


def test_an_age_counts_from_the_beginning_of_the_day_so_that_the_same_command_is_one_wish():
    assert instant("9d") % 86_400 == 0
    assert instant("9h") % 3_600 == 0

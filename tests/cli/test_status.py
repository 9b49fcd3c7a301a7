"""`connector status`: what a person reads in ten seconds on eighty columns."""

from __future__ import annotations

from typing import Any

import pytest

from connector.cli import output, status_page
from connector.cli.status_page import ago, counts, lines, tables
from tests.cli.conftest import Cli

NOW = 1_795_000_000_000
AT = "2026-11-18T18:26:40.000Z"
FOUND: dict[str, Any] = {
    "revision": "0013",
    "workspaces": {"live": 2, "needs_reauthorization": 1},
    "events": {"mapped": 1_234_567, "ignored": 12},
    "deliveries": {},
    "mappings": {"digest": None, "deployed_at": None, "deployed_by": None},
    "alerts": [],
    "sync": [],
    "backfills": [],
}


def endpoint(number: int = 2, **more: Any) -> dict[str, Any]:
    line = {
        "workspace": "acme",
        "endpoint": f"{number} stripe live",
        "last_webhook": AT,
        "last_delivered": None,
        "reconciled_until": AT,
        "behind_s": 60,
        "missed": 0,
        "day": {"mapped": 1_200, "ignored": 4},
        "gaps": [],
        "trouble": None,
    }
    return line | more


def backfill(**more: Any) -> dict[str, Any]:
    line = {
        "source": "file",
        "endpoint": 3,
        "path": "archive.jsonl",
        "state": "running",
        "position": 0.621,
        "read": 1_860,
        "new": 1_860,
        "as_summaries": False,
        "summarised": 0,
        "updated_at": AT,
        "taken_in_by": None,
    }
    return line | more


def only(**found: Any) -> status_page.Table:
    (table,) = tables(FOUND | found, now=NOW)
    return table


def test_what_takes_a_line_is_in_words_the_most_first():
    shown = lines(FOUND)
    assert shown["workspaces"] == "2 live, 1 needs reauthorization"
    assert shown["events"] == "1,234,567 mapped, 12 ignored"
    assert (shown["deliveries"], shown["alerts"]) == ("none", "none")
    assert "event names" not in shown
    names = {"counted": 7, "allowed": 120, "waiting": 2}
    assert lines(FOUND | {"event_names": names})["event names"] == "7 of 120, 2 wait for a place"
    assert list(tables(FOUND, now=NOW)) == []


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(0, "0 s"), (119, "119 s"), (120, "2 min"), (7_199, "119 min"), (7_200, "2 h"), (172_800, "2 d")],
)
def test_how_long_ago_is_in_one_unit(seconds: int, words: str):
    assert ago(AT, 1_795_026_400_000 + seconds * 1000) == f"{words} ago"
    assert ago(None, NOW) == "–"


def test_an_endpoint_that_ails_is_the_first_and_says_why():
    ailing = endpoint(9, trouble="a permission is missing: rak_event_read", gaps=["a … b", "c … d"])
    table = only(sync=[endpoint(), ailing])
    assert [row["endpoint"] for row in table.rows] == ["9 stripe live", "2 stripe live"]
    assert table.rows[0]["gaps"] == "2"
    assert table.rows[1]["24 h"] == "1,204"
    assert table.below == (
        "! acme 9 stripe live: a permission is missing: rak_event_read",
        "! acme 9 stripe live: cannot be listed any more: c … d",
    )


@pytest.mark.parametrize(
    ("more", "words"),
    [
        ({"behind_s": 3_601}, "and no further"),
        ({"day": {"mapped": 1, "failed": 2}}, "in 24 h: 2 failed"),
        ({"behind_s": 3_600}, None),
        ({"behind_s": None, "reconciled_until": None}, None),
    ],
)
def test_what_an_endpoint_ails_from(more: dict[str, Any], words: str | None):
    below = only(sync=[endpoint(**more)]).below
    assert (words is None) == (not below)
    assert words is None or words in below[0]


def test_a_backfill_says_how_far_it_is_and_who_is_at_it():
    table = only(backfills=[backfill(), backfill(taken_in_by="ada, process 7 on web1"), backfill(state="done")])
    assert [row["state"] for row in table.rows] == ["62%", "62%", "done"]
    assert table.below == (
        "archive.jsonl: nobody is at it; the same command goes on",
        "archive.jsonl: taken in by ada, process 7 on web1",
    )


def test_many_lines_are_counted():
    table = only(sync=[endpoint(number) for number in range(100)])
    assert (len(table.rows), table.more) == (status_page.MOST, 100 - status_page.MOST)


def test_counts_of_nothing_are_none():
    assert counts({}) == "none"


def test_on_eighty_columns_no_line_is_longer_and_a_silent_endpoint_is_there(cli: Cli, monkeypatch, tmp_path):
    monkeypatch.setattr(output, "WIDE", 80)
    monkeypatch.setattr(status_page, "MOST", 3)
    cli("workspaces", "add", "--app-id", "a" * 40, "--access-token", "token", "--json")
    for number in range(5):
        add = ("endpoints", "add", "--workspace", "a" * 40, "--source", "segment", "--signing-secret", "shared")
        assert cli(*add, "--label", f"label{number}", "--json").status == 0
    path = tmp_path / ("a-very-long-name-" * 8)
    path.write_text('{"type": "track", "event": "Order Completed", "messageId": "m", "userId": "ada"}')
    command = ("backfill", "file", str(path), "--workspace", "a" * 40, "--endpoint", "1", "--may-trigger-messages")
    assert cli(*command).status == 0
    for arguments in ((), ("--workspace", "a" * 40)):
        out = cli("status", *arguments).ok.out
        assert max(map(len, out.splitlines())) <= 80
        assert "5 segment live" not in out
        assert "2 segment live" in out
        assert "… and 2 more" in out
        assert "done" in out
    assert len(cli("status", "--json").ok.json["sync"]) == 5

"""`connector workspaces`: added, listed in pages, moved between modes, removed; the token is never shown."""

from __future__ import annotations

import pytest

from tests.cli.conftest import Cli


def test_an_added_workspace_is_described_without_its_token(cli: Cli) -> None:
    result = cli(
        "workspaces", "add", "--app-id", "acme", "--access-token", "secret-token", "--region", "eu", "--json"
    ).ok
    added = result.json
    assert (added["id"], added["app_id"], added["region"], added["mode"]) == (1, "acme", "eu", "live")
    assert (added["access_token"], added["verified"]) == ("set", None)
    assert "secret-token" not in result.out + result.err


def test_no_answer_of_intercom_is_said_and_is_no_failure(cli: Cli) -> None:
    result = cli("workspaces", "add", "--app-id", "acme", "--access-token", "t").ok
    assert "the token is not checked" in result.err


def test_a_token_can_come_from_stdin(cli: Cli) -> None:
    cli("workspaces", "add", "--app-id", "acme", "--access-token", "-", stdin="secret-token\n").ok  # noqa: B018
    assert cli("workspaces", "show", "acme", "--json").ok.json["access_token"] == "set"


@pytest.mark.parametrize(
    ("app_id", "token", "stdin", "sentence"),
    [
        ("acme", "-", "", "no line on stdin"),
        ("acme", "", "", "--access-token takes"),
        ("acme", "two words", "", "--access-token takes"),
        ("acme", "line\nbreak", "", "--access-token takes"),
        ("", "t", "", "--app-id takes"),
        ("a" * 256, "t", "", "--app-id takes"),
        ("ünï", "t", "", "--app-id takes"),
    ],
)
def test_what_is_no_id_and_no_token_is_refused(cli: Cli, app_id: str, token: str, stdin: str, sentence: str) -> None:
    result = cli("workspaces", "add", "--app-id", app_id, "--access-token", token, stdin=stdin)
    assert result.status == 2
    assert sentence in result.err
    assert cli("workspaces", "list", "--json").ok.json["items"] == []


def test_lists_come_in_pages_that_join(cli: Cli) -> None:
    for number in range(5):
        cli("workspaces", "add", "--app-id", f"w{number}", "--access-token", "t").ok  # noqa: B018
    seen, cursor = [], None
    while True:
        page = cli("workspaces", "list", "--limit", "2", *(["--cursor", cursor] if cursor else []), "--json").ok.json
        seen += [item["app_id"] for item in page["items"]]
        if (cursor := page["next"]) is None:
            break
    assert seen == [f"w{number}" for number in range(5)]


def test_people_get_a_table_and_the_way_to_more(cli: Cli) -> None:
    for number in range(2):
        cli("workspaces", "add", "--app-id", f"w{number}", "--access-token", "t").ok  # noqa: B018
    result = cli("workspaces", "list", "--limit", "1").ok
    assert "app id" in result.out
    assert "w0" in result.out
    assert "--cursor 1" in result.err


def test_an_empty_list_says_what_to_do(cli: Cli) -> None:
    assert "connector workspaces add" in cli("workspaces", "list").ok.err


def test_the_modes_are_entered_and_left(cli: Cli) -> None:
    cli("workspaces", "add", "--app-id", "acme", "--access-token", "t", "--watching").ok  # noqa: B018
    modes = []
    for command in ("pause", "resume", "go-live", "watch"):
        modes.append(cli("workspaces", command, "acme", "--json").ok.json["mode"])
    assert modes == ["paused", "watching", "live", "watching"]


def test_going_live_tells_of_what_is_held(cli: Cli, acme: str) -> None:
    assert "connector deliveries release --workspace acme" in cli("workspaces", "go-live", acme).ok.err


def test_doing_it_twice_is_no_error(cli: Cli, acme: str) -> None:
    cli("workspaces", "pause", acme).ok  # noqa: B018
    assert "paused already" in cli("workspaces", "pause", acme).ok.err
    cli("workspaces", "resume", acme).ok  # noqa: B018
    assert "nothing to resume" in cli("workspaces", "resume", acme).ok.err


def test_a_removed_workspace_is_gone_from_lists_and_comes_back_with_its_id(cli: Cli, acme: str) -> None:
    removed = cli("workspaces", "remove", acme, "--json").ok.json
    assert (removed["mode"], removed["access_token"]) == ("removed", None)
    assert cli("workspaces", "list", "--json").ok.json["items"] == []
    assert cli("endpoints", "list", "--json").ok.json["items"] == []
    assert cli("workspaces", "show", acme).status == 2
    again = cli("workspaces", "add", "--app-id", acme, "--access-token", "t", "--watching", "--json").ok.json
    assert (again["id"], again["mode"]) == (removed["id"], "watching")


def test_show_lists_the_workspaces_endpoints_without_their_addresses(cli: Cli, acme: str) -> None:
    shown = cli("workspaces", "show", acme, "--json").ok.json
    assert [endpoint["source"] for endpoint in shown["endpoints"]] == ["stripe"]
    assert "/webhooks/" not in cli("workspaces", "show", acme).ok.out

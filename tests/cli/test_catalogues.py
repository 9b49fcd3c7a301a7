"""`mappings deploy|history|rollback|stop|start`, `workspaces choices` and `event-names`, as they are typed."""

from __future__ import annotations

from pathlib import Path

import pytest

from connector.outbox import event_names
from connector.outbox.delivery import name_key
from connector.outbox.event_names import EventName
from tests.catalogues.conftest import HEAD, rule
from tests.cli.conftest import Cli, Receive, change


@pytest.fixture
def mine(tmp_path: Path) -> Path:
    made = tmp_path / "mine"
    made.mkdir()
    (made / "own.yaml").write_text(HEAD + rule())
    return made


def freeze(key: str, kind: str, name: str = "settled-invoice") -> None:
    row = EventName(1, name_key(name), name, {key: kind}, 1, None, 1)
    change(lambda connection: event_names.save(connection, [row]))


def test_a_deployment_is_shown_done_kept_and_taken_back(cli: Cli, mine: Path):
    shown = cli("mappings", "deploy", str(mine), "--dry-run").ok
    assert "added       own (settled-invoice): amount: number" in shown.out
    assert cli("mappings", "history", "--json").ok.json["items"] == []
    done = cli("mappings", "deploy", str(mine), "--yes", "--json").ok.json
    assert (done["deployed"], [each["how"] for each in done["changes"]]) == (True, ["added"])
    assert "is in use already" in cli("mappings", "deploy", str(mine), "--yes").ok.out
    [own, shipped] = cli("mappings", "history", "--json").ok.json["items"]
    assert (own["digest"], own["active"], own["files"]) == (done["digest"], True, ["own.yaml"])
    back = cli("mappings", "rollback", "--json").ok
    assert (back.json["digest"], back.json["before"]) == (shipped["digest"], own["digest"])
    assert f"--mapping {own['digest'][:12]}" in back.err
    assert "nothing was deployed before" in cli("mappings", "rollback").err
    assert cli("mappings", "rollback", own["digest"][:6], "--json").ok.json["changed"] is True
    assert cli("status", "--json").ok.json["mappings"]["digest"] == own["digest"]


def test_history_goes_on_page_by_page(cli: Cli, mine: Path):
    for n in range(3):
        (mine / "own.yaml").write_text(HEAD + rule(f"closed-invoice-{n}"))
        cli("mappings", "deploy", str(mine), "--yes").ok  # noqa: B018 - it asserts
    first = cli("mappings", "history", "--limit", "3", "--json").ok.json
    rest = cli("mappings", "history", "--limit", "3", "--cursor", first["next"], "--json").ok.json
    assert (len(first["items"]), len(rest["items"]), rest["next"]) == (3, 1, None)


def test_nothing_is_deployed_without_a_yes_where_nobody_can_be_asked(cli: Cli, mine: Path):
    result = cli("mappings", "deploy", str(mine), "--json")
    assert (result.status, "--yes" in result.json["error"]["message"]) == (2, True)
    assert cli("mappings", "deploy").status == 2  # and not without a folder


def test_all_that_is_wrong_is_said_at_once_and_nothing_is_changed(cli: Cli, acme: str, mine: Path):
    freeze("amount", "money")
    result = cli("mappings", "deploy", str(mine), "--yes", "--json")
    assert (result.status, result.json["deployed"]) == (1, False)
    [problem] = result.json["problems"]
    assert problem.startswith(f"{mine}/own.yaml:5:")
    assert "1 workspace has sent it as money" in problem
    (mine / "bad.yaml").write_text("version: 2\n")
    assert f"{mine}/bad.yaml:1:" in cli("mappings", "deploy", str(mine), "--yes").out
    assert cli("mappings", "history", "--json").ok.json["items"] == []


@pytest.mark.parametrize("digest", ["ffffffff", "", "%", "'; DROP TABLE catalogues; --"])
def test_a_rollback_to_what_is_not_there_is_refused(cli: Cli, mine: Path, digest: str):
    cli("mappings", "deploy", str(mine), "--yes").ok  # noqa: B018 - it asserts
    if digest:
        assert cli("mappings", "rollback", digest).status == 2
    assert len(cli("mappings", "history", "--json").ok.json["items"]) == 2


def test_a_megabyte_of_rules_is_refused_with_its_place(cli: Cli, mine: Path):
    (mine / "own.yaml").write_text(HEAD + rule() * 12_000)
    result = cli("mappings", "deploy", str(mine), "--yes")
    assert (result.status, "Traceback" in result.err) == (1, False)
    assert f"{mine}/own.yaml:" in result.out


def test_a_stopped_name_holds_what_is_due_and_starting_it_lets_it_go(cli: Cli, receive: Receive):
    receive("invoice.paid")
    assert cli("mappings", "stop", "paid-invoice", "--json").ok.json["held"] == 1
    [held] = cli("deliveries", "list", "--json").ok.json["items"]
    assert (held["state"], held["reason"]) == ("held", "name_stopped")
    [name] = cli("event-names", "list", "--json").ok.json["items"]
    assert (name["workspace"], name["name"], name["stopped"]) == (None, "paid-invoice", "name_stopped")
    refused = cli("mappings", "start", "paid-invoice", "--workspace", "acme")
    assert (refused.status, "without --workspace" in refused.err) == (2, True)
    assert cli("mappings", "start", "paid-invoice", "--json").ok.json["released"] == 1
    assert cli("deliveries", "list", "--state", "due", "--json").ok.json["items"] != []


def test_what_a_set_made_and_is_not_sent_is_taken_back(cli: Cli, receive: Receive):
    receive("invoice.paid")
    [made] = cli("deliveries", "list", "--json").ok.json["items"]
    other = cli("deliveries", "discard", "--mapping", "0000", "--json").ok.json
    assert other["items"] == []
    taken = cli("deliveries", "discard", "--mapping", made["mapping_digest"][:10], "--json").ok.json
    assert [each["id"] for each in taken["items"]] == [made["id"]]
    again = cli("deliveries", "discard", "--mapping", made["mapping_digest"], "--json").ok.json
    assert [each["done"] for each in again["items"]] == [False]


def test_a_workspace_chooses_and_what_is_not_there_is_refused(cli: Cli, acme: str, tmp_path: Path):
    before = cli("workspaces", "choices", acme, "--json").ok.json
    family = before["families_there_are"][0]
    own = tmp_path / "acme.yaml"
    own.write_text(HEAD + rule())
    more = ("--contact-order", "email,user_id", "--metadata-keys", "15", "--time-zone", "Europe/Berlin")
    chosen = cli(
        "workspaces", "choices", acme, "--family", f"{family}=off", "--entries", str(own), "--event", "own=off",
        *more, "--language", "de", "--json",
    ).ok.json  # fmt: skip
    assert (chosen["families"], chosen["events"]) == ({family: False}, {"own": False})
    assert (chosen["contact_order"], chosen["metadata_keys"]) == (["email", "user_id"], 15)
    assert cli("workspaces", "show", acme, "--json").ok.json["time_zone"] == "Europe/Berlin"
    back = cli("workspaces", "choices", acme, "--family", f"{family}=default", "--event", "own=default", "--json")
    assert (back.ok.json["families"], back.json["events"], back.json["metadata_keys"]) == ({}, {}, 15)
    assert cli("workspaces", "choices", acme, "--entries", "none", "--json").ok.json["entries"] is None


@pytest.mark.parametrize(
    ("options", "says"),
    [
        (("--family", "stripe/invoice=off"), "did you mean"),
        (("--event", "stripe:paid-invoices=on"), "did you mean"),
        (("--event", "nonsense"), "NAME=on"),
        (("--metadata-keys", "30"), "metadata_keys"),
        (("--time-zone", "Mars/Olympus"), "time zone"),
        (("--language", "deutsch!"), "language"),
        (("--contact-order", "email,phone"), "contact_order"),
        (("--contact-order", "email,email"), "twice"),
        (("--entries", "nowhere.yaml"), "nowhere.yaml"),
    ],
)
def test_a_choice_that_cannot_be_is_refused_and_nothing_is_changed(
    cli: Cli, acme: str, options: tuple[str, ...], says: str
):
    before = cli("workspaces", "choices", acme, "--json").ok.json
    result = cli("workspaces", "choices", acme, *options)
    assert result.status in (1, 2)
    assert says in result.err
    assert "Traceback" not in result.err
    assert cli("workspaces", "choices", acme, "--json").ok.json == before


def test_own_entries_that_would_change_a_frozen_type_are_refused(cli: Cli, acme: str, mine: Path):
    freeze("amount", "text")
    result = cli("workspaces", "choices", acme, "--entries", str(mine / "own.yaml"))
    assert result.status == 2
    assert "sent it as text" in result.err


def test_a_forgotten_name_gives_its_place_away(cli: Cli, receive: Receive):
    receive("invoice.paid")
    freeze("amount", "number", "old-name")

    def no_room(connection: object) -> None:
        event_names.stop(connection, 1, "paid-invoice", event_names.FULL, now=2)  # type: ignore[arg-type]

    change(no_room)
    status = cli("status", "--workspace", "acme", "--json").ok.json
    assert status["event_names"] == {"counted": 1, "allowed": 120, "waiting": 1}
    forgotten = cli("event-names", "forget", "old-name", "--workspace", "acme", "--json").ok.json
    assert forgotten["given_to"] == ["paid-invoice"]
    assert cli("event-names", "forget", "old-name", "--workspace", "acme").status == 2
    assert cli("event-names", "retry", "--workspace", "acme", "--json").ok.json["given_to"] == []

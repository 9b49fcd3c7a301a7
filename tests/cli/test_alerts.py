"""What is open, what to do about it, and whether it reaches anybody, as typed."""

from __future__ import annotations

from base64 import b64decode

import pytest

from connector.cli.session import Session, run
from connector.outbox import alerts
from tests.cli.conftest import Cli


@pytest.fixture
def app_id(cli: Cli) -> str:
    cli("workspaces", "add", "--app-id", "acme", "--access-token", "token").ok  # noqa: B018
    return "acme"


def open_alert(workspace_id: int, kind: str, subject: str = "") -> None:
    async def work(session: Session) -> None:
        await session.database.transact(
            alerts.open_alert, workspace_id, kind, subject, "these are the figures", now=session.now
        )

    run(work)


def test_alerts_are_listed_with_their_remedy_page_by_page(cli: Cli, app_id: str):
    assert cli("alerts", "list", "--json").ok.json == {"items": [], "next": None}
    open_alert(1, "dead_letters")
    open_alert(1, "no_traffic", "stripe default")
    open_alert(0, "mappings_refused", "folder")
    found = cli("alerts", "list", "--workspace", app_id, "--json").ok.json["items"]
    assert {each["kind"] for each in found} == {"dead_letters", "no_traffic"}
    assert all(each["remedy"] and each["what"] and each["workspace"] == "acme" for each in found)
    first = cli("alerts", "list", "--limit", "2", "--json").ok.json
    second = cli("alerts", "list", "--limit", "2", "--cursor", first["next"], "--json").ok.json
    assert len({each["kind"] for each in first["items"] + second["items"]}) == 3
    assert second["next"] is None
    assert "these are the figures" in cli("alerts", "list").ok.out.replace("\n", " ")


def test_an_alert_that_was_dealt_with_is_closed_and_kept(cli: Cli, app_id: str):
    open_alert(1, "sync_gap", "endpoint 1 live")
    assert cli("alerts", "close", "sync_gap", "endpoint 1 live", "--workspace", app_id, "--json").ok.json["closed"]
    assert cli("alerts", "list", "--json").ok.json["items"] == []
    (closed,) = cli("alerts", "list", "--all", "--json").ok.json["items"]
    assert closed["closed_at"]
    again = cli("alerts", "close", "sync_gap", "endpoint 1 live", "--workspace", app_id, "--json").ok
    assert again.json["closed"] is False
    assert "connector alerts list" in again.err
    assert cli("audit", "list", "--json").ok.json["items"][0]["action"] == "alerts.close"


def test_a_secret_is_one_that_the_settings_take(cli: Cli, monkeypatch: pytest.MonkeyPatch):
    secret = cli("alerts", "new-secret").ok.out.strip()
    assert len(b64decode(secret.removeprefix("whsec_"))) == 32
    monkeypatch.setenv("CONNECTOR_ALERT_WEBHOOK_URL", "http://127.0.0.1:9/")
    unsigned = cli("alerts", "test")
    assert unsigned.status != 0
    assert "CONNECTOR_ALERT_WEBHOOK_SECRET is missing" in unsigned.err
    monkeypatch.setenv("CONNECTOR_ALERT_WEBHOOK_SECRET", secret)
    private = cli("alerts", "test", "--json")
    assert (private.status, private.json) == (1, {"webhook": "private_address"})


def test_without_a_sink_a_test_says_what_to_set(cli: Cli):
    nothing = cli("alerts", "test")
    assert nothing.status == 2
    assert "CONNECTOR_ALERT_WEBHOOK_URL" in nothing.err


def test_verifying_nothing_is_no_difference(cli: Cli, app_id: str):
    found = cli("verify", "--workspace", app_id, "--json").ok.json
    assert (found["asked"], found["differences"], found["stopped"]) == (0, [], None)
    assert cli("verify", "--workspace", "nobody").status == 2
    assert cli("verify", "--workspace", app_id, "--contact", "phone:1").status == 2

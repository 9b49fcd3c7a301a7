"""`connector events`: what was received is listed, shown with its body, and mapped again."""

from __future__ import annotations

import json

import pytest
from sqlalchemy import delete

from connector.database.tables import bodies
from tests.cli.conftest import Cli, Receive, change


def test_received_events_are_listed_newest_first(cli: Cli, receive: Receive) -> None:
    receive("invoice.paid", "charge.dispute.created")
    items = cli("events", "list", "--json").ok.json["items"]
    assert [item["type"] for item in items] == ["charge.dispute.created", "invoice.paid"]
    assert {(item["workspace"], item["source"], item["state"]) for item in items} == {("acme", "stripe", "mapped")}
    assert all(item["external_id"].startswith("evt_") for item in items)


def test_pages_join_without_a_gap(cli: Cli, receive: Receive) -> None:
    keys = receive("invoice.paid", "charge.dispute.created", "customer.subscription.trial_will_end")
    seen: list[str] = []
    cursor: str | None = None
    while True:
        page = cli("events", "list", "--limit", "1", *(["--cursor", cursor] if cursor else []), "--json").ok.json
        seen += [item["id"] for item in page["items"]]
        if (cursor := page["next"]) is None:
            break
    assert seen == [key.hex() for key in reversed(keys)]


@pytest.mark.parametrize(
    ("options", "types"),
    [
        (["--state", "mapped"], ["invoice.paid"]),
        (["--state", "unmapped"], ["radar.early_fraud_warning.created"]),
        (["--type", "invoice.paid"], ["invoice.paid"]),
        (["--source", "segment"], []),
        (["--workspace", "acme", "--state", "unparseable"], ["unparseable"]),
    ],
)
def test_the_list_can_be_narrowed(cli: Cli, receive: Receive, options: list[str], types: list[str]) -> None:
    unknown = (
        b'{"id": "evt_radar", "object": "event", "type": "radar.early_fraud_warning.created", "data": {"object": {}}}'
    )
    receive("invoice.paid", bodies=[unknown, b"no JSON"])
    assert [item["type"] for item in cli("events", "list", *options, "--json").ok.json["items"]] == types


def test_an_event_is_found_by_the_senders_id_and_by_ours_and_shows_body_and_deliveries(
    cli: Cli, receive: Receive
) -> None:
    [key] = receive("invoice.paid")
    by_ours = cli("events", "show", key.hex(), "--json").ok.json
    assert cli("events", "show", by_ours["external_id"], "--json").ok.json == by_ours
    assert by_ours["body"]["id"] == by_ours["external_id"]
    assert [delivery["name"] for delivery in by_ours["deliveries"]] == ["paid-invoice"]


def test_a_body_that_is_no_json_is_shown_as_text_on_one_line(cli: Cli, receive: Receive) -> None:
    [key] = receive(bodies=[b"no\nJSON \x1b[31m"])
    assert cli("events", "show", key.hex(), "--json").ok.json["body"] == "no\nJSON \x1b[31m"
    assert "\x1b" not in cli("events", "show", key.hex()).ok.out


def test_a_senders_text_is_shown_as_text(cli: Cli, receive: Receive) -> None:
    body = {"id": "evt_[red]x[/red]", "object": "event", "type": "[bold]a.b", "data": {"object": {}}}
    receive(bodies=[json.dumps(body).encode()])
    shown = cli("events", "list").ok.out
    assert "evt_[red]x[/red]" in shown
    assert "[bold]a.b" in shown


def test_an_unknown_event_is_said(cli: Cli, receive: Receive) -> None:
    receive("invoice.paid")
    for text in ("evt_nobody", "00" * 16, "zz"):
        result = cli("events", "show", text)
        assert (result.status, "there is no event" in result.err) == (2, True)


def test_a_replayed_event_is_mapped_again(cli: Cli, receive: Receive) -> None:
    [key] = receive("invoice.paid")
    replayed = cli("events", "replay", key.hex(), "--json").ok.json["items"]
    assert [(item["id"], item["mapped_again"]) for item in replayed] == [(key.hex(), True)]
    assert [delivery["how"] for delivery in replayed[0]["deliveries"]] == ["translated_afresh"]
    assert cli("events", "show", key.hex(), "--json").ok.json["state"] == "received"


def test_events_can_be_replayed_by_their_state(cli: Cli, receive: Receive) -> None:
    receive("invoice.paid", bodies=[b"no JSON"])
    page = cli("events", "replay", "--state", "mapped", "--json").ok.json
    assert len(page["items"]) == 1
    assert page["next"] is None


def test_nothing_is_replayed_unless_something_is_chosen(cli: Cli, receive: Receive) -> None:
    receive("invoice.paid")
    assert cli("events", "replay").status == 2
    assert cli("events", "list", "--json").ok.json["items"][0]["state"] == "mapped"


def test_an_event_whose_body_is_gone_is_not_mapped_again_and_fails(cli: Cli, receive: Receive) -> None:
    [key] = receive("invoice.paid")
    change(lambda connection: connection.execute(delete(bodies)))
    result = cli("events", "replay", key.hex(), "--json")
    assert result.status == 1
    assert result.json["items"][0]["mapped_again"] is False
    assert "its body is no longer kept" in result.json["items"][0]["refused"]
    assert cli("events", "show", key.hex(), "--json").ok.json["body"] is None

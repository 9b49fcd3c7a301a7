"""`connector deliveries`: the Intercom events that were made, their story, and what an operator does about them."""

from __future__ import annotations

import pytest
from sqlalchemy import Connection

from connector.outbox import queue
from connector.outbox.delivery import State
from tests.cli.conftest import Cli, Receive, change


@pytest.fixture
def delivery(cli: Cli, receive: Receive) -> str:
    """The id of one delivery that is due."""
    receive("invoice.paid")
    [item] = cli("deliveries", "list", "--json").ok.json["items"]
    return str(item["id"])


def put_into(state: State, delivery: str, reason: str | None = None) -> None:
    def work(connection: Connection) -> None:
        queue.settle(connection, [(1, bytes.fromhex(delivery))], state, reason, now=1_800_000_000_000)

    change(work)


def test_a_delivery_says_what_goes_to_whom(cli: Cli, delivery: str) -> None:
    [item] = cli("deliveries", "list", "--state", "due", "--json").ok.json["items"]
    assert (item["name"], item["workspace"], item["mapping"]) == ("paid-invoice", "acme", "stripe:paid-invoice")
    assert set(item["metadata"]["price"]) == {"amount", "currency"}
    assert len(item["identifier"]) == 1


def test_the_story_of_one_holds_what_came_in_and_every_try(cli: Cli, delivery: str) -> None:
    story = cli("deliveries", "show", delivery[:8], "--json").ok.json
    assert story["id"] == delivery
    assert story["received"]["type"] == "invoice.paid"
    assert story["body"]["type"] == "invoice.paid"
    assert story["attempts"] == []
    assert story["next_try"] is not None
    assert story["in_flight"] is False


def test_people_read_the_same_story(cli: Cli, delivery: str) -> None:
    shown = cli("deliveries", "show", delivery).ok.out
    for part in (delivery, "paid-invoice", "invoice.paid", "metadata", '"price"'):
        assert part in shown


@pytest.mark.parametrize(
    ("options", "count"),
    [
        (["--state", "dead"], 0),
        (["--name", "paid-invoice"], 1),
        (["--name", "opened-dispute"], 0),
        (["--reason", "no_contact"], 0),
        (["--workspace", "acme", "--state", "due"], 1),
    ],
)
def test_the_list_can_be_narrowed(cli: Cli, delivery: str, options: list[str], count: int) -> None:
    assert len(cli("deliveries", "list", *options, "--json").ok.json["items"]) == count


@pytest.mark.parametrize("text", ["zz", "a", "00" * 17, "00000000"])
def test_an_unknown_delivery_is_said(cli: Cli, delivery: str, text: str) -> None:
    result = cli("deliveries", "show", text)
    assert result.status == 2
    assert "delivery" in result.err


def test_a_dead_delivery_is_replayed_by_todays_mapping(cli: Cli, delivery: str) -> None:
    put_into(State.DEAD, delivery, "refused")
    [item] = cli("deliveries", "replay", delivery, "--json").ok.json["items"]
    assert item == {"id": delivery, "done": True, "how": "translated_afresh", "why": None}


def test_what_intercom_has_is_refused_with_the_reason_unless_as_new(cli: Cli, delivery: str) -> None:
    put_into(State.DELIVERED, delivery)
    refused = cli("deliveries", "replay", delivery, "--json")
    assert refused.status == 1
    assert refused.json["items"][0]["done"] is False
    assert "Intercom already holds this event" in refused.err
    [item] = cli("deliveries", "replay", delivery, "--as-new", "--json").ok.json["items"]
    assert item["how"] == "as_new"
    assert item["id"] != delivery


def test_dead_ones_are_replayed_by_what_they_have_in_common(cli: Cli, delivery: str) -> None:
    put_into(State.DEAD, delivery, "refused")
    assert cli("deliveries", "replay", "--reason", "gave_up", "--json").ok.json["items"] == []
    assert len(cli("deliveries", "replay", "--reason", "refused", "--json").ok.json["items"]) == 1


def test_a_discarded_delivery_is_given_up(cli: Cli, delivery: str) -> None:
    [item] = cli("deliveries", "discard", delivery, "--json").ok.json["items"]
    assert item["done"] is True
    shown = cli("deliveries", "show", delivery, "--json").ok.json
    assert (shown["state"], shown["reason"]) == ("discarded", "by_operator")


def test_what_is_delivered_cannot_be_discarded(cli: Cli, delivery: str) -> None:
    put_into(State.DELIVERED, delivery)
    result = cli("deliveries", "discard", delivery)
    assert (result.status, "Intercom already holds it" in result.err) == (1, True)


def test_what_was_held_while_watching_is_released_on_demand(cli: Cli, acme: str, receive: Receive) -> None:
    cli("workspaces", "watch", acme).ok  # noqa: B018 - it asserts
    receive("invoice.paid", "charge.dispute.created")
    assert len(cli("deliveries", "list", "--state", "held", "--json").ok.json["items"]) == 2
    cli("workspaces", "go-live", acme).ok  # noqa: B018
    released = cli("deliveries", "release", "--workspace", acme, "--yes", "--json").ok.json["items"]
    assert [item["done"] for item in released] == [True, True]
    assert cli("deliveries", "list", "--state", "held", "--json").ok.json["items"] == []


def test_what_is_not_held_cannot_be_released(cli: Cli, delivery: str) -> None:
    result = cli("deliveries", "release", delivery)
    assert (result.status, "not held" in result.err) == (1, True)


@pytest.mark.parametrize("command", ["replay", "discard", "release"])
def test_nothing_is_done_to_everything_by_mistake(cli: Cli, delivery: str, command: str) -> None:
    assert "which deliveries?" in cli("deliveries", command).err
    assert "either one delivery, or options" in cli("deliveries", command, delivery, "--name", "paid-invoice").err
    assert cli("deliveries", "show", delivery, "--json").ok.json["state"] == "due"


def test_the_help_lists_the_states(cli: Cli) -> None:
    shown = cli("deliveries", "list", "--help").ok.out
    assert all(state.value in shown for state in State)

"""Acting on many: preview, refusal without a terminal, dry run, rate, summary; and the story that people read."""

from __future__ import annotations

import json

import pytest

from connector.database.tables import bodies, deliveries
from connector.outbox import queue
from connector.outbox.delivery import State
from tests.cli.conftest import PAYLOADS, Cli, Receive, change


@pytest.fixture
def dead(cli: Cli, receive: Receive) -> list[str]:
    """The ids of three deliveries that Intercom refused."""
    payload = json.loads((PAYLOADS / "invoice.paid.json").read_text())
    several = []
    for number in range(3):
        payload["id"], payload["data"]["object"]["id"] = f"evt_{number}", f"in_{number}"
        several.append(json.dumps(payload).encode())
    receive(bodies=several)
    ids = [item["id"] for item in cli("deliveries", "list", "--json").ok.json["items"]]

    def refuse(connection: object) -> None:
        each = [(1, bytes.fromhex(text)) for text in ids]
        queue.settle(connection, each, State.DEAD, "refused", now=1_800_000_000_000)  # type: ignore[arg-type]

    change(refuse)
    return ids


def test_several_are_not_acted_on_without_a_yes_where_nobody_can_be_asked(cli: Cli, dead: list[str]) -> None:
    result = cli("deliveries", "replay", "--reason", "refused")
    assert result.status == 2
    assert "3 deliveries" in result.err
    assert "--yes" in result.err
    assert len(cli("deliveries", "list", "--state", "dead", "--json").ok.json["items"]) == 3


def test_all_that_matches_is_acted_on_with_a_summary(cli: Cli, dead: list[str]) -> None:
    done = cli("deliveries", "replay", "--reason", "refused", "--yes", "--rate", "2", "--json").ok.json
    assert (done["matched"], done["done"], done["how"]) == (3, 3, {"translated_afresh": 3})
    assert {item["id"] for item in done["items"]} == set(dead)
    again = cli("deliveries", "replay", "--reason", "refused", "--yes", "--json").ok.json
    assert (again["matched"], again["done"]) == (0, 0)


def test_a_dry_run_shows_and_does_nothing(cli: Cli, dead: list[str]) -> None:
    shown = cli("deliveries", "discard", "--name", "paid-invoice", "--dry-run")
    assert "paid-invoice" in shown.ok.out
    assert "would be done to 3" in shown.out
    assert len(cli("deliveries", "list", "--state", "dead", "--json").ok.json["items"]) == 3


def test_a_limit_bounds_how_many(cli: Cli, dead: list[str]) -> None:
    done = cli("deliveries", "discard", "--state", "dead", "--limit", "2", "--yes", "--json").ok.json
    assert (done["matched"], done["done"]) == (2, 2)
    assert len(cli("deliveries", "list", "--state", "dead", "--json").ok.json["items"]) == 1


def test_the_preview_says_how_many_will_be_held_for_their_age(cli: Cli, dead: list[str]) -> None:
    assert "3 happened more than 72 h ago" in cli("deliveries", "replay", "--reason", "refused", "--dry-run").err


@pytest.mark.parametrize(
    ("options", "count"),
    [
        (["--type", "invoice.paid"], 3),
        (["--type", "charge.failed"], 0),
        (["--status", "422"], 0),
        (["--since", "2001-01-01"], 3),
        (["--until", "2001-01-01"], 0),
        (["--mapping", "nothing"], 0),
        (["--contact", "user_id:nobody"], 0),
    ],
)
def test_the_list_can_be_narrowed_by_more(cli: Cli, dead: list[str], options: list[str], count: int) -> None:
    assert len(cli("deliveries", "list", *options, "--json").ok.json["items"]) == count


def test_a_contact_finds_its_deliveries_whatever_the_case_of_the_address(cli: Cli, dead: list[str]) -> None:
    [kind, value] = next(iter(cli("deliveries", "list", "--json").ok.json["items"][0]["identifier"].items()))
    text = value.upper() if kind == "email" else value
    assert len(cli("deliveries", "list", "--contact", f"{kind}:{text}", "--json").ok.json["items"]) == 3


def test_the_story_tells_a_person_everything_and_what_to_do(cli: Cli, dead: list[str]) -> None:
    story = "\n".join(cli("deliveries", "show", dead[0], "--json").ok.json["story"])
    for part in (
        "invoice.paid",
        "a signature or secret of its sender covers every byte",
        "by stripe:paid-invoice to paid-invoice",
        "from `data.object",
        "is this event's alone",
        "Now: dead (refused). Intercom refused it for good",
        "What to do: Mend the mapping",
    ):
        assert part in story
    assert "Now: dead (refused)" in cli("deliveries", "show", dead[0]).ok.out


def test_the_story_of_what_is_no_longer_kept_says_so(cli: Cli, dead: list[str]) -> None:
    change(lambda connection: connection.execute(bodies.delete()))
    change(lambda connection: connection.execute(deliveries.update().values(mapping_id="gone")))
    story = "\n".join(cli("deliveries", "show", dead[0], "--json").ok.json["story"])
    assert "Its bytes are no longer kept" in story
    assert "Today's mappings have no such entry any more" in story


def test_a_dry_run_of_events_shows_what_todays_mapping_makes(cli: Cli, dead: list[str]) -> None:
    shown = cli("events", "replay", "--type", "invoice.paid", "--dry-run", "--json").ok.json
    assert (shown["matched"], shown["done"]) == (3, 0)
    assert {line for item in shown["items"] for line in item["becomes"]} == {
        "paid-invoice: would be made anew, the same as before"
    }
    done = cli("events", "replay", "--type", "invoice.paid", "--yes", "--json").ok.json
    assert (done["matched"], done["done"]) == (3, 3)


def test_pruning_says_what_goes(cli: Cli, dead: list[str]) -> None:
    assert cli("prune", "--dry-run", "--json").ok.json["bodies"] == 0
    assert cli("prune", "--json").ok.json["bodies"] == 0

"""`connector endpoints`: the address is printed where it is asked for, secrets nowhere."""

from __future__ import annotations

import pytest

from tests.cli.conftest import Cli

STRIPE = ("endpoints", "add", "--workspace", "acme", "--source", "stripe", "--label", "second")
SEGMENT = ("endpoints", "add", "--workspace", "acme", "--source", "segment")


def test_an_added_endpoint_prints_the_address_to_enter(cli: Cli, acme: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CONNECTOR_BASE_URL", "https://hooks.example.com/")
    result = cli(*STRIPE, "--signing-secret", "whsec_1", "--mode", "live", "--restricted-key", "rk_live_1", "--json").ok
    added = result.json
    assert added["path"].startswith("/webhooks/stripe/")
    assert added["url"] == "https://hooks.example.com" + added["path"]
    assert (added["source"], added["mode"], added["signing_secrets"], added["restricted_key"]) == (
        "stripe",
        "live",
        1,
        "set",
    )
    assert "whsec_1" not in result.out
    assert "rk_live_1" not in result.out


def test_show_prints_the_address_again_and_list_does_not(cli: Cli, acme: str) -> None:
    shown = cli("endpoints", "show", "1", "--json").ok.json
    assert len(shown["path"].rpartition("/")[2]) == 43
    listed = cli("endpoints", "list", "--workspace", acme, "--json").ok
    assert [item["id"] for item in listed.json["items"]] == [1]
    assert shown["path"] not in listed.out


def test_secrets_can_come_from_stdin_line_by_line(cli: Cli, acme: str) -> None:
    stdin = "segment-secret\nBearer shown\n"
    added = cli(*SEGMENT, "--signing-secret", "-", "--authorization", "-", "--json", stdin=stdin).ok.json
    assert (added["signing_secrets"], added["authorization"]) == (1, "set")


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (STRIPE, "Stripe signs every webhook"),
        ((*STRIPE, "--authorization", "Bearer x"), "Stripe signs every webhook"),
        ((*STRIPE, "--signing-secret", "s", "--batch-policy", "refuse-batches"), "are for Segment"),
        (SEGMENT, "an endpoint needs a signing secret or an Authorization header"),
        ((*SEGMENT, "--signing-secret", "s", "--restricted-key", "rk_1"), "is for Stripe"),
        ((*SEGMENT, "--signing-secret", "s", "--batch-policy", "all"), "'all' is none of first-event-signed"),
        ((*SEGMENT, "--signing-secret", "s", "--label", ""), "--label takes"),
        ((*SEGMENT, "--signing-secret", "s", "--label", "a\nb"), "--label takes"),
        (("endpoints", "add", "--workspace", "acme", "--source", "paddle"), "'paddle' is none of stripe, segment"),
        (("endpoints", "add", "--workspace", "x", "--source", "segment", "--signing-secret", "s"), "no workspace 'x'"),
        ((*STRIPE, "--signing-secret", "s", "--label", "default"), "the label 'default' already"),
        (("endpoints", "show", "99"), "there is no endpoint 99"),
        (("endpoints", "remove", "99"), "there is no endpoint 99"),
        (("endpoints", "rotate", "1"), "nothing to do"),
        (("endpoints", "rotate", "1", "--drop-old"), "exactly these signing secrets already"),
    ],
)
def test_what_does_not_fit_is_refused_with_a_sentence(
    cli: Cli, acme: str, arguments: tuple[str, ...], sentence: str
) -> None:
    result = cli(*arguments)
    assert result.status == 2
    assert sentence in result.err
    assert len(cli("endpoints", "list", "--json").ok.json["items"]) == 1


def test_rotation_overlaps_until_the_old_secret_is_dropped(cli: Cli, acme: str) -> None:
    before = cli("endpoints", "show", "1", "--json").ok.json
    both = cli("endpoints", "rotate", "1", "--signing-secret", "-", "--json", stdin="whsec_new\n").ok
    assert both.json["signing_secrets"] == 2
    assert "--drop-old" in both.err
    one = cli("endpoints", "rotate", "1", "--drop-old", "--json").ok.json
    assert (one["signing_secrets"], one["path"]) == (1, before["path"])


def test_a_removed_endpoint_is_gone_from_lists_and_its_label_free(cli: Cli, acme: str) -> None:
    removed = cli("endpoints", "remove", "1", "--json").ok.json
    assert removed["removed_at"] is not None
    assert removed["signing_secrets"] == 0
    assert cli("endpoints", "list", "--json").ok.json["items"] == []
    again = cli(*STRIPE[:-2], "--signing-secret", "whsec_2", "--json").ok.json
    assert again["stream"] == removed["stream"]


def test_the_help_lists_what_an_option_takes(cli: Cli) -> None:
    from connector.inbox.sources import SOURCES
    from connector.inbox.sources.source import BatchPolicy

    shown = "".join(cli("endpoints", "add", "--help").ok.out.split())
    for word in [*SOURCES, *BatchPolicy]:
        assert word in shown

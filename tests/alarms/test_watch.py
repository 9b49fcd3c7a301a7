"""What has drifted opens an alert, once, and what is over closes it."""

from __future__ import annotations

import dataclasses

import pytest

from connector.alarms.counts import HOUR_MS
from connector.alarms.rules import DAY_MS
from connector.catalogues import store as catalogues
from connector.catalogues.built import build
from connector.catalogues.mapping_set import MappingSet
from connector.database.tables import lanes, queue, sync_state
from connector.events import Priority
from connector.mapping.review import Checks
from connector.outbox import alerts
from connector.telemetry.facts import AlertClosed, AlertOpened
from connector.workspaces import endpoints, store
from connector.workspaces.modes import Mode
from tests.alarms.conftest import NOW, Watched

OWN = """
version: 1
source: stripe
contact: {email: data.object.email}
events:
  - {trigger: customer.created, name: became-customer}
  - {trigger: customer.deleted, name: left-us, enabled: false}
"""


async def test_an_alert_is_opened_once_and_closed_when_it_is_over(watched: Watched):
    await watched.count(watched.stripe, bad_signature=12)
    assert await watched.look() == [("signature_failures", "stripe default")]
    assert await watched.look() == [("signature_failures", "stripe default")]
    watched.now += 3 * HOUR_MS
    assert await watched.look() == []
    assert watched.told == [
        AlertOpened(
            watched.workspace_id,
            "signature_failures",
            "stripe default",
            "12 webhooks of the last two hours were refused for their signature, and 0 events were taken",
        ),
        AlertClosed(watched.workspace_id, "signature_failures", "stripe default"),
    ]
    await watched.count(watched.stripe, bad_signature=12)
    assert await watched.look() == [("signature_failures", "stripe default")]
    assert len(watched.told) == 3  # and it can open again


async def test_an_endpoint_that_falls_silent_is_seen_and_one_that_is_quieter_is_not(watched: Watched):
    for hours_ago in range(9, 14 * 24, 2):
        await watched.count(watched.stripe, hours_ago=hours_ago, stored=5)
    for hours_ago in range(9, 14 * 24, 8):
        await watched.count(watched.segment, hours_ago=hours_ago, stored=5)
    assert await watched.look() == [("no_traffic", "stripe default")]
    watched.now += 20 * DAY_MS  # its rhythm is forgotten, its silence is not over
    await watched.count(watched.segment, stored=1)
    await watched.look()
    assert await watched.look() == [("no_traffic", "stripe default")]
    await watched.count(watched.stripe, stored=1)
    assert await watched.look() == []


async def test_the_alerts_of_an_endpoint_that_is_removed_are_closed(watched: Watched):
    await watched.count(watched.stripe, bad_signature=12)
    assert await watched.look()
    await watched.database.transact(endpoints.remove, watched.stripe.id, now=NOW)
    await watched.directory.reload()
    assert await watched.look() == []


async def test_what_is_due_and_not_sent_is_seen_unless_nothing_is_to_be_sent(watched: Watched):
    def make(connection) -> None:
        row = dict.fromkeys(("number", "claims", "attempts", "stood_still", "lookups", "unknowns", "ladder"), 0)
        for priority in Priority:
            due = NOW - (20 if priority is Priority.LIVE else 600) * 60_000
            connection.execute(
                queue.insert().values(
                    **row,
                    workspace_id=watched.workspace_id,
                    delivery_id=bytes([priority.value]) * 16,
                    priority=priority.value,
                    due=due,
                    ambiguous=False,
                )
            )
        connection.execute(
            lanes.insert().values(workspace_id=watched.workspace_id, last_served_at=0, breaker_until=NOW + 1)
        )

    await watched.database.transact(make)
    assert await watched.look() == [("overdue", "")]
    assert watched.told[-1].detail == (
        "the oldest delivery that is due has waited for 20 minutes: "
        "Intercom did not answer usably, and is tried at intervals"
    )
    await watched.database.transact(store.set_mode, watched.workspace_id, Mode.PAUSED, now=NOW)
    await watched.directory.reload()
    assert await watched.look() == []


async def test_an_endpoint_that_is_not_reconciled_for_hours_is_seen(watched: Watched):
    def make(connection) -> None:
        here = {"workspace_id": watched.workspace_id, "endpoint_id": watched.stripe.id, "livemode": False}
        connection.execute(sync_state.insert().values(**here, reconciled_until=NOW - 4 * HOUR_MS))

    await watched.database.transact(make)
    assert await watched.look() == [("sync_behind", "stripe default")]


async def test_a_token_that_works_again_closes_its_alert(watched: Watched):
    await watched.database.transact(
        alerts.open_alert, watched.workspace_id, "needs_reauthorization", "", "Access Token Invalid", now=NOW
    )
    await watched.database.transact(store.set_mode, watched.workspace_id, Mode.NEEDS_REAUTHORIZATION, now=NOW)
    await watched.directory.reload()
    assert await watched.look() == [("needs_reauthorization", "")]
    await watched.database.transact(store.set_mode, watched.workspace_id, Mode.LIVE, now=NOW)
    await watched.directory.reload()
    assert await watched.look() == []
    assert watched.told == [AlertClosed(watched.workspace_id, "needs_reauthorization", "")]


async def test_an_own_entry_that_takes_nothing_for_a_week_is_seen_until_it_does(watched: Watched):
    own = MappingSet({"own.yaml": OWN})
    watched.built = build(own, Checks(10))
    assert watched.built.ok, watched.built.problems

    def deploy(connection) -> None:
        catalogues.keep(connection, watched.built, by="somebody", from_folder=False, now=NOW)
        catalogues.activate(connection, own.digest, by="somebody", how="deploy", now=NOW)

    await watched.database.transact(deploy)
    await watched.count(watched.stripe, stored=100)
    assert await watched.look() == []
    watched.now += 7 * DAY_MS
    await watched.count(watched.stripe, stored=100)
    assert await watched.look() == [("entry_never_matched", "stripe:became-customer")]
    from connector.alarms import counts

    await watched.database.transact(counts.add, {}, {"stripe:became-customer"}, hour=watched.now // HOUR_MS)
    assert await watched.look() == []


@pytest.mark.parametrize("kind", ["event_names_many", "sync_gap", "mappings_refused"])
async def test_alerts_that_others_open_are_left_alone(watched: Watched, kind: str):
    await watched.database.transact(alerts.open_alert, watched.workspace_id, kind, "x", "y", now=NOW)
    assert await watched.look() == [(kind, "x")]


async def test_a_turn_is_taken_by_one_process(watched: Watched):
    from connector.alarms.watch import Watch

    await watched.count(watched.stripe, bad_signature=12)
    first = Watch(watched.database, watched.directory, lambda: watched.built, watched.told.append, True, lambda: NOW)
    second = dataclasses.replace(first, tell=lambda fact: pytest.fail(f"told twice: {fact}"))
    await first.turn()
    await second.turn()
    assert len(watched.told) == 1

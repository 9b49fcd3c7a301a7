"""What facts count up to, hour by hour, on both databases."""

from __future__ import annotations

import pytest

from connector.alarms import counts
from connector.alarms.counts import HOUR_MS, Counts
from connector.alarms.rules import Look, Past, Window
from connector.database.engine import Database
from connector.telemetry.facts import AttemptMade, EventMapped, Reconciled, WebhookRefused, WebhookStored

NOW = 490_000 * HOUR_MS + 1
STORED = WebhookStored("stripe", 7, 3, 2, 900, 0.002)
FORGED = WebhookRefused("stripe", 401, "bad_signature", 7, 3)


def tried(number: int, outcome: str, step: str, workspace_id: int = 7) -> AttemptMade:
    return AttemptMade(workspace_id, "ab" * 16, "x", number, 404, outcome, step, None, 5, None, False, 0.1)


def mapped(*entries: str) -> EventMapped:
    return EventMapped(7, "evt_1", "stripe", "invoice.paid", "mapped", None, (), None, entries)


class Time:
    def __init__(self) -> None:
        self.now = NOW

    def __call__(self) -> int:
        return self.now


async def test_facts_of_several_beats_and_processes_add_up(database: Database):
    time = Time()
    here, there = Counts(database, now=time), Counts(database, now=time)
    for fact in (STORED, FORGED, tried(1, "contact_not_found", "park"), tried(2, "contact_not_found", "park")):
        here.note(fact)
        there.note(fact)
    await here.beat()
    await there.beat()
    here.note(tried(1, "delivered", "done"))
    here.note(tried(3, "refused", "dead"))
    here.note(Reconciled(7, 3, True, "done", 100, 12, 60.0))
    await here.beat()
    found = await database.read(counts.looks, 7, now=NOW)
    assert found[3].recent == found[3].day == Window(stored=4, bad_signature=2, listed=100, missed=12)
    assert found[0].day == Window(tried=3, not_found=2, dead=1)
    assert await database.read(counts.looks, 8, now=NOW) == {}


async def test_hours_fall_into_recent_day_and_past(database: Database):
    time = Time()
    here = Counts(database, now=time)
    for hours_ago in (0, 1, 2, 23, 24, 14 * 24 + 23, 14 * 24 + 24):
        time.now = NOW - hours_ago * HOUR_MS
        here.note(STORED)
        await here.beat()
    found = await database.read(counts.looks, 7, now=NOW)
    assert found[3] == Look(Window(stored=4), Window(stored=8), Past(Window(stored=4), 14.0), ())
    await database.transact(counts.prune, now=NOW + HOUR_MS)
    assert (await database.read(counts.looks, 7, now=NOW))[3].past.counts == Window(stored=4)
    await database.transact(counts.prune, now=NOW + 40 * 24 * HOUR_MS)
    assert await database.read(counts.looks, 7, now=NOW) == {}


async def test_the_hours_with_traffic_are_told_only_of_the_silent(database: Database):
    time = Time()
    here = Counts(database, now=time)
    for hours_ago in (30, 10, 5):
        time.now = NOW - hours_ago * HOUR_MS
        here.note(STORED)
        await here.beat()
    time.now = NOW
    here.note(FORGED)
    await here.beat()
    hour = NOW // HOUR_MS
    assert (await database.read(counts.looks, 7, now=NOW))[3].active == (hour - 30, hour - 10, hour - 5)


async def test_what_cannot_be_written_is_written_with_the_next_beat(
    database: Database, monkeypatch: pytest.MonkeyPatch
):
    here = Counts(database, now=lambda: NOW)
    here.note(STORED)
    here.note(mapped("mine"))

    async def away(*_: object, **__: object) -> None:
        here.note(STORED)  # the hot path goes on meanwhile
        raise OSError("away")

    with monkeypatch.context() as patched:
        patched.setattr(database, "transact", away)
        with pytest.raises(OSError, match="away"):
            await here.beat()
    await here.beat()
    assert (await database.read(counts.looks, 7, now=NOW))[3].day.stored == 4
    assert await database.read(counts.never_matched, ["mine", "other"], since=NOW - HOUR_MS) == ["other"]


async def test_an_entry_that_matches_is_written_down_once_an_hour(database: Database, monkeypatch: pytest.MonkeyPatch):
    time = Time()
    here = Counts(database, now=time)
    writes = []
    transact = database.transact

    async def counted(*given: object, **more: object) -> object:
        writes.append(given)
        return await transact(*given, **more)  # type: ignore[arg-type]

    monkeypatch.setattr(database, "transact", counted)
    for _ in range(3):
        here.note(mapped("mine"))
        await here.beat()
    assert len(writes) == 1
    time.now += HOUR_MS
    await here.beat()
    here.note(mapped("mine"))
    await here.beat()
    assert len(writes) == 2
    assert await database.read(counts.never_matched, ["mine"], since=NOW) == []


async def test_a_stranger_without_an_endpoint_counts_for_nobody(database: Database):
    here = Counts(database, now=lambda: NOW)
    here.note(WebhookRefused("stripe", 404, "unknown_token"))
    here.note(WebhookRefused("stripe", 503, "busy", 7, 3))
    await here.beat()
    assert await database.read(counts.looks, 7, now=NOW) == {}

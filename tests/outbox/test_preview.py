"""A changed catalogue over stored events: what is read, what is found, and how much of it at once."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

from connector.database.engine import Database
from connector.events import ReceivedState, SourceEvent
from connector.inbox.arrivals import Arrival, insert
from connector.mapping.catalog import Catalog
from connector.mapping.difference import Comparison, Effect
from connector.mapping_files import load
from connector.outbox import preview as previews
from connector.outbox.preview import Previewed, preview

HEAD = "version: 1\nsource: stripe\ncontact: {email: data.object.email}\nevents:\n"
PAID = "  - {trigger: invoice.paid, name: paid-invoice, metadata: {plan: data.object.plan}}\n"


def read(folder: Path, rules: str) -> Catalog:
    (folder / "a.yaml").write_text(HEAD + rules, encoding="utf-8")
    return load([folder]).catalog


def arrival(number: int, kind: str = "invoice.paid", body: bytes | None = None, workspace: int = 1) -> Arrival:
    payload = {"type": kind, "created": 1785369600, "data": {"object": {"plan": f"plan {number}"}}}
    event = SourceEvent("stripe", f"evt_{number}", kind, json.dumps(payload).encode() if body is None else body)
    return Arrival(workspace, 1, f"stripe:{workspace}", event, 1785369600_000 + number)


async def run(database: Database, comparison: Comparison, *, last: int, since: int | None = None) -> list[Previewed]:
    return [each async for each in preview(database, comparison, 1, last=last, since=since)]


def found(parts: Sequence[Previewed]) -> list[tuple[str, Effect]]:
    return [(event.external_key, each.effect) for part in parts for event, each in part.differences]


async def test_the_newest_events_are_compared_and_those_of_others_are_not(database: Database, tmp_path: Path):
    other = [arrival(9, workspace=2)]
    await database.transact(insert, [[arrival(n) for n in range(5)], other, [arrival(7, "charge.failed")]])
    comparison = Comparison(read(tmp_path, PAID), read(tmp_path, PAID.replace("plan:", "tariff:")))
    parts = await run(database, comparison, last=4)
    assert found(parts) == [(f"evt_{n}", Effect.CHANGED) for n in (4, 3, 2)]
    assert (sum(part.looked_at for part in parts), sum(part.translated for part in parts)) == (4, 3)


async def test_only_what_came_since_a_moment_is_compared(database: Database, tmp_path: Path):
    await database.transact(insert, [[arrival(n) for n in range(5)]])
    comparison = Comparison(read(tmp_path, PAID), Catalog())
    assert found(await run(database, comparison, last=100, since=1785369600_003)) == [
        ("evt_4", Effect.GONE),
        ("evt_3", Effect.GONE),
    ]


async def test_what_cannot_be_read_or_is_no_longer_kept_is_passed_over(database: Database, tmp_path: Path):
    broken = SourceEvent("stripe", "evt_1", "invoice.paid", b"{", state=ReceivedState.UNPARSEABLE, reason="cut")
    arrivals = [arrival(0), arrival(2, body=b"[1]"), Arrival(1, 1, "stripe:1", broken, 1785369600_001)]
    await database.transact(insert, [arrivals])
    comparison = Comparison(read(tmp_path, PAID), Catalog())
    assert found(await run(database, comparison, last=100)) == [("evt_0", Effect.GONE)]


async def test_history_is_read_in_pages_and_each_event_once(database: Database, tmp_path: Path, monkeypatch):
    monkeypatch.setattr(previews, "PAGE", 4)
    monkeypatch.setattr(previews, "BODIES", 3)
    await database.transact(insert, [[arrival(n) for n in range(11)]])
    parts = await run(database, Comparison(read(tmp_path, PAID), Catalog()), last=10)
    assert [event for event, _ in found(parts)] == [f"evt_{n}" for n in range(10, 0, -1)]
    assert max(len(part.differences) for part in parts) == 3


async def test_nothing_is_translated_where_nothing_changes(database: Database, tmp_path: Path):
    await database.transact(insert, [[arrival(n) for n in range(3)]])
    same = Comparison(read(tmp_path, PAID), read(tmp_path, PAID))
    parts = await run(database, same, last=10)
    assert (sum(part.looked_at for part in parts), sum(part.translated for part in parts), found(parts)) == (3, 0, [])

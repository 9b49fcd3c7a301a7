"""History comes in behind what is live, once, however often it is begun and killed."""

from __future__ import annotations

import asyncio
import gzip
import json
import os
import signal
import subprocess
import sys
from dataclasses import replace
from typing import Any

import pytest

from connector.database.clock import wall
from connector.events import Priority
from connector.inbox import store as inbox
from connector.mapping_files import load, shipped_folder
from connector.outbox import history as deliveries_of
from connector.sandbox import StripeKey
from connector.stripe_api.answers import Refused
from connector.stripe_api.client import StripeApi
from connector.sync import backfills
from connector.sync.backfill import FileHistory, Runner, Stopped, StripeHistory, safe_types
from connector.sync.backfills import Backfill, BackfillState, Request
from connector.sync.wanted_types import wanted_types
from connector.workspaces.endpoints import Endpoint
from tests.journeys.conftest import eventually
from tests.sync.conftest import DAY, ENCRYPTION_KEY, KEY, NOW, InStep, event, ids, in_step, invoice, paid


async def bring_in(running: InStep, *, since: int = NOW - 29 * DAY, **how: Any) -> Backfill | Stopped:
    """A backfill from Stripe, as the command does it."""
    endpoint, database, catalog = running.endpoint, running.service.database, running.service.mappings.catalog
    request = Request(endpoint.workspace_id, endpoint.id, "stripe", since, None)
    begun = await database.transact(backfills.begin, request, now=wall(), afresh=how.pop("afresh", False))
    async with StripeApi(base_url=running.sandbox.url).opened() as api:
        told = replace(request, until=begun.request.until)
        history = StripeHistory(api, KEY, told, wanted_types(catalog), safe_types(catalog, ()), patience_s=1.0)
        return await Runner(database, endpoint, replace(begun, request=request), **how).run(
            history.portions(begun.cursor)
        )


async def delivered(running: InStep, count: int) -> None:
    async def there() -> bool:
        await asyncio.sleep(0.05)
        return len(running.sandbox.events()) >= count

    await eventually(there, lambda: len(running.sandbox.events()), within_s=max(90.0, count / 20))


async def test_the_last_thirty_days_come_from_events_with_the_priority_of_history(database_url, sandbox):
    sandbox.load_stripe(paid(number, seconds_ago=20 * DAY - number) for number in range(150))
    async with in_step(database_url, sandbox, reconcile_seconds=0) as running:
        ended = await bring_in(running)
        assert (ended.state, ended.read, ended.new) == (BackfillState.DONE, 150, 150)
        assert {each.priority for each in await running.events()} == {Priority.HISTORY}
        await delivered(running, 150)
        again = await bring_in(running)
        assert (again.read, again.new) == (150, 0)
        assert len(sandbox.events()) == 150


async def test_further_back_objects_become_the_events_that_told_of_them(database_url, sandbox):
    long_ago = NOW - 200 * DAY
    things = [
        {"id": "cus_1", "object": "customer", "email": "ada@example.com", "created": long_ago, "livemode": False},
        invoice(1, customer="cus_1", created=long_ago, status_transitions={"paid_at": long_ago + DAY}),
        invoice(2, customer="cus_1", created=long_ago, status="open", status_transitions={"paid_at": None}),
        {
            "id": "sub_1",
            "object": "subscription",
            "customer": "cus_1",
            "status": "canceled",
            "created": long_ago,
            "ended_at": long_ago + 90 * DAY,
            "currency": "usd",
            "livemode": False,
            "items": {"data": []},
        },
    ]
    sandbox.load_stripe(things)
    async with in_step(database_url, sandbox, reconcile_seconds=0) as running:
        ended = await bring_in(running, since=NOW - 365 * DAY)
        assert ended.state is BackfillState.DONE
        assert ids(await running.events()) == [
            "history_customer.created_cus_1",
            "history_customer.subscription.created_sub_1",
            "history_customer.subscription.deleted_sub_1",
            "history_invoice.paid_in_1",
        ]
        await delivered(running, 3)
        names = {each.name: each.created_at for each in sandbox.events()}
        assert names["paid-invoice"] == long_ago + DAY
        assert names["canceled-subscription"] == long_ago + 90 * DAY


async def test_an_object_and_the_event_that_told_of_it_are_one_fact(database_url, sandbox):
    then = NOW - 100 * DAY
    thing = invoice(1, created=then, status_transitions={"paid_at": then})
    sandbox.load_stripe([thing])
    async with in_step(database_url, sandbox, reconcile_seconds=0) as running:
        await running.register()
        sandbox.load_stripe([event(1, "invoice.paid", thing, seconds_ago=100)])
        await sandbox.send_stripe()
        await delivered(running, 1)
        await bring_in(running, since=NOW - 365 * DAY)

        async def told_already() -> bool:
            return [each.reason for each in await running.events() if each.external_key.startswith("history")] == [
                "told_already"
            ]

        await eventually(told_already)
        assert len(sandbox.events()) == 1


async def test_a_backfill_that_stripe_breaks_off_goes_on_from_there(database_url, sandbox, monkeypatch):
    monkeypatch.setattr("connector.sync.walk.MOST_PAGES", 1)
    sandbox.load_stripe(paid(number, seconds_ago=20 * DAY - number * 3600) for number in range(300))
    sandbox.fail(status=503, path="/v1/events", skip=12, times=None)
    async with in_step(database_url, sandbox, reconcile_seconds=0) as running:
        assert isinstance(await bring_in(running), Stopped)
        (left,) = await running.service.database.read(backfills.page)
        assert left.state is BackfillState.RUNNING
        assert left.cursor is not None
        sandbox.clear_faults()
        ended = await bring_in(running)
        assert (ended.state, ended.new) == (BackfillState.DONE, 300)
        assert ended.request.until == left.request.until  # what it was asked for does not move on


async def test_a_key_that_may_not_stops_it_with_the_permission_s_name(database_url, sandbox):
    sandbox.add_stripe_key(StripeKey(key=KEY, reads=frozenset({"customers", "charges"})))
    async with in_step(database_url, sandbox, reconcile_seconds=0) as running:
        stopped = await bring_in(running)
        assert isinstance(stopped, Stopped)
        assert isinstance(stopped.why, Refused)
        assert stopped.why.permission == "rak_event_read"


async def test_it_waits_for_delivery_where_it_is_too_far_ahead(database_url, sandbox):
    sandbox.load_stripe(paid(number, seconds_ago=20 * DAY - number) for number in range(600))
    sandbox.fail(status=503, times=None)  # Intercom takes nothing
    async with in_step(database_url, sandbox, reconcile_seconds=0) as running:
        seen = []
        task = asyncio.create_task(bring_in(running, most_ahead=300, show=seen.append))

        async def waiting() -> bool:
            return any(each.ahead for each in seen)

        await eventually(waiting, within_s=60.0)
        await asyncio.sleep(1.0)
        assert len(await running.events()) <= 300
        assert not task.done()
        sandbox.clear_faults()
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def test_history_is_delivered_behind_what_is_live(database_url, sandbox):
    sandbox.load_stripe(paid(number, seconds_ago=20 * DAY - number) for number in range(300))
    async with in_step(database_url, sandbox, reconcile_seconds=0) as running:
        sandbox.configure(rate_limit=60)
        await running.register()
        await bring_in(running)
        sandbox.load_stripe([paid(1000, seconds_ago=1)])
        await sandbox.send_stripe(only=["evt_1000"])

        async def live_one() -> bool:
            return "customer1000@example.com" in [each.email for each in sandbox.events()]

        await eventually(live_one, within_s=60.0)
        assert len(sandbox.events()) < 301


def test_only_what_has_once_is_made_of_objects():
    shipped = load([shipped_folder()]).catalog
    assert "invoice.paid" in safe_types(shipped, ())
    assert "charge.refunded" in safe_types(shipped, ())
    assert safe_types(shipped, ("invoice.paid",)) == ("invoice.paid",)


# ── files of Segment's ──────────────────────────────────────────────────────────────────────────────────────────────


def message(number: int, **more: Any) -> dict[str, Any]:
    return {
        "type": "track",
        "event": "Order Completed",
        "messageId": f"message-{number}",
        "userId": f"user-{number}",
        "timestamp": "2026-06-01T12:00:00.000Z",
        "properties": {"order_id": f"order-{number}", "revenue": 19.99, "currency": "USD"},
        **more,
    }


async def segment_endpoint(running: InStep) -> Endpoint:
    from connector.workspaces import endpoints
    from connector.workspaces.endpoints import NewEndpoint
    from connector.workspaces.keys import load_vault

    new = NewEndpoint(running.endpoint.workspace_id, "segment", signing_secret="shared")
    return await running.service.database.transact(endpoints.add, load_vault(running.service.settings), new, now=1)


@pytest.mark.parametrize("packed", [False, True])
async def test_a_file_of_segment_s_comes_in_line_by_line(sqlite_url, sandbox, tmp_path, packed):
    lines = [json.dumps(message(number)).encode() for number in range(2_500)]
    lines[7:7] = [b"", b"not json", b'{"no": "type"}', b"[1]", b'"' + b"x" * 1_500_000 + b'"']
    path = tmp_path / "history"
    path.write_bytes(gzip.compress(b"\n".join(lines)) if packed else b"\n".join(lines))
    async with in_step(sqlite_url, sandbox, reconcile_seconds=0) as running:
        endpoint = await segment_endpoint(running)
        request = Request(endpoint.workspace_id, endpoint.id, "file", 0, None, path=str(path))
        database = running.service.database
        begun = await database.transact(backfills.begin, request, now=wall())
        ended = await Runner(database, endpoint, replace(begun, request=request)).run(
            FileHistory(request).portions(None)
        )
        assert (ended.read, ended.new, ended.skipped) == (2_500, 2_500, 4)
        again = await database.transact(backfills.begin, request, now=wall())
        ended = await Runner(database, endpoint, replace(again, request=request)).run(
            FileHistory(request).portions(None)
        )
        assert (ended.read, ended.new) == (2_500, 0)
        await delivered(running, 2_500)
        page = await database.read(deliveries_of.page, deliveries_of.Filter(), limit=1)
        assert page[0].name == "completed-order"


async def test_a_file_goes_on_behind_the_line_where_it_was_left(tmp_path):
    path = tmp_path / "history"
    path.write_bytes(b"\n".join(json.dumps(message(number)).encode() for number in range(2_500)))
    history = FileHistory(Request(1, 1, "file", 0, None, path=str(path)))
    portions = [each async for each in history.portions(None)]
    rest = [each async for each in history.portions(portions[0].cursor)]
    assert [each.key for portion in rest for each in portion.events] == [f"message-{n}" for n in range(1000, 2500)]
    assert portions[-1].position == pytest.approx(1.0)
    assert [each async for each in history.portions(portions[-1].cursor)] == []


async def test_only_the_wanted_time_and_types_of_a_file_come_in(tmp_path):
    path = tmp_path / "history.jsonl"
    kinds = [message(1), message(2, event="Product Viewed"), message(3, timestamp="2020-01-01T00:00:00Z")]
    path.write_text("\n".join(map(json.dumps, kinds)))
    request = Request(1, 1, "file", 1_700_000_000, NOW, ("track order_completed",), str(path))
    portions = [each async for each in FileHistory(request).portions(None)]
    assert [each.key for portion in portions for each in portion.events] == ["message-1"]


async def received(running: InStep) -> int:
    return sum((await running.service.database.read(inbox.count_by_state)).values())


# ── killed ──────────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.crash
async def test_a_killed_backfill_goes_on_without_a_double(sqlite_url, sandbox, tmp_path):
    """The command in a process of its own, beside the service; killed three times."""
    count = int(os.environ.get("CONNECTOR_TEST_BACKFILL_EVENTS", "2000"))
    path = tmp_path / "history.jsonl"
    path.write_text("\n".join(json.dumps(message(number)) for number in range(count)))
    async with in_step(sqlite_url, sandbox, reconcile_seconds=0) as running:
        await segment_endpoint(running)
        environment = os.environ | {
            "CONNECTOR_DATABASE_URL": sqlite_url,
            "CONNECTOR_ENCRYPTION_KEYS": ENCRYPTION_KEY,
        }
        options = ["--workspace", "sandbox", "--may-trigger-messages", "--json"]
        command = [sys.executable, "-m", "connector", "backfill", "file", str(path), *options]
        for _ in range(3):
            before = await received(running)
            process = await asyncio.to_thread(
                lambda: subprocess.Popen(
                    [*command, "--rate", str(count / 4)], env=environment, stdout=subprocess.DEVNULL
                )
            )

            async def some_are_in(before: int = before) -> bool:
                await asyncio.sleep(0.05)
                (begun,) = await running.service.database.read(backfills.page) or (None,)
                return begun is not None and begun.cursor is not None and await received(running) > before

            await eventually(some_are_in, within_s=60.0)
            process.send_signal(signal.SIGKILL)
            await asyncio.to_thread(process.wait)
            if await received(running) >= count:
                break
        done = await asyncio.to_thread(
            lambda: subprocess.run(
                command, env=environment, capture_output=True, text=True, timeout=max(300, count / 20)
            )
        )
        assert done.returncode == 0, done.stderr
        assert "going on from where it was left" in done.stderr
        assert json.loads(done.stdout)["state"] == "done"
        await delivered(running, count)
        assert sorted(each.external_id for each in sandbox.events()) == sorted(f"user-{n}" for n in range(count))

"""A backfill belongs to one command at a time, and to nobody who was killed."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
from dataclasses import replace

import pytest

from connector.database.engine import Database
from connector.events import Key
from connector.sync import backfills, hold
from connector.sync.backfills import LEASE_MS, Backfill, Request, Taken
from connector.sync.hold import Hold, Lost
from tests.sync.conftest import ENCRYPTION_KEY, InStep, in_step
from tests.sync.test_backfill import message, received, segment_endpoint

ELSEWHERE = b"\0" * 16
"""A process on some other machine."""


async def take(
    database: Database, request: Request, holder: Key, *, now: int = 1_000, gone: bool = False
) -> Backfill | Taken:
    return await database.transact(
        backfills.take, request, holder, "somebody, process 7 on a machine", now=now, is_gone=lambda _: gone
    )


async def a_request(running: InStep) -> Request:
    endpoint = await segment_endpoint(running)
    return Request(endpoint.workspace_id, endpoint.id, "file", 0, None, path="archive")


async def test_a_second_command_is_told_who_has_it_until_that_one_ends(database_url, sandbox):
    async with in_step(database_url, sandbox, reconcile_seconds=0) as running:
        database, request = running.service.database, await a_request(running)
        first, second = hold.new_holder(), hold.new_holder()
        assert isinstance(await take(database, request, first), Backfill)
        refused = await take(database, request, second)
        assert isinstance(refused, Taken)
        assert (refused.by, refused.until) == ("somebody, process 7 on a machine", 1_000 + LEASE_MS)
        assert not await database.transact(backfills.renew, request, second, now=2_000)
        await database.transact(backfills.let_go, request, second)
        assert isinstance(await take(database, request, second), Taken)
        await database.transact(backfills.let_go, request, first)
        assert isinstance(await take(database, request, second), Backfill)


async def test_of_two_who_begin_at_once_one_has_it(database_url, sandbox):
    async with in_step(database_url, sandbox, reconcile_seconds=0) as running:
        database, request = running.service.database, await a_request(running)
        both = await asyncio.gather(*(take(database, request, hold.new_holder()) for _ in range(6)))
        assert sum(isinstance(each, Backfill) for each in both) == 1


async def test_what_nobody_was_heard_of_for_a_minute_is_free(database_url, sandbox):
    async with in_step(database_url, sandbox, reconcile_seconds=0) as running:
        database, request = running.service.database, await a_request(running)
        await take(database, request, ELSEWHERE)
        await database.transact(backfills.renew, request, ELSEWHERE, now=20_000)
        assert isinstance(await take(database, request, hold.new_holder(), now=1_000 + LEASE_MS + 1), Taken)
        mine = hold.new_holder()
        assert isinstance(await take(database, request, mine, now=20_000 + LEASE_MS), Backfill)
        assert not await database.transact(backfills.renew, request, ELSEWHERE, now=20_001 + LEASE_MS)


async def test_what_a_process_of_this_machine_had_is_free_once_it_is_gone(sqlite_url, sandbox):
    async with in_step(sqlite_url, sandbox, reconcile_seconds=0) as running:
        database, request = running.service.database, await a_request(running)
        await take(database, request, ELSEWHERE)
        assert isinstance(await take(database, request, hold.new_holder(), gone=True), Backfill)


def test_only_of_this_machine_s_processes_it_is_known_whether_they_live():
    ended = subprocess.Popen([sys.executable, "-c", ""])
    ended.wait()
    assert hold.is_gone(hold.machine() + ended.pid.to_bytes(4) + b"\0" * 4)
    assert not hold.is_gone(hold.machine() + os.getppid().to_bytes(4) + b"\0" * 4)
    assert not hold.is_gone(b"\0" * 8 + ended.pid.to_bytes(4) + b"\0" * 4)


async def test_two_wishes_go_side_by_side_but_for_those_with_counts(database_url, sandbox):
    async with in_step(database_url, sandbox, reconcile_seconds=0) as running:
        database, request = running.service.database, await a_request(running)
        counts, others = replace(request, summaries=True), replace(request, summaries=True, path="others")
        assert isinstance(await take(database, request, hold.new_holder()), Backfill)
        assert isinstance(await take(database, counts, hold.new_holder()), Backfill)
        refused = await take(database, others, hold.new_holder())
        assert isinstance(refused, Taken)
        assert (refused.backfill.request.path, refused.same) == ("archive", False)


async def test_one_that_was_taken_over_ends_before_its_next_step(sqlite_url, sandbox, monkeypatch):
    monkeypatch.setattr(hold, "RENEWED_S", 0.01)
    async with in_step(sqlite_url, sandbox, reconcile_seconds=0) as running:
        database, request = running.service.database, await a_request(running)
        mine = hold.new_holder()
        await take(database, request, mine)
        async with Hold(database, request, mine) as held:
            await asyncio.sleep(0.1)
            held.check()
            await take(database, request, ELSEWHERE, gone=True)
            await asyncio.sleep(0.5)
            with pytest.raises(Lost, match="taken this backfill over"):
                held.check()
        assert isinstance(await take(database, request, hold.new_holder()), Taken)  # it is the other's still


def test_a_wish_without_counts_has_the_key_that_it_always_had():
    before = (
        '{"endpoint_id": 2, "path": null, "since": 3, "source": "file", "types": [], "until": null, "workspace_id": 1}'
    )
    from connector.events import digest

    assert Request(1, 2, "file", 3, None).key == digest(before)


@pytest.mark.crash
async def test_the_second_of_two_commands_says_who_is_at_it_and_goes_on_once_that_is_killed(
    sqlite_url, sandbox, tmp_path
):
    path = tmp_path / "history.jsonl"
    path.write_text("\n".join(json.dumps(message(number)) for number in range(1_500)))
    async with in_step(sqlite_url, sandbox, reconcile_seconds=0) as running:
        await segment_endpoint(running)
        environment = os.environ | {"CONNECTOR_DATABASE_URL": sqlite_url, "CONNECTOR_ENCRYPTION_KEYS": ENCRYPTION_KEY}
        options = ["--workspace", "sandbox", "--may-trigger-messages", "--json"]
        command = [sys.executable, "-m", "connector", "backfill", "file", str(path), *options]

        def again() -> subprocess.CompletedProcess[str]:
            return subprocess.run(command, env=environment, capture_output=True, text=True, timeout=300)

        slow = subprocess.Popen([*command, "--rate", "1"], env=environment, stdout=subprocess.DEVNULL)
        async with asyncio.timeout(60):
            while not await received(running):
                await asyncio.sleep(0.05)
        refused = await asyncio.to_thread(again)
        assert refused.returncode == 1
        assert f"process {slow.pid} on" in refused.stderr
        assert "error: this backfill is being taken in by" in refused.stderr
        assert "say this again" in refused.stderr
        slow.send_signal(signal.SIGKILL)
        await asyncio.to_thread(slow.wait)
        done = await asyncio.to_thread(again)
        assert done.returncode == 0, done.stderr
        assert "going on from where it was left" in done.stderr
        assert json.loads(done.stdout)["taken_in_by"] is None

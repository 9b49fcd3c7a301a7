"""Several equal processes on one PostgreSQL: `serve --processes`, a killed one's work, and an orderly end."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
from pathlib import Path

import pytest

from tests.crash.deployment import SOONER_THAN_A_LEASE_S, Deployment
from tests.crash.oracle import mistakes
from tests.crash.processes import run
from tests.crash.sender import webhooks

pytestmark = pytest.mark.crash

LOAD = 120
FREE_WITHIN_S = 10.0
"""What a process without a sign of life held is another's by then."""


def children(pid: int) -> list[int]:
    """The processes that a process has started."""
    found = Path(f"/proc/{pid}/task/{pid}/children").read_text()
    return [int(each) for each in found.split()]


def alive(pid: int) -> bool:
    with contextlib.suppress(FileNotFoundError):
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    return False


async def gone(pids: list[int], *, within_s: float) -> None:
    async with asyncio.timeout(within_s):
        while any(map(alive, pids)):
            await asyncio.sleep(0.05)


async def test_two_processes_share_a_port_and_one_that_dies_is_started_again(postgres_deployment: Deployment):
    deployment = postgres_deployment
    service = await deployment.start("--processes", "2")
    parent = service.process.handle.pid
    sender = deployment.sender()
    async with sender.sending(webhooks(LOAD)):
        await sender.has(LOAD // 4)
        first = children(parent)
        assert len(first) == 2
        os.kill(first[0], signal.SIGKILL)
        await sender.has(LOAD // 2)
    async with asyncio.timeout(20):
        while len(set(children(parent))) < 2:
            await asyncio.sleep(0.1)
    assert first[0] not in children(parent)
    books = await deployment.settled()
    assert mistakes(sender, books) == []
    last = children(parent)
    assert await deployment.stop(within_s=40) == 0
    assert not any(map(alive, last))


async def test_children_do_not_outlive_a_killed_parent(postgres_deployment: Deployment):
    service = await postgres_deployment.start("--processes", "2")
    orphans = children(service.process.handle.pid)
    await postgres_deployment.kill()
    await gone(orphans, within_s=40)


async def test_what_a_killed_process_was_trying_is_anothers_long_before_its_leases_end(postgres_deployment: Deployment):
    """They last for a minute, for which `settled` does not wait; with no sign of life they are void in ten seconds."""
    deployment = postgres_deployment
    await deployment.sandbox("POST", "faults", kind="slow", delay=30.0, times=20)
    await deployment.start()
    sender = deployment.sender()
    await sender.send(*webhooks(20))
    await asyncio.sleep(2.0)  # all are claimed, and hang
    await deployment.kill()
    await deployment.sandbox("DELETE", "faults")
    await deployment.start()
    assert mistakes(sender, await deployment.settled(within_s=SOONER_THAN_A_LEASE_S)) == []


async def test_one_that_was_stopped_and_goes_on_sends_nothing_twice(postgres_deployment: Deployment):
    deployment = postgres_deployment
    await deployment.sandbox("POST", "faults", kind="slow", delay=0.2, times=None)
    sleeper = await deployment.start()
    await deployment.start()
    sender = deployment.sender()
    await sender.send(*webhooks(60))
    os.kill(sleeper.process.handle.pid, signal.SIGSTOP)
    try:
        await asyncio.sleep(FREE_WITHIN_S + 1)
    finally:
        os.kill(sleeper.process.handle.pid, signal.SIGCONT)
    assert mistakes(sender, await deployment.settled()) == []


async def test_a_first_process_that_cannot_start_ends_them_all(postgres_deployment: Deployment):
    env = {**postgres_deployment.env, "CONNECTOR_MAPPINGS_DIR": "/no"}
    result = await run("serve", "--port", "0", "--processes", "2", env=env)
    assert result.status == 1  # the children's own
    assert "there is no folder /no" in result.err

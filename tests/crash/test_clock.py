"""Clocks that jump, and processes whose clocks differ: schedules go on, and nothing is sent early, twice or never."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Callable

import pytest
from sqlalchemy import Connection, func, select

from connector.database.tables import lanes
from tests.crash.deployment import Deployment
from tests.crash.oracle import mistakes
from tests.crash.processes import PATIENCE_S, PROGRAM
from tests.crash.sender import REFUSED, webhook, webhooks

pytestmark = pytest.mark.crash

LOAD = 40
HOUR = 3600
SET_BY_SIGNAL = f"""
import datetime, signal, time
ahead, wall, wall_ns, Real = [0], time.time, time.time_ns, datetime.datetime
time.time = lambda: wall() + ahead[0]
time.time_ns = lambda: wall_ns() + ahead[0] * 1_000_000_000
class Set(Real):
    @classmethod
    def now(cls, tz=None):
        return Real.now(tz) + datetime.timedelta(seconds=ahead[0])
import apscheduler.schedulers.base, connector.schedule
apscheduler.schedulers.base.datetime = connector.schedule.datetime = Set
signal.signal(signal.SIGUSR1, lambda *_: ahead.__setitem__(0, {HOUR}))
signal.signal(signal.SIGUSR2, lambda *_: ahead.__setitem__(0, -{HOUR}))
{PROGRAM}
"""
"""The service with a wall clock of its own. (libfaketime does the same, where there is one.)"""


async def test_a_wall_clock_that_jumps_forth_and_back_stops_nothing(deployment: Deployment) -> None:
    service = await deployment.start(program=SET_BY_SIGNAL)
    sender = deployment.sender()
    await deployment.sandbox("POST", "faults", kind="status", status=503, every=3, times=6)
    for number, (jump, ahead_s) in enumerate(((signal.SIGUSR1, HOUR), (signal.SIGUSR2, -HOUR))):
        await sender.send(*webhooks(LOAD // 2, first=number * LOAD))
        os.kill(service.process.handle.pid, jump)
        sender.ahead_s = ahead_s
        await sender.send(*webhooks(LOAD // 2, first=number * LOAD + LOAD // 2))
    added = await deployment.json(
        *("endpoints", "add", "--workspace", "acme", "--source", "stripe"),
        *("--label", "after the jump", "--signing-secret", sender.secret),
    )
    further = deployment.sender(added["path"], ahead_s=-HOUR)
    await further.send(webhook(1000))  # 404 for as long as the service has not seen it
    sender.sent |= further.sent
    sender.answered |= further.answered
    assert mistakes(sender, await deployment.settled()) == []


AHEAD = "import time; wall_ns = time.time_ns; time.time_ns = lambda: wall_ns() + {} * 1_000_000_000; " + PROGRAM


async def test_processes_whose_clocks_differ_by_twenty_minutes_agree_by_the_databases(
    postgres_deployment: Deployment,
) -> None:
    deployment = postgres_deployment
    await deployment.start("--no-worker")
    sender = deployment.sender()
    await sender.send(*webhooks(LOAD))
    await deployment.sandbox("POST", "faults", kind="status", status=503, every=4, times=5)
    for seconds in (-600, 600):
        await deployment.start(program=AHEAD.format(seconds))
    assert mistakes(sender, await deployment.settled()) == []


async def test_a_clock_that_was_set_back_between_two_lives_holds_nothing_up(deployment: Deployment) -> None:
    """The first life is an hour ahead, and ends with breakers open, leases and retries of that time."""
    await deployment.sandbox("POST", "faults", kind="status", status=503, times=None)
    await deployment.start("--no-worker")
    sender = deployment.sender()
    await sender.send(*webhooks(LOAD))
    await deployment.kill()
    await deployment.start(program=AHEAD.format(HOUR))
    await until_asked(deployment, _breakers_open)
    await deployment.kill()
    await deployment.sandbox("DELETE", "faults")
    await deployment.sandbox("POST", "faults", status=400, containing=REFUSED, times=None)
    await deployment.start()
    assert mistakes(sender, await deployment.settled(), deaths=2) == []


async def until_asked(deployment: Deployment, query: Callable[[Connection], int]) -> None:
    async with asyncio.timeout(PATIENCE_S):
        while not await deployment.asks(query):
            await asyncio.sleep(0.1)


def _breakers_open(connection: Connection) -> int:
    return connection.scalar(select(func.count()).where(lanes.c.breaker_opened > 0)) or 0

"""Jobs run on their interval in the event loop, one at a time; a failing one is told and goes on."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from datetime import datetime, timedelta, tzinfo

import pytest

from connector.database.clock import wall
from connector.schedule import Job, Overrun, Schedule
from connector.telemetry.facts import Fact, StageFailed
from tests.conftest import until

SOON = 0.01


@asynccontextmanager
async def running(jobs: Mapping[str, Job], tell: Callable[[Fact], None] | None = None) -> AsyncIterator[None]:
    """A schedule of `jobs`; without a `tell` nothing may be told."""
    told: list[Fact] = []
    schedule = Schedule(jobs, tell=tell or told.append)
    schedule.start()
    try:
        async with asyncio.timeout(10):
            yield
    finally:
        await schedule.stop()
    assert told == []


class Bell:
    """Resolves at the `times`-th ring."""

    def __init__(self, times: int) -> None:
        self._left = times
        self.rung = asyncio.Event()
        self.threads: set[int] = set()

    def ring(self) -> None:
        self.threads.add(threading.get_ident())
        self._left -= 1
        if self._left == 0:
            self.rung.set()


async def test_a_plain_function_is_called_again_and_again_in_the_event_loops_own_thread() -> None:
    bell = Bell(3)
    async with running({"bell": Job(SOON, bell.ring)}):
        await bell.rung.wait()
    assert bell.threads == {threading.get_ident()}


async def test_a_coroutine_is_awaited() -> None:
    done = asyncio.Event()

    async def refresh() -> bool:
        await asyncio.sleep(0)
        done.set()
        return True

    async with running({"refresh": Job(SOON, refresh, jitter=SOON)}):
        await done.wait()


async def test_a_failing_job_is_told_and_runs_again() -> None:
    told: list[Fact] = []
    bell = Bell(3)

    def fail() -> None:
        bell.ring()
        raise ConnectionError("the database is away")

    async with running({"refresh": Job(SOON, fail)}, told.append):
        await bell.rung.wait()
    assert isinstance(told[0], StageFailed)
    assert (told[0].stage, str(told[0].error)) == ("schedule.refresh", "the database is away")


async def test_a_job_that_takes_too_long_is_left_out_and_told_but_never_runs_twice_at_once() -> None:
    started, told_of, release = 0, asyncio.Event(), asyncio.Event()
    told: list[Fact] = []

    async def slow() -> None:
        nonlocal started
        started += 1
        await release.wait()

    def tell(fact: Fact) -> None:
        told.append(fact)
        told_of.set()

    async with running({"slow": Job(SOON, slow)}, tell):
        await told_of.wait()
        assert started == 1
        release.set()
    assert isinstance(told[0], StageFailed)
    assert isinstance(told[0].error, Overrun)


async def test_a_job_that_may_take_long_is_left_out_without_a_word() -> None:
    go_on, begun = asyncio.Event(), asyncio.Event()

    async def slow() -> None:
        begun.set()
        await go_on.wait()

    other = Bell(20)
    async with running({"slow": Job(SOON, slow, may_take_long=True), "other": Job(SOON, other.ring)}):
        await begun.wait()
        await other.rung.wait()
        go_on.set()


async def test_a_busy_loop_delays_a_job_and_never_drops_it() -> None:
    bell = Bell(1)
    async with running({"bell": Job(1.2, bell.ring)}):
        threading.Event().wait(2.3)  # due at 1.2 s, later than APScheduler's own grace of 1 s allows
        await bell.rung.wait()


async def test_what_runs_when_the_clock_is_stopped_may_end() -> None:
    begun, ended = asyncio.Event(), asyncio.Event()

    async def slow() -> None:
        begun.set()
        await asyncio.sleep(10 * SOON)
        ended.set()

    async with running({"slow": Job(SOON, slow, may_take_long=True)}):
        await begun.wait()
    assert ended.is_set()


async def test_what_does_not_end_is_cancelled_without_a_word(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr("connector.schedule.PATIENCE_S", SOON)
    begun = asyncio.Event()

    async def endless() -> None:
        begun.set()
        await asyncio.Event().wait()

    async with running({"endless": Job(SOON, endless, may_take_long=True)}):
        await begun.wait()
    await asyncio.sleep(SOON)
    assert caplog.records == []


@pytest.mark.parametrize("hours", [-1, 1])
async def test_a_wall_clock_that_is_set_neither_freezes_a_job_nor_makes_up_for_the_hour(
    hours: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    ahead = timedelta()

    class Set(datetime):
        @classmethod
        def now(cls, tz: tzinfo | None = None) -> datetime:
            return datetime.now(tz) + ahead

    for module in ("apscheduler.schedulers.base.datetime", "connector.schedule.datetime"):
        monkeypatch.setattr(module, Set)
    for name in ("connector.schedule.wall", "connector.database.clock.wall"):
        monkeypatch.setattr(name, lambda: wall() + int(ahead.total_seconds() * 1000))
    rung: list[float] = []
    async with running({"bell": Job(0.2, lambda: rung.append(time.monotonic()))}):
        await until(lambda: len(rung) >= 2)
        ahead = timedelta(hours=hours)
        await until(lambda: len(rung) >= 8)
    assert rung[-1] - rung[0] > 0.2, "it ran again for each time that the hour had left out"


async def test_after_stop_nothing_runs() -> None:
    bell = Bell(1)
    async with running({"bell": Job(SOON, bell.ring)}):
        await bell.rung.wait()
    before = bell._left
    for _ in range(5):
        await asyncio.sleep(SOON)
    assert bell._left == before

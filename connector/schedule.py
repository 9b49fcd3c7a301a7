"""Named jobs on a clock: they ring bells and look for changes; the work itself is done by those who are woken.

The only home of APScheduler. Its memory store is enough: what is due is in the database, and a job store shared by
two processes fires twice. Its shutdown cancels running jobs, so that nothing here may be in the middle of a delivery.
"""

from __future__ import annotations

import asyncio
import inspect
import logging
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

from apscheduler.events import EVENT_JOB_MAX_INSTANCES, EVENT_JOB_MISSED, JobEvent
from apscheduler.executors.asyncio import AsyncIOExecutor
from apscheduler.jobstores.memory import MemoryJobStore
from apscheduler.schedulers.asyncio import AsyncIOScheduler
from apscheduler.triggers.interval import IntervalTrigger

from connector.database.clock import Clock, wall
from connector.telemetry.facts import StageFailed, Tell

PATIENCE_S = 5.0
"""What a running job gets to end when the clock is stopped."""
WATCH_S = 1.0
JUMP_MS = 500
"""By how much the wall clock may differ from real time that passed before somebody must have set it."""


@dataclass(frozen=True, slots=True)
class Job:
    """Call `run` every `seconds`, up to `jitter` seconds late so that equal processes do not act as one."""

    seconds: float
    run: Callable[[], Awaitable[object] | object]
    jitter: float = 0.0
    may_take_long: bool = False
    """Whether being due again before it has ended is nothing to tell of."""


class Overrun(Exception):
    """A job was due again before it had ended, and was left out."""


class Schedule:
    """The jobs of one process; each runs once at a time, in the event loop."""

    def __init__(self, jobs: Mapping[str, Job], *, tell: Tell) -> None:
        self._tell = tell
        self._running: set[asyncio.Task[object]] = set()
        self._stopping = False
        self._clock = Clock()
        self._watching: asyncio.TimerHandle | None = None
        self._slow = {name for name, job in jobs.items() if job.may_take_long}
        self._scheduler = AsyncIOScheduler(
            jobstores={"default": MemoryJobStore()},
            executors={"default": AsyncIOExecutor()},
            # the default grace of one second leaves a job out, without a word, when the loop was busy for longer
            job_defaults={"misfire_grace_time": None, "coalesce": True, "max_instances": 1},
            timezone="UTC",
        )
        self._scheduler.add_listener(self._left_out, EVENT_JOB_MISSED | EVENT_JOB_MAX_INSTANCES)
        for name, job in jobs.items():
            trigger = IntervalTrigger(seconds=job.seconds, jitter=job.jitter or None, timezone="UTC")
            self._scheduler.add_job(self._run, trigger, args=(name, job), id=name, name=name)

    def start(self) -> None:
        """Start the clock; to be called inside the event loop."""
        logging.getLogger("apscheduler").setLevel(logging.ERROR)  # what it warns of is told as a fact
        self._scheduler.start()
        self._watch()

    async def stop(self) -> None:
        """Stop the clock. What is running gets a moment to end, then it is cancelled."""
        if self._watching:
            self._watching.cancel()
        self._scheduler.pause()
        if self._running:
            await asyncio.wait(self._running, timeout=PATIENCE_S)
        self._stopping = True
        self._scheduler.shutdown(wait=False)

    def _watch(self) -> None:
        """APScheduler reckons by the wall clock: set back an hour, it would sleep for one. All jobs are due then."""
        if abs(wall() - self._clock.now()) > JUMP_MS:
            self._clock = Clock()
            for job in self._scheduler.get_jobs():
                job.modify(next_run_time=datetime.now(UTC))
        self._watching = asyncio.get_running_loop().call_later(WATCH_S, self._watch)

    async def _run(self, name: str, job: Job) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._running.add(task)
        task.add_done_callback(self._running.discard)
        try:
            result = job.run()
            if inspect.isawaitable(result):
                await result
        except asyncio.CancelledError:
            if not self._stopping:  # else it is our own doing, of which APScheduler would write a traceback
                raise
        except Exception as error:  # noqa: BLE001 - one failed job must not end the clock
            self._tell(StageFailed(f"schedule.{name}", error))

    def _left_out(self, event: JobEvent) -> None:
        if event.job_id in self._slow:
            return
        self._tell(StageFailed(f"schedule.{event.job_id}", Overrun("still running when it was due again")))

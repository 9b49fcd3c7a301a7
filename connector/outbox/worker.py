"""The loop that delivers: claims what is due, tries each delivery in a task of its own, writes down what came of it.

It claims no more than it can send at once, and stopping it loses nothing: what is in flight is finished or, at worst,
falls due again when its lease ends.
"""

from __future__ import annotations

import asyncio
import secrets
from dataclasses import dataclass, field

from sqlalchemy import Connection

from connector.database.engine import Database
from connector.errors import DatabaseError
from connector.events import Key
from connector.outbox import lanes, queue
from connector.outbox.admission import Opened
from connector.outbox.bell import Bell
from connector.outbox.claim import Claimed, claim
from connector.outbox.complete import Completed, Completion, complete
from connector.outbox.deliver import Courier
from connector.outbox.retry import Done, StopName, StopWorkspace
from connector.telemetry.facts import AlertOpened, AttemptMade, StageFailed, Tell, WorkspaceStopped
from connector.workspaces.directory import Directory

CONCURRENCY = 64
LOOK_UP_S = 1.0


@dataclass
class Worker:
    """Delivers for all workspaces; `concurrency` calls at once."""

    database: Database
    directory: Directory
    courier: Courier
    tell: Tell
    bell: Bell
    concurrency: int = CONCURRENCY
    holder: Key = field(default_factory=lambda: secrets.token_bytes(16))
    _backlog: bool = False
    """Whether more was due, at the last claim, than was claimed."""
    _tasks: dict[asyncio.Task[None], Claimed] = field(default_factory=dict)

    @property
    def in_flight(self) -> int:
        """Deliveries being tried right now."""
        return len(self._tasks)

    async def run(self) -> None:
        """Deliver until cancelled; a database that is away for a while is waited for."""
        if not self.database.many_processes:
            await self.database.transact(queue.free_all, now=self.database.clock.now())
        while True:
            try:
                await self._turn()
            except (DatabaseError, OSError) as error:
                self.tell(StageFailed("deliver", error))
                await asyncio.sleep(LOOK_UP_S)

    async def drain(self, timeout_s: float) -> None:
        """Let what is in flight finish; what has not by then falls due again when its lease ends."""
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=timeout_s)
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _turn(self) -> None:
        opened: list[Opened] = []
        claimed, next_due = await self.database.transact(self._claim, opened, suspects=not self._has_a_suspect)
        for alert in opened:
            self.tell(AlertOpened(alert.workspace_id, alert.kind, alert.subject, alert.detail))
        for each in claimed:
            task = asyncio.create_task(self._deliver(each))
            self._tasks[task] = each
            task.add_done_callback(self._tasks.pop)
        if not (claimed and self._backlog):
            await self.bell.wait(self._until(next_due))

    def _claim(
        self, connection: Connection, opened: list[Opened], *, suspects: bool
    ) -> tuple[list[Claimed], int | None]:
        room = self.concurrency - len(self._tasks)
        if room <= 0:
            return [], None
        now = self.database.clock.now()
        claimed = claim(connection, holder=self.holder, now=now, room=room, suspects=suspects, opened=opened)
        next_due = lanes.next_due(connection, holder=self.holder)
        self._backlog = room == len(claimed) or (next_due is not None and next_due < now + LOOK_UP_S * 1000)
        return claimed, next_due

    @property
    def _has_a_suspect(self) -> bool:
        """Only one is tried at a time: if this process dies, only that one is to blame."""
        return any(each.suspect for each in self._tasks.values())

    def _until(self, next_due: int | None) -> float:
        if next_due is None or self._has_a_suspect:  # others of its kind are due, and wait for the bell
            return LOOK_UP_S
        return min(LOOK_UP_S, max(0.001, (next_due - self.database.clock.now()) / 1000))

    async def _deliver(self, claimed: Claimed) -> None:
        workspace = self.directory.workspace(claimed.delivery.workspace_id)
        if workspace is None:
            return  # so new that this process has not heard of it: its lease brings it back
        done = None
        try:
            done = await self.courier.deliver(claimed, workspace)
            if done is not None:
                self._told(done, await self.database.write(complete, done))
        except (DatabaseError, OSError) as error:
            self.tell(StageFailed("complete", error))  # its lease brings it back, with the same identity
        finally:
            if self._backlog or done is None or not isinstance(done.step, Done):  # else there is nothing to claim
                self.bell.ring()

    def _told(self, done: Completion, completed: Completed) -> None:
        delivery, outcome = done.claimed.delivery, done.outcome
        self.tell(
            AttemptMade(
                delivery.workspace_id,
                delivery.id.hex(),
                delivery.name,
                done.claimed.number,
                done.answer.status,
                outcome.name,
                type(done.step).__name__.lower(),
                getattr(done.step, "reason", None),
                done.answer.duration_ms,
                done.answer.request_id,
                completed.late,
                max(0.0, (done.finished_at - done.claimed.received_at) / 1000),
            )
        )
        if completed.stopped and isinstance(done.step, StopWorkspace):
            self.tell(WorkspaceStopped(delivery.workspace_id, outcome.words or done.step.reason))
        if completed.stopped and isinstance(done.step, StopName):
            self.tell(AlertOpened(delivery.workspace_id, done.step.reason, delivery.name, outcome.words or ""))

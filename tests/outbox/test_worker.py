"""One loop for many workspaces: whose calls are slow is not in the way of the others."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from connector.outbox.bell import Bell
from connector.outbox.claim import Claimed
from connector.outbox.completion import Completion
from connector.outbox.deliver import Courier
from connector.outbox.worker import Worker
from connector.workspaces.store import Workspace
from tests.outbox.world import World, event, user

SLOW, QUIET = 1, 2


@dataclass
class Gate:
    """Lets a call of the slow workspace end when it is told to, and any other at once."""

    world: World
    begun: list[int] = field(default_factory=list)
    may_end: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(0))

    async def deliver(self, claimed: Claimed, workspace: Workspace) -> Completion | None:
        self.begun.append(workspace.id)
        if workspace.id == SLOW:
            await self.may_end.acquire()
        now = self.world.database.clock.now
        return await Courier(self.world.intercom, now).deliver(claimed, workspace)  # type: ignore[arg-type]


@asynccontextmanager
async def working(world: World, gate: Gate, bell: Bell) -> AsyncIterator[Worker]:
    worker = Worker(world.database, world, gate, lambda _fact: None, bell, concurrency=8)  # type: ignore[arg-type]
    running = asyncio.create_task(worker.run())
    yield worker
    for _ in range(100):
        gate.may_end.release()
    await worker.drain(10)
    await running


async def until(holds: Callable[[], bool]) -> None:
    async with asyncio.timeout(20):  # no measure: only that a test which fails does not hang
        while not holds():
            await asyncio.sleep(0.01)


async def test_what_a_slow_workspace_has_in_hand_takes_nobodys_room(world: World):
    """A wave of its calls ends and much is claimed for the next; then none of them ends any more."""
    await world.add_workspace(QUIET)
    for number in range(40):
        await world.map(event(user(f"u{number}"), once=f"slow-{number}"))
    gate, bell = Gate(world), Bell()
    async with working(world, gate, bell) as worker:
        await until(lambda: len(gate.begun) == 4)
        for _ in range(4):
            gate.may_end.release()
        await until(lambda: len(gate.begun) == 8)
        await until(lambda: worker._hand.ready > 4)
        received = await world.receive(workspace_id=QUIET)
        await world.map(event(user("quiet")), received=received)
        bell.ring()
        await until(lambda: QUIET in gate.begun)
    assert gate.begun[:8] == [SLOW] * 8
    assert gate.begun.index(QUIET) == 8

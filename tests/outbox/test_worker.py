"""One loop for many workspaces: whose calls are slow is not in the way of the others."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import sqlalchemy as sa
from sqlalchemy import Connection

from connector.outbox.bell import Bell
from connector.outbox.claim import Claimed
from connector.outbox.completion import Completion
from connector.outbox.deliver import Courier
from connector.outbox.senders import SenderEnded
from connector.outbox.worker import LARGE, SHARED_S, SMALL, Worker, _Turn
from connector.telemetry.facts import StageFailed
from connector.workspaces.store import Workspace
from tests.outbox.world import World, deliveries, event, user

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


async def test_turns_are_small_while_several_workspaces_have_work(world: World):
    await world.add_workspace(QUIET)
    gate, bell = Gate(world), Bell()
    async with working(world, gate, bell) as worker:
        await world.map(event(user("slow"), once="slow"))
        bell.ring()
        await until(lambda: gate.begun == [SLOW])
        assert worker._turns is LARGE
        await world.map(event(user("quiet"), once="quiet"), received=await world.receive(workspace_id=QUIET))
        bell.ring()
        await until(lambda: gate.begun == [SLOW, QUIET])
        assert worker._turns is SMALL
        worker._shared_until -= SHARED_S  # a minute later
        assert worker._turns is LARGE


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


async def test_a_sender_that_ends_is_told_of_and_replaced(world: World):
    """The calls of all are cancelled by somebody who meant another; then they go on."""
    told: list[object] = []
    for number in range(8):
        await world.map(event(user(f"u{number}"), once=f"lost-{number}"))
    lost: list[Claimed] = []

    class Losing(Gate):
        async def deliver(self, claimed: Claimed, workspace: Workspace) -> Completion | None:
            if len(lost) < 4:
                lost.append(claimed)
                raise asyncio.CancelledError
            return await super().deliver(claimed, workspace)

    gate, bell = Losing(world), Bell()
    for _ in range(100):
        gate.may_end.release()
    worker = Worker(world.database, world, gate, told.append, bell, concurrency=2)  # type: ignore[arg-type]
    running = asyncio.create_task(worker.run())
    await until(lambda: len(gate.begun) == 4)  # the lost ones come back with their leases
    await worker.drain(10)
    await running
    ended = [fact.error for fact in told if isinstance(fact, StageFailed)]
    assert len(ended) == 4
    assert all(isinstance(error, SenderEnded) for error in ended)


async def test_what_came_of_a_call_outlives_a_turn_that_fails_for_a_reason_nobody_foresaw(world: World):
    told: list[object] = []
    delivery = await world.due()
    gate, bell = Gate(world), Bell()
    worker = Worker(world.database, world, gate, told.append, bell, concurrency=2)  # type: ignore[arg-type]
    turn = worker._write_and_claim

    def broken(connection: Connection, done: Sequence[Completion], unsent: Sequence[Claimed], room: int) -> _Turn:
        if done:
            raise ZeroDivisionError
        return turn(connection, done, unsent, room)

    worker._write_and_claim = broken  # type: ignore[method-assign]
    running = asyncio.create_task(worker.run())
    gate.may_end.release()
    await until(lambda: running.done())
    assert isinstance(running.exception(), ZeroDivisionError)
    assert await world.state(delivery) == ("delivered", None)
    await worker.drain(10)


async def test_a_worker_that_claims_nothing_though_work_is_due_can_be_told_from_one_with_nothing_to_do(world: World):
    worker = Worker(world.database, world, Gate(world), lambda _fact: None, Bell(), concurrency=2)  # type: ignore[arg-type]
    running = asyncio.create_task(worker.run())
    began = worker.moved_at
    await until(lambda: worker.moved_at > began)
    worker._hand.held[SLOW] = 1000  # whatever it was: its room is gone
    await world.map(event(user()))
    worker.bell.ring()
    await asyncio.sleep(0)
    stood, turned = worker.moved_at, worker.turned_at
    await until(lambda: worker.turned_at > turned + 2)
    assert worker.moved_at <= max(stood, turned) + 1
    assert (await world.queued((await world.rows(deliveries))[0]["id"]))["lease_id"] is None
    await worker.drain(10)
    await running


async def test_a_delivery_that_cannot_be_read_holds_up_no_other(world: World):
    """It is put off, and told of; those of its workspace and of others go out."""
    from connector.app.loops import keep_running

    await world.add_workspace(QUIET)
    unreadable, *others = [await world.due(user(f"u{number}"), once=f"of-{number}") for number in range(6)]
    received = await world.receive(workspace_id=QUIET)
    await world.map(event(user("quiet")), received=received)
    spoilt = sa.update(deliveries).where(deliveries.c.id == unreadable).values(metadata="{")
    await world.do(lambda connection: connection.execute(spoilt) and None)
    told: list[object] = []
    gate, bell = Gate(world), Bell()
    for _ in range(100):
        gate.may_end.release()
    worker = Worker(world.database, world, gate, told.append, bell, concurrency=8)  # type: ignore[arg-type]
    running = asyncio.create_task(keep_running("deliver", worker, told.append))
    await until(lambda: sorted(gate.begun) == [SLOW] * len(others) + [QUIET])
    await worker.drain(10)
    await running
    assert await world.state(unreadable) == ("due", None)
    assert {await world.state(each) for each in others} == {("delivered", None)}
    assert "claim" in {fact.stage for fact in told if isinstance(fact, StageFailed)}

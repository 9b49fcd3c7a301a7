"""The loop that delivers: what came of the last calls is written down and what is due is claimed, in one transaction.

A fixed number of senders make the calls. They work from the hand (`hand`), which holds somewhat more than they can
send at once, so that none of them waits for a commit. It is topped up by as much as was sent since the last time:
when calls are slow there is hardly anything in it. Stopping loses nothing: what is in flight is finished, what is
not begun is given back, and what a killed process held falls due again.
"""

from __future__ import annotations

import asyncio
import contextlib
import secrets
import time
from collections.abc import Sequence
from dataclasses import dataclass, field

from sqlalchemy import Connection

from connector.database.engine import Database
from connector.errors import DatabaseError, Unstorable
from connector.events import Key
from connector.outbox import lanes, queue, set_back
from connector.outbox.admission import Opened
from connector.outbox.bell import Bell
from connector.outbox.careful import FOR_S
from connector.outbox.claim import Claimed, claim
from connector.outbox.complete import Completed, complete
from connector.outbox.completion import Completion
from connector.outbox.deliver import Courier
from connector.outbox.give_back import give_back
from connector.outbox.hand import Hand
from connector.outbox.pulse import Pulse
from connector.outbox.retry import StopName, StopWorkspace
from connector.outbox.senders import Senders
from connector.telemetry.facts import AlertOpened, AttemptMade, StageFailed, Tell, WorkspaceStopped
from connector.workspaces.directory import Directory
from connector.workspaces.store import Workspace

CONCURRENCY = 128
"""Calls at once. A workspace that is alone gets half of them (`hand`)."""


@dataclass(frozen=True, slots=True)
class Turns:
    """How much one transaction does: at most `ahead` more are claimed than can be sent at once, and `batch` outcomes
    are written without waiting for more.
    """

    ahead: int
    batch: int


LARGE, SMALL = Turns(512, 256), Turns(64, 32)
"""Of few large turns each delivery costs less; between small ones nobody waits for long."""
SHARED_S = 60.0
"""For how long turns stay small after several workspaces had work at once."""
GATHER_S = 0.02
"""How long an outcome waits for others while there is enough in hand."""
AGAIN_S = 0.01
"""Before the next look at what is due and was not claimed, when there is nothing in hand whose end would ring."""
LOOK_UP_S = 1.0
LOOK_UP_OFTEN_S = 0.2
"""With several processes: what another has queued rings no bell here."""


@dataclass(frozen=True, slots=True)
class _Turn:
    """What one transaction did: what became of each completion, what was claimed, when more is due."""

    completed: Sequence[Completed]
    claimed: Sequence[Claimed]
    next_due: int | None
    opened: Sequence[Opened] = ()
    """Alerts."""
    broken: Sequence[Exception] = ()
    """Why something could not be claimed, though nobody had foreseen that."""


@dataclass
class Worker:
    """Delivers for all workspaces; `concurrency` calls at once, and nothing for the first time after `max_age_ms`."""

    database: Database
    directory: Directory
    courier: Courier
    tell: Tell
    bell: Bell
    concurrency: int = CONCURRENCY
    max_age_ms: int | None = None
    holder: Key = field(default_factory=lambda: secrets.token_bytes(16))
    pulse: Pulse | None = None
    """Where there are other processes, which take over what is held by one that shows no sign of life."""

    def __post_init__(self) -> None:
        self._hand = Hand(self.concurrency)
        self._done: list[Completion] = []
        self._unsent: list[Claimed] = []
        self._senders = Senders(self.concurrency, self._hand.take, self._try, self.tell)
        self._began = False
        self._stopping = False
        self.turned_at = time.monotonic()
        """When the loop last came round, by the monotonic clock."""
        self.moved_at = time.monotonic()
        """When it last claimed something, heard of a call's end, or had nothing to claim that was due."""
        self._low = 0
        self._careful_until = 0.0
        self._shared_until = 0.0

    @property
    def in_flight(self) -> int:
        """Deliveries being tried right now."""
        return self._hand.sending

    async def run(self) -> None:
        """Deliver until told to stop; a database that is away for a while is waited for."""
        if not self.database.many_processes and not self._began:
            await self.database.transact(_take_over, now=self.database.clock.now())
        self._began = True
        self._senders.start()
        while not self._stopping:
            self.turned_at = time.monotonic()
            try:
                await self._turn()
            except (DatabaseError, OSError) as error:
                self.tell(StageFailed("deliver", error))
                await asyncio.sleep(LOOK_UP_S)

    def stop(self) -> None:
        """Claim nothing more, and begin nothing more of what is claimed."""
        self._stopping = True
        self._unsent += self._hand.take_back()
        self.bell.ring()

    async def drain(self, timeout_s: float) -> None:
        """Let what is in flight finish, and write everything down; what is cut off falls due when its lease ends."""
        self.stop()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(timeout_s):
                await self._hand.emptied.wait()
        await self._senders.end()
        try:
            await self._write_down()
        except (DatabaseError, OSError) as error:
            self.tell(StageFailed("complete", error))

    # ── the loop ────────────────────────────────────────────────────────────────────────────────────────────────────

    async def _turn(self) -> None:
        """One transaction, and then wait until there is a reason for the next."""
        room, done, unsent = self._room(), self._done, self._unsent
        self._done, self._unsent = [], []
        try:
            turn = await self.database.transact(self._write_and_claim, done, unsent, room)
        except Exception as error:  # whatever it was: what came of the calls is not to be lost with it
            if not isinstance(error, DatabaseError | OSError):
                self._careful_until = time.monotonic() + FOR_S
            self._done, self._unsent = done + self._done, unsent + self._unsent
            await self._write_down()  # by itself: where that fails too, it is tried again with the next turn
            raise
        if done or turn.claimed or not self._is_due(turn.next_due):
            self.moved_at = time.monotonic()
        self._took(turn.claimed)
        self._told(done, turn.completed)
        for reason in turn.broken:
            self._careful_until = time.monotonic() + FOR_S
            self.tell(StageFailed("claim", reason))
        for alert in turn.opened:
            self.tell(AlertOpened(alert.workspace_id, alert.kind, alert.subject, alert.detail))
        if turn.claimed and len(turn.claimed) < room and self._is_due(turn.next_due):
            return  # there are more lanes than are served at once
        await self.bell.wait(self._until(turn))

    def _room(self) -> int:
        """How many more to claim. What was sent since the last turn will be sent in the next one too.

        What is ready beyond that takes nobody's room: for each call that is not being made, one may be claimed, so that
        a workspace with much in hand, whose calls are slow, does not keep the others out until they end.
        """
        ahead = max(min(self._turns.ahead, 4 * len(self._done)), self._hand.ready)
        return max(0, self.concurrency + ahead - self._hand.held.total())

    def _write_and_claim(
        self, connection: Connection, done: Sequence[Completion], unsent: Sequence[Claimed], room: int
    ) -> _Turn:
        now = self.database.clock.now()
        completed = complete(connection, done) if done else ()
        give_back(connection, unsent, now=now)
        if not room or self._stopping:
            return _Turn(completed, (), lanes.next_due(connection, holder=self.holder))
        opened: list[Opened] = []
        broken: list[Exception] | None = [] if time.monotonic() < self._careful_until else None
        claimed = claim(
            connection,
            holder=self.holder,
            now=now,
            room=room,
            suspects=not self._hand.suspects and not any(each.claimed.suspect for each in done),
            held=self._hand.held,
            max_age_ms=self.max_age_ms,
            opened=opened,
            broken=broken,
        )
        return _Turn(completed, claimed, lanes.next_due(connection, holder=self.holder), opened, broken or ())

    def _took(self, claimed: Sequence[Claimed]) -> None:
        if self._stopping:
            self._unsent += claimed
            return
        self._hand.add(claimed)
        if len(self._hand.held) > 1:
            self._shared_until = time.monotonic() + SHARED_S
        self._senders.wake(len(claimed))
        self._low = self._hand.ready // 2

    @property
    def _turns(self) -> Turns:
        """Small ones while there are several to be fair to: who has little to send waits for the others' turns."""
        return SMALL if time.monotonic() < self._shared_until else LARGE

    def _is_due(self, at: int | None) -> bool:
        return at is not None and at <= self.database.clock.now()

    def _until(self, turn: _Turn) -> float:
        """Seconds until the next turn, if nobody rings before. What is due and was not claimed waits for the bell."""
        look_up = LOOK_UP_OFTEN_S if self.database.many_processes else LOOK_UP_S
        if turn.next_due is None:
            return look_up
        if self._is_due(turn.next_due):  # what was picked was held back; or others lock it just now
            return look_up if self._hand.held else AGAIN_S
        return min(look_up, max(0.001, (turn.next_due - self.database.clock.now()) / 1000))

    async def _write_down(self) -> None:
        """Write what came of the calls, without claiming: all at once or, where that fails, one by one."""
        done, unsent = self._done, self._unsent
        self._done, self._unsent = [], []
        try:
            await self.database.transact(give_back, unsent, now=self.database.clock.now())
            while done:
                await self._write_one(done[0])
                done = done[1:]
        except (DatabaseError, OSError):
            self._done += done
            raise

    async def _write_one(self, done: Completion) -> None:
        try:
            self._told([done], await self.database.transact(complete, [done]))
        except Exception as error:
            if isinstance(error, DatabaseError | OSError) and not isinstance(error, Unstorable):
                raise
            self.tell(StageFailed("complete", error))  # its lease brings it back, with the same identity

    # ── the calls ───────────────────────────────────────────────────────────────────────────────────────────────────

    async def _try(self, claimed: Claimed) -> None:
        done = None
        try:
            if (workspace := self._ready_workspace(claimed)) is not None:
                done = await self.courier.deliver(claimed, workspace)
        except Exception as error:  # noqa: BLE001 - a sender that ended would be one call less for good
            self.tell(StageFailed("deliver", error))  # its lease brings it back, with the same identity
        else:
            self._note(claimed, done)
        finally:
            self._hand.sent(claimed)
            self._after_a_call()

    def _ready_workspace(self, claimed: Claimed) -> Workspace | None:
        """The workspace, if this process still holds the delivery, and may send for it as far as it has heard."""
        workspace = self.directory.workspace(claimed.delivery.workspace_id)
        if workspace is None or workspace.mode not in lanes.SERVED:
            return None
        return workspace if self.pulse is None or self.pulse.beats_since(claimed.lease_until - queue.LEASE_MS) else None

    def _note(self, claimed: Claimed, done: Completion | None) -> None:
        if done is None:
            self._unsent.append(claimed)
            return
        self._done.append(done)

    def _after_a_call(self) -> None:
        """Ring for the next turn: at once when half the hand is gone, else when some outcomes have come together.

        The other half is sent meanwhile. A ring for every call made turns of fifty, at a third more work for each.
        """
        if self._hand.ready:
            self._senders.wake(1)
        if self._hand.ready <= self._low or len(self._done) >= self._turns.batch:
            self.bell.ring()
        elif len(self._done) == 1:
            asyncio.get_running_loop().call_later(GATHER_S, self.bell.ring)

    # ── telling ─────────────────────────────────────────────────────────────────────────────────────────────────────

    def _told(self, done: Sequence[Completion], completed: Sequence[Completed]) -> None:
        for each, result in zip(done, completed, strict=True):
            self._tell_of(each, result)

    def _tell_of(self, done: Completion, completed: Completed) -> None:
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
                delivery.received_key.hex(),
            )
        )
        if completed.stopped and isinstance(done.step, StopWorkspace):
            self.tell(WorkspaceStopped(delivery.workspace_id, outcome.words or done.step.reason))
        if completed.stopped and isinstance(done.step, StopName):
            self.tell(AlertOpened(delivery.workspace_id, done.step.reason, delivery.name, outcome.words or ""))


def _take_over(connection: Connection, *, now: int) -> None:
    """What the last life left behind, whose clock may have been ahead."""
    set_back.follow(connection, now=now)
    queue.free_all(connection, now=now)

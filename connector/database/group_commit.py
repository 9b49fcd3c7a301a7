"""The one writer of a process: takes all that waits, commits it together, and repeats.

There is no timer: a lone row costs one commit, and under load a commit carries what came in while the last one ran.
Waiting even 2 ms for company makes a lone request three times slower and gains nothing under load (measured).

The line is bounded in rows, bytes and age; a row that does not get through is answered with `Unavailable`, never
dropped in silence. If a batch fails, its rows are committed one by one, and only the bad one fails.
What a row means is the business of its `apply`; how a batch is committed is the business of `commit`.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeAlias, TypeVar

from sqlalchemy import Connection

from connector.errors import Unavailable

Row = TypeVar("Row")
Result = TypeVar("Result")

Apply: TypeAlias = Callable[[Connection, Sequence[Row]], Sequence[Result]]
"""Writes some rows of one kind inside an open transaction and gives one result for each, in order."""


@dataclass(frozen=True, slots=True, eq=False)
class Single(Generic[Row, Result]):
    """An `Apply` of a single statement wherever `is_one` says so of the rows: it may run outside a transaction."""

    apply: Apply[Row, Result]
    is_one: Callable[[Sequence[Row]], bool]

    def __call__(self, connection: Connection, rows: Sequence[Row]) -> Sequence[Result]:
        """See Apply."""
        return self.apply(connection, rows)


@dataclass(frozen=True, slots=True)
class Limits:
    """How much may wait, and how much goes into one commit."""

    waiting_rows: int = 2_000
    waiting_bytes: int = 64 * 1024 * 1024
    batch_rows: int = 256
    batch_bytes: int = 4 * 1024 * 1024
    patience_s: float = 4.0
    others_rows: int = 64
    """Places in each commit that urgent rows leave to the rest, so that ingest never starves delivery."""


class Write:
    """One row on its way: how to write it, and the future that its caller waits for."""

    __slots__ = ("apply", "future", "row", "since", "size")

    def __init__(
        self, apply: Apply[Any, Any], row: object, size: int, since: float, future: asyncio.Future[Any]
    ) -> None:
        self.apply = apply
        self.row = row
        self.size = size
        self.since = since
        self.future = future


Commit: TypeAlias = Callable[[Sequence[Write]], Awaitable[Sequence[Any]]]
"""Writes all rows in one transaction and gives their results in order, or raises and has written none."""


def apply_all(connection: Connection, writes: Sequence[Write]) -> list[Any]:
    """Run each kind's `apply` once over its rows, in order of first appearance; results in the order of `writes`."""
    kinds: dict[Apply[Any, Any], list[int]] = {}
    for place, write in enumerate(writes):
        kinds.setdefault(write.apply, []).append(place)
    results: list[Any] = [None] * len(writes)
    for apply, places in kinds.items():
        for place, result in zip(places, apply(connection, [writes[i].row for i in places]), strict=True):
            results[place] = result
    return results


def is_one_statement(writes: Sequence[Write]) -> bool:
    """Whether all of these are written by a single statement, which is a transaction by itself."""
    apply = writes[0].apply
    if not isinstance(apply, Single) or any(write.apply is not apply for write in writes):
        return False
    return apply.is_one([write.row for write in writes])


class GroupCommit:
    """The waiting line and the loop that empties it."""

    def __init__(self, commit: Commit, limits: Limits | None = None) -> None:
        self._commit = commit
        self._limits = limits or Limits()
        self._urgent: deque[Write] = deque()
        self._others: deque[Write] = deque()
        self._waiting_bytes = 0
        self._in_flight: Sequence[Write] = ()
        self._bell = asyncio.Event()
        self._closing = False
        self._loop = asyncio.get_running_loop()
        self._tasks = (self._loop.create_task(self._run()), self._loop.create_task(self._watch()))
        self.commits = 0
        self.rows = 0

    @property
    def waiting(self) -> int:
        """Rows in the line, those of the running commit left out."""
        return len(self._urgent) + len(self._others)

    def write(
        self, apply: Apply[Row, Result], row: Row, *, size: int = 0, urgent: bool = False, patient: bool = False
    ) -> asyncio.Future[Result]:
        """Put `row` (`size` bytes) into the line; the future resolves once it is durable.

        Who is `patient` is answered when that is known and not before, for work that must not be taken for undone.
        Raises Unavailable when the line is full. A caller that stops waiting does not undo its row.
        """
        limits = self._limits
        if self._closing or self.waiting >= limits.waiting_rows or self._waiting_bytes + size > limits.waiting_bytes:
            raise Unavailable("the writer's line is full" if not self._closing else "the writer is closing")
        future: asyncio.Future[Result] = self._loop.create_future()
        since = float("inf") if patient else self._loop.time()
        (self._urgent if urgent else self._others).append(Write(apply, row, size, since, future))
        self._waiting_bytes += size
        self._bell.set()
        return future

    async def close(self) -> None:
        """Commit what waits, then stop."""
        self._closing = True
        self._bell.set()
        run, watch = self._tasks
        with contextlib.suppress(asyncio.CancelledError):
            await run
        watch.cancel()

    async def _run(self) -> None:
        while True:
            if not self.waiting:
                if self._closing:
                    return
                self._bell.clear()
                await self._bell.wait()
                continue
            self._in_flight = batch = self._take()
            await self._write(batch)
            self._in_flight = ()

    def _take(self) -> list[Write]:
        limits = self._limits
        batch: list[Write] = []
        size = self._move(self._urgent, batch, limits.batch_rows - min(len(self._others), limits.others_rows), 0)
        size = self._move(self._others, batch, limits.batch_rows, size)
        self._waiting_bytes -= size
        return batch

    def _move(self, line: deque[Write], batch: list[Write], rows: int, size: int) -> int:
        """Move up to `rows` rows, within the bytes of a batch (one row always fits); the bytes so far."""
        while line and len(batch) < rows and (not batch or size + line[0].size <= self._limits.batch_bytes):
            write = line.popleft()
            size += write.size
            batch.append(write)
        return size

    async def _write(self, batch: Sequence[Write]) -> None:
        try:
            results = await self._commit(batch)
        except asyncio.CancelledError:
            if (task := asyncio.current_task()) and task.cancelling():
                raise
            for write in batch:  # a stray one, which must not end the one writer: whether they are stored is not known
                _fail(write, Unavailable("the commit was broken off"))
            return
        except Exception as error:  # noqa: BLE001 - whatever it is, it is the callers' answer
            if len(batch) == 1:
                _fail(batch[0], error)
                return
            for write in batch:  # only the bad one fails
                if not _answered(write):
                    await self._write((write,))
            return
        self.commits += 1
        self.rows += len(batch)
        for write, result in zip(batch, results, strict=True):
            if not write.future.done():
                write.future.set_result(result)

    async def _watch(self) -> None:
        """Answer those who have waited too long, also when the running commit hangs."""
        while True:
            await asyncio.sleep(self._limits.patience_s / 8)
            latest = self._loop.time() - self._limits.patience_s
            for line in (self._urgent, self._others):
                while line and line[0].since < latest:
                    self._waiting_bytes -= line[0].size
                    _fail(line.popleft(), Unavailable("the database took too long"))
            for write in self._in_flight:
                if write.since < latest:
                    _fail(write, Unavailable("the database took too long"))


def _answered(write: Write) -> bool:
    """Whether its caller has been told that it is not stored; one who went away was told nothing."""
    return write.future.done() and not write.future.cancelled()


def _fail(write: Write, error: Exception) -> None:
    if not write.future.done():
        write.future.set_exception(error)

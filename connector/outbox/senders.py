"""The tasks that make the calls: a fixed number, each of which takes what is in hand, again and again.

One that ends although nobody has ended it is told of and replaced: it would be one call less, for good. That takes what
no call should do, a cancellation that was meant for another say; and with the last of them delivery would end unseen.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from connector.outbox.claim import Claimed
from connector.telemetry.facts import StageFailed, Tell


class SenderEnded(Exception):
    """A sender has ended though nobody has ended it, and is replaced."""


class Senders:
    """`count` of them: `take` gives the next to send or None, `make_call` sends it. `tell` hears of those that end."""

    def __init__(
        self,
        count: int,
        take: Callable[[], Claimed | None],
        make_call: Callable[[Claimed], Awaitable[None]],
        tell: Tell,
    ) -> None:
        self._count = count
        self._take = take
        self._make_call = make_call
        self._tell = tell
        self._idle: list[asyncio.Future[None]] = []
        self._tasks: set[asyncio.Task[None]] = set()
        self._ending = False

    def start(self) -> None:
        """Begin, unless that was done; to be called inside the event loop."""
        while len(self._tasks) < self._count and not self._ending:
            self._begin()

    def wake(self, count: int) -> None:
        """There is something in hand for so many more."""
        while count and self._idle:
            if not (future := self._idle.pop()).done():
                future.set_result(None)
                count -= 1

    async def end(self) -> None:
        """Cut off what is being sent, and send nothing more."""
        self._ending = True
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def _begin(self) -> None:
        task = asyncio.get_running_loop().create_task(self._send())
        self._tasks.add(task)
        task.add_done_callback(self._ended)

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if self._ending:
            return
        self._begin()
        error = None if task.cancelled() else task.exception()
        self._tell(StageFailed("deliver", error or SenderEnded("a sender was cancelled, and is replaced")))

    async def _send(self) -> None:
        while True:
            claimed = self._take()
            if claimed is None:
                future = asyncio.get_running_loop().create_future()
                self._idle.append(future)
                await future
                continue
            await self._make_call(claimed)

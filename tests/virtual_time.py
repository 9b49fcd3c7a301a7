"""An event loop whose time passes only while everybody sleeps, and then at once: it takes as long as the work alone.

Work for threads is done on the spot, so that a run is the same each time. There is nothing else in it that is real: no
sockets, no processes.
"""

from __future__ import annotations

import asyncio
import selectors
from collections.abc import Callable, Mapping
from concurrent.futures import Executor
from typing import Any


class _NoWaiting(selectors.DefaultSelector):  # type: ignore[misc, valid-type]
    """Lets the loop's time pass instead of waiting."""

    passed = 0.0

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        if timeout is None:
            raise RuntimeError("everybody waits for ever: nothing is left that could wake anybody")
        self.passed += max(0.0, timeout)
        return super().select(0)


class VirtualTimeLoop(asyncio.SelectorEventLoop):
    """`asyncio.Runner(loop_factory=VirtualTimeLoop)`."""

    def __init__(self) -> None:
        self._no_waiting = _NoWaiting()
        super().__init__(self._no_waiting)

    def time(self) -> float:
        """Seconds since the loop was made."""
        return self._no_waiting.passed

    def run_in_executor(  # type: ignore[override]
        self, _executor: Executor | None, func: Callable[..., Any], *args: Any
    ) -> asyncio.Future[Any]:
        """Now and here; what it did is known in the next round, as if a thread had done it."""
        future = self.create_future()
        try:
            result = func(*args)
        except Exception as error:
            future.set_exception(error)
        else:
            future.set_result(result)
        return future

    def call_exception_handler(self, context: Mapping[str, Any]) -> None:
        """Nothing is reported by itself: tests look at what they want to know."""

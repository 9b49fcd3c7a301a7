"""A bell: whoever has made work rings it, whoever does the work waits for it, and also looks up now and then."""

from __future__ import annotations

import asyncio


class Bell:
    """Rung any number of times before somebody waits, it wakes them once."""

    def __init__(self) -> None:
        self._rung = asyncio.Event()

    def ring(self) -> None:
        """There may be work."""
        self._rung.set()

    async def wait(self, timeout_s: float) -> None:
        """Until the bell is rung, at most `timeout_s`."""
        try:
            async with asyncio.timeout(timeout_s):
                await self._rung.wait()
        except TimeoutError:
            return
        finally:
            self._rung.clear()

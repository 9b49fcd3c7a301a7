"""Who takes in a backfill now: one command at a time, however the last one ended.

The command holds the backfill's row for a minute and renews that as long as it lives. One that was killed holds it no
longer than that; on the same machine it is seen at once that its process is gone.
"""

from __future__ import annotations

import asyncio
import os
import platform
import secrets
import time
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from types import TracebackType

from connector.database.engine import Database
from connector.errors import ConnectorError, DatabaseError
from connector.events import Key, digest
from connector.sync import backfills
from connector.sync.backfills import LEASE_MS, Request

RENEWED_S = 15.0


class Lost(ConnectorError):
    """Another command has taken the backfill over: this one was not heard of for a minute. What it did counts."""

    def __init__(self) -> None:
        super().__init__(
            "another command has taken this backfill over, for this one had not been heard of for a minute. "
            "Nothing is lost: the other goes on from where this one was"
        )


@cache
def machine() -> bytes:
    """Equal for processes that see each other's ids: the same machine since the same start, the same container."""
    names = [platform.node()]
    for place in ("/proc/sys/kernel/random/boot_id", "/proc/self/ns/pid"):
        try:
            names.append(str(Path(place).readlink()) if place.endswith("pid") else Path(place).read_text())
        except OSError:
            names.append("")
    return digest(*names)[:8]


def new_holder() -> Key:
    """This process's own: where it runs, its id there, and chance."""
    return machine() + os.getpid().to_bytes(4) + secrets.token_bytes(4)


def name_of(holder: Key) -> str:
    """For people."""
    return f"process {_process(holder)} on {platform.node()}"


def is_gone(holder: Key) -> bool:
    """Whether the process surely lives no more; of another machine's nothing is known."""
    if holder[:8] != machine():
        return False
    if (process := _process(holder)) == os.getpid():
        return True  # an earlier one that had the id which is ours now
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return True
    except PermissionError:
        return False
    return False


def _process(holder: Key) -> int:
    return int.from_bytes(holder[8:12])


@dataclass
class Hold:
    """Renews the hold of `holder` while it is entered; `check` raises Lost once somebody else may have it."""

    database: Database
    request: Request
    holder: Key
    _until: float = field(default_factory=lambda: time.monotonic() + LEASE_MS / 1000)
    _lost: bool = False
    _task: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Hold:
        self._task = asyncio.create_task(self._renew())
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self._task is not None
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)
        await self.database.transact(backfills.let_go, self.request, self.holder)

    def check(self) -> None:
        """Raises Lost."""
        if self._lost or time.monotonic() > self._until:
            raise Lost

    async def _renew(self) -> None:
        while not self._lost:
            await asyncio.sleep(RENEWED_S)
            begun = time.monotonic()
            try:
                kept = await self.database.transact(
                    backfills.renew, self.request, self.holder, now=self.database.clock.now()
                )
            except (DatabaseError, OSError):
                continue  # `check` knows how long it may go on
            self._lost = not kept
            self._until = begun + LEASE_MS / 1000

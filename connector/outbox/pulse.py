"""The sign of life of one of several processes on a PostgreSQL, and the taking over from those that show none.

Every process writes the database's time beside its name every two seconds, and looks for others that have not for
eight: their leases are void from then on. So what a killed process held is free within ten seconds. One that was only
stopped (SIGSTOP, a suspended machine) begins nothing of what it claimed before.  [SQL of `processes`]
"""

from __future__ import annotations

import os
import socket

from sqlalchemy import BigInteger, Connection, bindparam, cast, delete, func, select

from connector.database.engine import Database
from connector.database.rows import upsert
from connector.database.tables import processes
from connector.events import Key, display
from connector.outbox.give_back import free

EVERY_S = 2.0
DEAD_AFTER_MS = 8_000
WEAK_AFTER_MS = 5_000
"""Without a beat for so long, a process begins nothing: others may take it for dead before the call is over."""


class Pulse:
    """That of the process whose leases begin like `holder`."""

    def __init__(self, database: Database, holder: Key) -> None:
        self._database = database
        self._holder = holder
        self._started = database.clock.now()
        self._steady_since: int | None = None
        self._last: int | None = None

    async def beat(self) -> list[Key]:
        """Show a sign of life, and take over from the dead; those."""
        began = self._database.clock.now()
        dead = await self._database.transact(self._beat)
        if self._last is None or began - self._last > WEAK_AFTER_MS:
            self._steady_since = began  # others may have taken over what was held before
        self._last = began
        return dead

    async def stop(self) -> None:
        """Leave, and leave nothing behind."""
        await self._database.transact(self._leave)

    def beats_since(self, at: int) -> bool:
        """Whether what was claimed at that time (milliseconds) is surely still this process's."""
        if self._last is None or self._steady_since is None:
            return False
        return at >= self._steady_since and self._database.clock.now() - self._last <= WEAK_AFTER_MS

    def _beat(self, connection: Connection) -> list[Key]:
        now = connection.scalar(_NOW) or 0
        row = {"id": self._holder, "name": _name(), "started_at": self._started, "seen_at": now}
        upsert(connection, processes, [row], changes=["seen_at"])
        dead = list(connection.scalars(_BURY, {"before": now - DEAD_AFTER_MS}))
        for each in sorted(dead):
            free(connection, each, now=now)
        return dead

    def _leave(self, connection: Connection) -> None:
        connection.execute(delete(processes).where(processes.c.id == self._holder))
        free(connection, self._holder, now=self._database.clock.now())


_NOW = select(cast(func.extract("epoch", func.clock_timestamp()) * 1000, BigInteger))
_BURY = delete(processes).where(processes.c.seen_at < bindparam("before", type_=BigInteger)).returning(processes.c.id)


def _name() -> str:
    return display(f"{socket.gethostname()} {os.getpid()}")

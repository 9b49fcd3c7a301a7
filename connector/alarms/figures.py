"""The figures about backlogs, alerts and proof of delivery that metrics show, read now and then."""

from __future__ import annotations

from collections.abc import Callable

from connector.alarms.proving import Proved, proved
from connector.database.clock import wall
from connector.database.engine import Database
from connector.outbox import alerts
from connector.outbox.backlog import Backlog, backlog

Show = Callable[[str, str, Callable[[], float]], None]
"""Name, meaning, and how to read it."""


class Figures:
    """What was read last."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._open = 0
        self._proved = Proved()
        self._backlog = Backlog()

    async def beat(self) -> None:
        """Read them anew."""
        self._open = await self._database.read(alerts.count_open)
        self._proved = await self._database.read(proved)
        self._backlog = await self._database.read(backlog, now=wall())

    def show(self, gauge: Show) -> None:
        """Hand them to the metrics."""
        gauge("writer_waiting_rows", "Rows that wait for the writer.", lambda: self._database.writer.waiting)
        gauge("mapping_behind_seconds", "Age of what waits to be mapped.", lambda: self._backlog.unmapped_ms / 1000)
        gauge(
            "delivery_behind_seconds",
            "For how long something that may be sent has been due.",
            lambda: self._backlog.overdue_ms / 1000,
        )
        gauge("alerts_open", "Alerts that are open.", lambda: self._open)
        gauge("verified_share", "Of the last samples, what Intercom holds as it was sent.", lambda: self._proved.share)
        gauge("verified_sample", "Deliveries in the last samples.", lambda: self._proved.checked)
        gauge(
            "verified_at_seconds",
            "When the workspace that was not verified for longest was (Unix seconds); 0 for none.",
            lambda: (self._proved.oldest_at or 0) / 1000,
        )

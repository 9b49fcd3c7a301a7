"""When each endpoint last got a webhook, and how all of them stand: noted in memory, written and read now and then.

The hot path pays one dictionary entry for it.
"""

from __future__ import annotations

from collections.abc import Callable

from connector.database.clock import wall
from connector.database.engine import Database
from connector.sync import state
from connector.sync.state import Place, Totals
from connector.telemetry.facts import Fact, WebhookStored

Show = Callable[[str, str, Callable[[], float]], None]
"""Name, meaning, and how to read it."""


class LastWebhooks:
    """What this process has seen since the last beat."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._seen: dict[Place, int] = {}
        self._totals = Totals(0, None, 0, 0)

    def note(self, fact: Fact) -> None:
        """A webhook was stored."""
        if isinstance(fact, WebhookStored):
            self._seen[Place(fact.workspace_id, fact.endpoint_id, fact.livemode)] = wall()

    async def beat(self) -> None:
        """Write what was seen, and read how all endpoints stand."""
        seen, self._seen = self._seen, {}
        if seen:
            try:
                await self._database.transact(state.note_webhooks, seen)
            except BaseException:
                self._seen = seen | self._seen  # the next beat tries again
                raise
        self._totals = await self._database.read(state.totals)

    def show(self, gauge: Show) -> None:
        """The four figures that say whether all is well, without a workspace in sight."""
        gauge("sync_endpoints", "Endpoints that are reconciled with Stripe.", lambda: self._totals.endpoints)
        gauge("sync_behind_seconds", "How long ago the one furthest behind was accounted for.", self._behind_s)
        gauge("sync_in_trouble", "Endpoints whose key Stripe refuses, or part of it.", lambda: self._totals.in_trouble)
        gauge("sync_with_gaps", "Endpoints with a time that can no longer be listed.", lambda: self._totals.with_gaps)

    def _behind_s(self) -> float:
        oldest = self._totals.oldest_until
        return 0.0 if oldest is None else max(0.0, (wall() - oldest) / 1000)

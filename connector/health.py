"""What load balancers and Prometheus ask: /healthz (alive), /readyz (able to store and map), /metrics.

Ready means that the database answers and is at the newest migration (or at a newer version's: those only add), that its
writer writes, that mappings are loaded, and that the loops that map and deliver come round; never that Intercom is up:
webhooks are stored and wait while it is not. A service that is shutting down is alive but not ready.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence

from aiohttp import web
from sqlalchemy import Connection

from connector.database.engine import Database
from connector.database.migrate import current_revision, known_revisions, newest_revision
from connector.telemetry.metrics import CONTENT_TYPE, Metrics

PATIENCE_S = 2.0
"""How long the database may take to answer."""


class Health:
    """The routes, and whether this process is shutting down."""

    def __init__(self, database: Database, metrics: Metrics, *, mappings_loaded: Callable[[], bool]) -> None:
        self._database = database
        self._metrics = metrics
        self._mappings_loaded = mappings_loaded
        self.shutting_down = False
        self.trouble: Callable[[], Sequence[str]] = tuple
        """What of this process's work has ended or hangs; nothing where it does no work."""

    def routes(self) -> list[web.AbstractRouteDef]:
        """GET /healthz, /readyz and /metrics."""
        return [
            web.get("/healthz", self._alive),
            web.get("/readyz", self._ready),
            web.get("/metrics", self._show_metrics),
        ]

    async def reasons(self) -> Sequence[str]:
        """Why this process is not ready; none if it is."""
        reasons = ["it is shutting down"] if self.shutting_down else []
        if not self._mappings_loaded():
            reasons.append("no mappings are loaded")
        if not self.shutting_down:
            reasons += self.trouble()
        return [*reasons, *(await self._trouble_with_the_database() or await self._trouble_with_the_writer())]

    async def _trouble_with_the_database(self) -> Sequence[str]:
        """A database that a newer version has migrated is no trouble: what migrations add is in nobody's way."""
        newest = await asyncio.to_thread(newest_revision)  # reads files, once
        known = await asyncio.to_thread(known_revisions)
        try:
            async with asyncio.timeout(PATIENCE_S):
                revision = await current_revision(self._database)
        except TimeoutError:
            return [f"the database has not answered within {PATIENCE_S:g} s"]
        except Exception as error:  # noqa: BLE001 - whatever it is, it is the answer
            return [f"the database does not answer: {type(error).__name__}"]
        if revision != newest and (revision is None or revision in known):
            return [f"the database is at revision {revision}, not {newest}: run `connector migrate`"]
        return []

    async def _trouble_with_the_writer(self) -> Sequence[str]:
        """A row that writes nothing goes the way of every webhook: through the line, and a transaction."""
        try:
            async with asyncio.timeout(PATIENCE_S):
                await self._database.write(_nothing, None, urgent=True)
        except TimeoutError:
            return [f"nothing could be written within {PATIENCE_S:g} s"]
        except Exception as error:  # noqa: BLE001 - whatever it is, it is the answer
            return [f"nothing can be written: {type(error).__name__}"]
        return []

    async def _alive(self, _request: web.Request) -> web.Response:
        return web.json_response({"alive": True})

    async def _ready(self, _request: web.Request) -> web.Response:
        reasons = await self.reasons()
        return web.json_response({"ready": not reasons, "reasons": reasons}, status=503 if reasons else 200)

    async def _show_metrics(self, _request: web.Request) -> web.Response:
        return web.Response(body=self._metrics.render(), headers={"Content-Type": CONTENT_TYPE})


def _nothing(_connection: Connection, rows: Sequence[None]) -> list[None]:
    return list(rows)

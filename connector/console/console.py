"""All of the console in one: its routes, the templates, and the chores behind it."""

from __future__ import annotations

from aiohttp import web

from connector.console import pages
from connector.console.access import Door, Route
from connector.console.dead import DeadLetters
from connector.console.deliveries import Deliveries
from connector.console.delivery import OneDelivery
from connector.console.entry import Entry, first_user
from connector.console.events import Events
from connector.console.mappings import MappingPages
from connector.console.overview import Overview
from connector.console.parts import Parts
from connector.console.workspaces import WorkspacePages
from connector.outbox import bulk, hours

BULK_S = 1.0


class Console:
    """Made once for each process that serves HTTP."""

    def __init__(self, parts: Parts) -> None:
        self.parts = parts
        self._entry = Entry(parts)
        self._pages = (
            Overview(),
            Deliveries(),
            OneDelivery(),
            Events(),
            DeadLetters(),
            MappingPages(),
            WorkspacePages(),
        )

    def routes(self) -> list[Route]:
        """Every page, with the role that it needs."""
        return [*self._entry.routes(), *(route for page in self._pages for route in page.routes())]

    def serve(self, app: web.Application) -> None:
        """Give `app` the routes and the templates."""
        pages.prepare(app)
        door = Door(self.parts)
        app.add_routes(self._entry.open_routes())
        app.add_routes([door.guarded(route) for route in self.routes()])

    async def first_user(self) -> str | None:
        """Make the first user where there is none; the password to be shown once."""
        return await first_user(self.parts)

    async def work_off_jobs(self) -> None:
        """A second's worth of what operators have begun in bulk."""
        if await bulk.turn(self.parts.database, every_s=BULK_S):
            self.parts.received()
            self.parts.queued()

    async def count_hours(self) -> None:
        """Count the hours that are over."""
        await hours.turn(self.parts.database)

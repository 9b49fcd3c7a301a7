"""All of the console in one: its routes, the templates, and the chores behind it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aiohttp import web

from connector.console import pages
from connector.console.access import Door, Route
from connector.console.dead import DeadLetters
from connector.console.deliveries import Deliveries
from connector.console.delivery import OneDelivery
from connector.console.entry import Entry, first_user
from connector.console.events import Events
from connector.console.mappings import MappingPages
from connector.console.oidc.config import Config, configured
from connector.console.overview import Overview
from connector.console.parts import Parts
from connector.console.workspaces import WorkspacePages
from connector.outbox import bulk, hours

if TYPE_CHECKING:
    from connector.console.oidc.sign_on import SingleSignOn

BULK_S = 1.0


class Console:
    """Made once for each process that serves HTTP. Raises SettingsError."""

    def __init__(self, parts: Parts) -> None:
        self.parts = parts
        provider = configured(parts.settings)
        self._entry = Entry(parts, provider.shown if provider else None)
        self._single_sign_on = _single_sign_on(parts, provider) if provider else None
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
        if self._single_sign_on is not None:
            app.add_routes(self._single_sign_on.open_routes())
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


def _single_sign_on(parts: Parts, provider: Config) -> SingleSignOn:
    """Imported only where it is wanted: it needs the extra `connector[oidc]`."""
    from connector.console.oidc.sign_on import SingleSignOn

    return SingleSignOn(parts, provider)

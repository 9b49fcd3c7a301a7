"""All of the app store's side in one: its routes, its pages, and what is to be done now and then."""

from __future__ import annotations

from aiohttp import web

from connector.appstore import uninstall
from connector.appstore import web as pages
from connector.appstore.about import About
from connector.appstore.health_check import HealthCheck
from connector.appstore.install import Install
from connector.appstore.parts import Parts
from connector.appstore.setup.desk import Desk
from connector.appstore.setup.endpoint import EndpointPage
from connector.appstore.setup.entry import Entry
from connector.appstore.setup.events import EventsPage
from connector.appstore.setup.live import LivePage
from connector.appstore.setup.overview import Overview
from connector.appstore.setup.samples import SamplesPage
from connector.appstore.setup.segment import SegmentPage
from connector.appstore.setup.stripe import StripePage
from connector.appstore.uninstall import Uninstall
from connector.appstore.web import Door


class Front:
    """Made once for each process that serves HTTP."""

    def __init__(self, parts: Parts) -> None:
        door, desk = Door(parts), Desk(parts)
        self._parts = parts
        self._uninstall = Uninstall(parts)
        self.health_check = HealthCheck(parts)
        self._served = (
            Install(parts),
            self._uninstall,
            self.health_check,
            Entry(parts, door),
            About(parts),
            *(
                page(desk, door)
                for page in (Overview, StripePage, SegmentPage, EndpointPage, EventsPage, SamplesPage, LivePage)
            ),
        )

    def serve(self, app: web.Application) -> None:
        """Give `app` the routes and the templates."""
        pages.prepare(app)
        for each in self._served:
            app.add_routes(each.routes())

    async def finish_removals(self) -> None:
        """Finish what removed workspaces and endpoints have left to do."""
        await uninstall.finish(self._parts)

    async def close(self) -> None:
        """Let what was begun behind an answer end."""
        await self._uninstall.close()

"""A service put together: its parts opened in the order in which they need each other, and closed in reverse."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator
from dataclasses import dataclass

from aiohttp import ClientTimeout, web

from connector import manifest
from connector.app.chores import chores
from connector.app.ground import Ground, grounded, options
from connector.app.work import Work, working
from connector.appstore.front import Front
from connector.appstore.parts import Parts
from connector.appstore.webhooks import Webhooks
from connector.canvas.routes import Canvas
from connector.catalogues.folder import Folder
from connector.catalogues.in_use import Mappings
from connector.console.console import Console
from connector.console.parts import Parts as ConsoleParts
from connector.database.engine import Database
from connector.health import Health
from connector.inbox.receive import Receiver
from connector.inbox.tracking import Tracking
from connector.intercom.client import IntercomClient, base_url, make_session
from connector.people.forgetting import Forgetting
from connector.schedule import Schedule
from connector.settings import Settings
from connector.stripe_api.client import StripeApi
from connector.telemetry.facts import Tell
from connector.telemetry.logs import Logs
from connector.telemetry.metrics import Metrics
from connector.workspaces.directory import Directory

LARGEST_BODY = 8 * 1024 * 1024
FRONT_CONNECTIONS = 8
"""To Intercom, and to Stripe, for people who install and set up."""
FRONT_PATIENCE = ClientTimeout(total=10, connect=4)
"""Somebody waits for the answer in a browser."""


@dataclass
class Service:
    """What runs: its parts, and the application that serves them over HTTP."""

    settings: Settings
    database: Database
    directory: Directory
    mappings: Mappings
    folder: Folder | None
    metrics: Metrics
    health: Health
    receiver: Receiver
    webhooks: Webhooks
    tell: Tell
    tracking: Tracking
    front: Front
    canvas: Canvas
    console: Console
    work: Work | None = None

    async def wind_down(self) -> None:
        """Say that this process is no longer ready, and end mapping and delivery; webhooks are still stored."""
        self.health.shutting_down = True
        if self.work is not None:
            await self.work.stop()

    def application(self) -> web.Application:
        """Every route of this process."""
        app = web.Application(client_max_size=LARGEST_BODY)
        app.add_routes(self.receiver.routes())
        app.add_routes(self.tracking.routes())
        app.add_routes(self.webhooks.routes())
        app.add_routes(self.health.routes())
        app.add_routes(self.canvas.routes())
        self.front.serve(app)
        self.console.serve(app)
        return app

    async def reload_mappings(self) -> None:
        """What SIGHUP asks for: deploy the folder of a single machine, also what was taken back; else look anew."""
        if self.folder is not None and not self.database.many_processes:
            await self.folder.take(asked=True)
        await self.mappings.follow()


@contextlib.asynccontextmanager
async def service(settings: Settings, *, logs: Logs, work: bool = True) -> AsyncIterator[Service]:
    """Open everything; with `work`, map and deliver too. Raises ConnectorError where something is not right."""
    async with grounded(settings, logs=logs) as ground, _app_store(ground) as parts:
        forgetting = Forgetting(ground.database, ground.tell)
        running = _put_together(ground, parts, forgetting)
        schedule = Schedule(chores(ground, parts, running.front, running.console, forgetting), tell=ground.tell)
        schedule.start()
        try:
            async with working(ground) if work else contextlib.nullcontext() as running.work:
                running.health.trouble = running.work.trouble if running.work else running.health.trouble
                yield running
        finally:
            await schedule.stop()
            await running.front.close()
            await running.webhooks.close()
            await forgetting.close()


def _put_together(ground: Ground, parts: Parts, forgetting: Forgetting) -> Service:
    database, directory, tell, rung = ground.database, ground.directory, ground.tell, ground.received.ring
    return Service(
        ground.settings,
        database,
        directory,
        ground.mappings,
        ground.folder,
        ground.metrics,
        Health(database, ground.metrics, mappings_loaded=lambda: bool(ground.mappings.catalog.entries)),
        Receiver(database, directory, tell=tell, bell=rung),
        _webhooks(ground, forgetting),
        tell,
        Tracking(database, directory, tell=tell, bell=rung),
        Front(parts),
        Canvas(parts),
        _console(ground),
    )


@contextlib.asynccontextmanager
async def _app_store(ground: Ground) -> AsyncIterator[Parts]:
    """What the app store's side works with, its own few connections to Intercom and Stripe among it."""
    settings = ground.settings
    override = settings.intercom_api_url
    async with make_session(FRONT_CONNECTIONS, timeout=FRONT_PATIENCE) as session:
        intercom = IntercomClient(
            session, version=settings.intercom_version, base_url_for=lambda region: override or base_url(region)
        )
        async with StripeApi(base_url=settings.stripe_api_url).opened() as stripe_api:
            yield Parts(
                settings,
                ground.database,
                ground.vault,
                ground.directory,
                manifest.load(),
                session,
                intercom,
                stripe_api,
                ground.mappings,
                ground.tell,
                ground.received.ring,
                ground.queued.ring,
            )


def _console(ground: Ground) -> Console:
    parts = ConsoleParts(
        ground.settings,
        ground.database,
        ground.vault,
        ground.directory,
        ground.mappings,
        options(ground.settings),
        ground.tell,
        ground.received.ring,
        ground.queued.ring,
    )
    return Console(parts)


def _webhooks(ground: Ground, forgetting: Forgetting) -> Webhooks:
    secret = ground.settings.intercom_client_secret
    return Webhooks(
        ground.database,
        ground.directory,
        client_secret=secret.get_secret_value() if secret else None,
        tell=ground.tell,
        woken=ground.queued.ring,
        erase=forgetting.soon,
    )

"""A service with a console, a sandbox Intercom, signed webhooks that came in, and people with browsers."""

from __future__ import annotations

import asyncio
import itertools
import json
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from io import StringIO
from typing import Any

import sqlalchemy as sa
from aiohttp import ClientSession, CookieJar
from yarl import URL

from connector import app
from connector.app import Service
from connector.console import passwords, users
from connector.console.roles import Role
from connector.database.tables import deliveries
from connector.inbox import store as inbox
from connector.outbox import history
from connector.outbox.delivery import Delivery
from connector.sandbox import Sandbox, SandboxSettings, WorkspaceSettings
from connector.settings import LogFormat, LogLevel, Settings
from connector.telemetry import logs
from connector.workspaces import endpoints, store
from connector.workspaces.endpoints import Endpoint, NewEndpoint
from connector.workspaces.modes import Mode
from tests.appstore.deployment import Browser, Page, free_port
from tests.journeys.conftest import stripe_payload
from tests.signing import segment_headers, stripe_headers

STRIPE_SECRET, SEGMENT_SECRET = "whsec_console", "console-segment-secret"
PASSWORD = "correct horse battery"
KEPT = passwords.stored(PASSWORD)
ROLES = {"vera": Role.VIEWER, "otto": Role.OPERATOR, "ada": Role.ADMIN}
COOKIE = "connector-console"


@dataclass
class Deployment:
    """What runs."""

    service: Service
    address: str
    sandbox: Sandbox
    http: ClientSession
    endpoints: dict[str, Endpoint]
    workspace_id: int
    open: list[ClientSession] = field(default_factory=list)
    sent: int = 0

    def browser(self) -> Browser:
        session = ClientSession(cookie_jar=CookieJar(unsafe=True, treat_as_secure_origin=URL(self.address)))
        self.open.append(session)
        return Browser(session, self.address)

    async def signed_in(self, name: str = "ada") -> Browser:
        browser = self.browser()
        page = await sign_in(browser, name)
        assert page.status == 200, page.words
        return browser

    async def stripe(self, payload: Mapping[str, Any], **changes: Any) -> str:
        """Send one Stripe webhook, under an id of its own; that id."""
        self.sent += 1
        body = json.dumps({**payload, "id": f"evt_console{self.sent}", **changes}).encode()
        url = self.address + self.endpoints["stripe"].path
        async with self.http.post(url, data=body, headers=stripe_headers(body, STRIPE_SECRET)) as answer:
            assert answer.status == 200
        return str(json.loads(body)["id"])

    async def segment(self, message: Mapping[str, Any]) -> None:
        self.sent += 1
        body = json.dumps({"messageId": f"msg-{self.sent}", "type": "track", **message}).encode()
        url = self.address + self.endpoints["segment"].path
        async with self.http.post(url, data=body, headers=segment_headers(body, SEGMENT_SECRET)) as answer:
            assert answer.status == 200

    async def deliveries(self) -> list[Delivery]:
        return await self.service.database.read(history.page, history.Filter(), limit=5000)

    async def settled(self) -> list[Delivery]:
        """The deliveries, once nothing is on its way any more."""
        counts = {"received": 1}

        async def look() -> None:
            events = await self.service.database.read(inbox.count_by_state)
            made = await self.service.database.read(history.count_by_state)
            counts["received"] = events.get("received", 0) + made.get("due", 0)

        async with asyncio.timeout(30):
            while counts["received"]:
                await look()
                await asyncio.sleep(0.02)
        return await self.deliveries()

    async def mode(self) -> Mode:
        parts = self.service.console.parts
        return (await self.service.database.read(store.get, parts.vault, self.workspace_id)).mode

    async def change(self, **values: Any) -> None:
        """Write over every delivery."""
        statement = sa.update(deliveries).values(values)
        await self.service.database.transact(lambda connection: connection.execute(statement))


_numbers = itertools.count(1)


def invoice(**changes: Any) -> dict[str, Any]:
    """A paid invoice of its own, of a customer of its own, for Ada unless told."""
    payload = stripe_payload("invoice.paid")
    number = next(_numbers)
    own = {"id": f"in_console{number}", "customer": f"cus_console{number}", "customer_email": "ada@northwind-labs.io"}
    payload["data"]["object"] |= own | changes
    return payload


async def sign_in(browser: Browser, name: str, password: str = PASSWORD, **more: Any) -> Page:
    return await browser.post("/console/sign-in", csrf="", name=name, password=password, **more)


def token_in(browser: Browser) -> str | None:
    cookies = browser.session.cookie_jar.filter_cookies(URL(browser.address))
    return cookies[COOKIE].value if COOKIE in cookies else None


@asynccontextmanager
async def deployed(database_url: str, port: int | None = None, **settings: Any) -> AsyncIterator[Deployment]:
    """A live workspace `acme` whose contact is Ada."""
    port = port or free_port()
    address = f"http://127.0.0.1:{port}"
    workspace = WorkspaceSettings(app_id="acme", token="acme-token", name="Acme")
    async with Sandbox(SandboxSettings(workspaces=(workspace,))) as sandbox:
        sandbox.add_contact(workspace="acme", external_id="ada", email="ada@northwind-labs.io")
        given: dict[str, Any] = {
            "database_url": database_url,
            "intercom_api_url": sandbox.url,
            "encryption_keys": "A" * 43,
            "max_age": 0,
            **settings,
        }
        silent = logs.start(LogFormat.JSON, LogLevel.WARNING, StringIO())
        async with (
            app.service(Settings(**given), logs=silent) as service,
            app.listening(service, "127.0.0.1", port),
            ClientSession() as http,
        ):
            database, vault = service.database, service.console.parts.vault
            now = database.clock.now()
            new = store.Installation("acme", "acme-token", name="Acme")
            acme = await database.transact(store.add, vault, new, now=now)
            made = {
                source: await database.transact(
                    endpoints.add, vault, NewEndpoint(acme.id, source, signing_secret=secret), now=now
                )
                for source, secret in (("stripe", STRIPE_SECRET), ("segment", SEGMENT_SECRET))
            }
            for name, role in ROLES.items():
                await database.transact(users.add, name, role, KEPT, now=now)
            await service.directory.reload()
            deployment = Deployment(service, address, sandbox, http, made, acme.id)
            try:
                yield deployment
            finally:
                for session in deployment.open:
                    await session.close()

"""A whole deployment with an app at Intercom: the service, a sandbox Intercom and Stripe, and people with browsers."""

from __future__ import annotations

import json
import re
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from html import unescape
from io import StringIO
from typing import Any
from urllib.parse import parse_qs, urlsplit

from aiohttp import ClientResponse, ClientSession, CookieJar
from yarl import URL

from connector import app
from connector.app import Service
from connector.sandbox import Sandbox, SandboxSettings, StripeKey, WorkspaceSettings
from connector.settings import LogFormat, LogLevel, Settings
from connector.telemetry import logs
from connector.workspaces import store
from connector.workspaces.store import Workspace
from tests.signing import body_headers

KEY = "A" * 43
CLIENT_ID, CLIENT_SECRET = "sandbox-client", "sandbox-client-secret"
LIVE_KEY, TEST_KEY, POOR_KEY = "rk_live_acmeacme", "rk_test_acmeacme", "rk_test_poorpoor"


@dataclass
class Page:
    """What a browser sees."""

    status: int
    text: str
    url: URL
    headers: dict[str, str]

    @property
    def csrf(self) -> str:
        return re.findall(r'name="csrf" value="([0-9a-f]+)"', self.text)[0]

    @property
    def words(self) -> str:
        return " ".join(unescape(re.sub(r"<[^>]+>", " ", self.text)).split())

    def value(self, id_: str) -> str:
        """What an input field holds."""
        (found,) = re.findall(rf'id="{id_}"[^>]* value="([^"]*)"', self.text)
        return unescape(found)


@dataclass
class Browser:
    """One person's browser: cookies, and where it is."""

    session: ClientSession
    address: str
    last: Page | None = None

    async def get(self, path: str, **more: Any) -> Page:
        return await self._do("GET", path, **more)

    async def post(self, path: str, *, csrf: str | None = None, origin: str | None = None, **fields: Any) -> Page:
        """Send a form as the page that was last seen would."""
        if csrf is None:
            csrf = self.last.csrf if self.last and 'name="csrf"' in self.last.text else ""
        data = [("csrf", csrf)]
        for name, value in fields.items():
            data += [(name, each) for each in (value if isinstance(value, list) else [value])]
        return await self._do("POST", path, data=data, headers={"Origin": origin or self.address})

    async def _do(self, method: str, path: str, **more: Any) -> Page:
        url = path if path.startswith("http") else self.address + path
        async with self.session.request(method, url, **more) as answer:
            self.last = await _page(answer)
        return self.last

    async def install(self, workspace: str) -> Page:
        """From "Install" over Intercom's question to where one ends."""
        asked = await self.get("/install")
        fields = dict(re.findall(r'<input type="hidden" name="(\w+)" value="([^"]*)">', asked.text))
        data = {**{name: unescape(value) for name, value in fields.items()}, "workspace": workspace}
        return await self._do("POST", str(asked.url.origin() / "oauth"), data=data)

    async def callback_for(self, workspace: str) -> str:
        """The same, stopping before the callback is opened: its address."""
        asked = await self.get("/install")
        fields = dict(re.findall(r'<input type="hidden" name="(\w+)" value="([^"]*)">', asked.text))
        data = {**{name: unescape(value) for name, value in fields.items()}, "workspace": workspace}
        url = str(asked.url.origin() / "oauth")
        async with self.session.post(url, data=data, allow_redirects=False) as answer:
            return answer.headers["Location"]


async def _page(answer: ClientResponse) -> Page:
    text = await answer.text()
    return Page(answer.status, text, answer.url, {name.lower(): value for name, value in answer.headers.items()})


@dataclass
class Deployment:
    """What runs."""

    service: Service
    address: str
    sandbox: Sandbox
    http: ClientSession
    open: list[ClientSession] = field(default_factory=list)

    def browser(self) -> Browser:
        """Somebody else's, with no cookies yet."""
        jar = CookieJar(unsafe=True, treat_as_secure_origin=URL(self.address))
        session = ClientSession(cookie_jar=jar)
        self.open.append(session)
        return Browser(session, self.address)

    async def intercom(self, path: str, body: object, *, secret: str = CLIENT_SECRET) -> tuple[int, Any]:
        """What Intercom posts, signed."""
        raw = body if isinstance(body, bytes) else json.dumps(body).encode()
        async with self.http.post(self.address + path, data=raw, headers=body_headers(raw, secret)) as answer:
            return answer.status, await answer.json()

    async def workspace(self, app_id: str) -> Workspace | None:
        parts = self.service.front.health_check.parts
        return await self.service.database.read(store.find, parts.vault, app_id)

    async def card(self, app_id: str, *, component: str | None = None, **contact: str) -> list[dict[str, Any]]:
        """The card's components."""
        path = "/intercom/canvas/submit" if component else "/intercom/canvas/initialize"
        sent = {"workspace_id": app_id, "contact": contact, "admin": {"id": "814"}, "component_id": component}
        status, answer = await self.intercom(path, sent)
        assert status == 200
        components: list[dict[str, Any]] = answer["canvas"]["content"]["components"]
        return components


def free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        port: int = found.getsockname()[1]
        return port


def sandbox_settings() -> SandboxSettings:
    """Two workspaces, and a Stripe account with a live key, a test key, and one that lacks permissions."""
    everything = None
    return SandboxSettings(
        workspaces=(
            WorkspaceSettings(app_id="acme", token="acme-token", name="Acme", region="EU", timezone="Europe/Berlin"),
            WorkspaceSettings(app_id="bolt", token="bolt-token", name="Bolt"),
        ),
        stripe_keys=(
            StripeKey(key=LIVE_KEY, account="acct_acme", reads=everything),
            StripeKey(key=TEST_KEY, account="acct_acme", reads=everything),
            StripeKey(key=POOR_KEY, account="acct_acme", reads=frozenset({"events"})),
        ),
    )


@asynccontextmanager
async def deployed(database_url: str, sandbox: Sandbox, **settings: Any) -> AsyncIterator[Deployment]:
    """A connector on `database_url` whose app is the sandbox's."""
    port = free_port()
    address = f"http://127.0.0.1:{port}"
    sandbox.register(f"{address}/oauth/callback")
    given: dict[str, Any] = {
        "database_url": database_url,
        "base_url": address,
        "intercom_api_url": sandbox.url,
        "stripe_api_url": sandbox.url,
        "encryption_keys": KEY,
        "intercom_client_id": CLIENT_ID,
        "intercom_client_secret": CLIENT_SECRET,
        **settings,
    }
    silent = logs.start(LogFormat.JSON, LogLevel.WARNING, StringIO())
    async with (
        app.service(Settings(**given), logs=silent) as service,
        app.listening(service, "127.0.0.1", port),
        ClientSession() as http,
    ):
        deployment = Deployment(service, address, sandbox, http)
        try:
            yield deployment
        finally:
            for session in deployment.open:
                await session.close()


def query(url: str) -> dict[str, str]:
    return {name: values[0] for name, values in parse_qs(urlsplit(url).query).items()}

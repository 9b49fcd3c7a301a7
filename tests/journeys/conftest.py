"""A whole connector in this process: webhooks go in over HTTP, a sandbox Intercom keeps what comes out."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from aiohttp import ClientSession

from connector import app
from connector.app import Listening, Service
from connector.outbox import history
from connector.outbox.delivery import Delivery
from connector.sandbox import Sandbox, SandboxSettings, WorkspaceSettings
from connector.settings import LogFormat, LogLevel, Settings
from connector.telemetry import logs
from connector.workspaces import endpoints, store
from connector.workspaces.endpoints import Endpoint, NewEndpoint
from connector.workspaces.keys import load_vault
from tests.conftest import until
from tests.signing import segment_headers, stripe_headers

STRIPE_SECRET, SEGMENT_SECRET = "whsec_journey", "segment-journey"
PAYLOADS = Path(__file__).parent.parent.parent / "mappings"
KEY = "A" * 43


def stripe_payload(name: str) -> dict[str, Any]:
    """A payload of the shipped catalogue whose file name holds `name`."""
    return _payload("stripe", name)


def segment_payload(name: str) -> dict[str, Any]:
    return _payload("segment", name)


def _payload(source: str, name: str) -> dict[str, Any]:
    (path,) = [path for path in (PAYLOADS / source / "payloads").glob("*.json") if path.stem.split("-", 1)[1] == name]
    payload: dict[str, Any] = json.loads(path.read_bytes())
    return payload


@dataclass
class Journey:
    """A running service, its sandbox, and a sender for each source."""

    service: Service
    address: Listening
    sandbox: Sandbox
    http: ClientSession
    endpoints: dict[str, Endpoint]

    async def post(self, source: str, body: bytes, headers: dict[str, str]) -> tuple[int, dict[str, Any]]:
        url = self.address.url + self.endpoints[source].path
        async with self.http.post(url, data=body, headers=headers) as answer:
            return answer.status, await answer.json()

    async def stripe(self, payload: dict[str, Any], **changes: Any) -> None:
        body = json.dumps(payload | changes, indent=2).encode()
        status, answer = await self.post("stripe", body, stripe_headers(body, STRIPE_SECRET))
        assert (status, answer) == (200, {"received": True})

    async def segment(self, payload: Any) -> None:
        body = json.dumps(payload, separators=(",", ":")).encode()
        status, answer = await self.post("segment", body, segment_headers(body, SEGMENT_SECRET))
        assert (status, answer) == (200, {"received": True})

    async def deliveries(self) -> list[Delivery]:
        return await self.service.database.read(history.page, history.Filter(), limit=1000)

    async def settled(self, *states: str) -> list[Delivery]:
        """The deliveries, once there are as many as `states` and they are in these (in any order)."""
        found: list[Delivery] = []

        async def look() -> bool:
            nonlocal found
            found = await self.deliveries()
            return sorted(each.state.value for each in found) == sorted(states)

        await eventually(look, lambda: [(each.name, each.state.value, each.reason) for each in found])
        return found


async def eventually(look: Any, seen: Any = lambda: "nothing to show", *, within_s: float = 15.0) -> None:
    """Wait until the coroutine `look()` gives true; what was `seen` last is in the failure."""
    import asyncio

    try:
        async with asyncio.timeout(within_s):
            while not await look():
                await asyncio.sleep(0.01)
    except TimeoutError:
        pytest.fail(f"it did not come to it; seen last: {seen()}")


@asynccontextmanager
async def running(database_url: str, sandbox: Sandbox, **settings: Any) -> AsyncIterator[Journey]:
    """A connector on `database_url` that delivers to `sandbox`; started again on the same database, it goes on."""
    told = Settings(
        database_url=database_url,
        intercom_api_url=sandbox.url,
        encryption_keys=KEY,
        **{"max_age": 0} | settings,  # the payloads tell of days long past
    )
    silent = logs.start(LogFormat.JSON, LogLevel.WARNING, StringIO())
    async with app.service(told, logs=silent) as service, app.listening(service, "127.0.0.1", 0) as address:
        made = await _endpoints(service, sandbox.token)
        async with ClientSession() as http:
            yield Journey(service, address, sandbox, http, made)


async def _endpoints(service: Service, token: str) -> dict[str, Endpoint]:
    def make(connection: Any) -> dict[str, Endpoint]:
        vault = load_vault(service.settings)
        if store.find(connection, vault, "sandbox") is None:
            workspace = store.add(connection, vault, store.Installation("sandbox", token), now=1)
            for source, secret in (("stripe", STRIPE_SECRET), ("segment", SEGMENT_SECRET)):
                endpoints.add(connection, vault, NewEndpoint(workspace.id, source, signing_secret=secret), now=1)
        return {each.source: each for each in endpoints.page(connection, vault)}

    made = await service.database.transact(make)
    await service.directory.reload()
    return made


@pytest.fixture
async def sandbox() -> AsyncIterator[Sandbox]:
    """A local Intercom that knows nobody yet."""
    async with Sandbox(SandboxSettings(workspaces=(WorkspaceSettings(),))) as running_sandbox:
        yield running_sandbox


@pytest.fixture
async def journey(database_url: str, sandbox: Sandbox) -> AsyncIterator[Journey]:
    """A whole connector, once on each database."""
    async with running(database_url, sandbox) as found:
        yield found


__all__ = ["until"]

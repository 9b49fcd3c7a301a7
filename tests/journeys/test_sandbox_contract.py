"""Each request that we make of Intercom, and each answer of the sandbox that we build on, is as Intercom describes it.

Between the connector and the sandbox stands a tap that hears everything. The description is Intercom's OpenAPI file.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from aiohttp import ClientSession, web
from pydantic import SecretStr
from yarl import URL

from connector.cli.token_check import check
from connector.inbox import store
from connector.outbox.delivery import State
from connector.sandbox import Sandbox, SandboxSettings
from connector.settings import Settings
from tests.journeys.conftest import KEY, PAYLOADS, Journey, eventually, running, segment_payload
from tests.sandbox.intercom_spec import assert_answer_matches_spec, assert_request_matches_spec, lookup, raw_spec

ADA, LEAD, OFFICE, STRANGER = "ada@example.com", "lead@example.com", "office@example.com", "nobody+here@example.com"


@dataclass(frozen=True, slots=True)
class Exchange:
    """One request and its answer, bodies read from JSON."""

    method: str
    path: str
    headers: Mapping[str, str]
    body: Any
    status: int
    answer: Any

    @property
    def route(self) -> str:
        """The path without what stands for one contact."""
        parts = self.path.split("/")
        return "/".join(["", "contacts", *parts[2:-1], "…"]) if parts[1] == "contacts" and len(parts) > 2 else self.path


class Overheard(Sandbox):
    """A sandbox behind a tap that passes everything on and remembers it; `url` is the tap's."""

    def __init__(self, settings: SandboxSettings) -> None:
        super().__init__(settings)
        self.exchanges: list[Exchange] = []
        self._tap = AsyncExitStack()

    async def start(self, host: str = "127.0.0.1", port: int = 0) -> None:
        """Listen, and then have the tap listen."""
        await super().start(host, port)
        self._http = await self._tap.enter_async_context(ClientSession(auto_decompress=False))
        app = web.Application()
        app.router.add_route("*", "/{path:.*}", self._pass_on)
        runner = web.AppRunner(app, access_log=None)
        await runner.setup()
        self._tap.push_async_callback(runner.cleanup)
        await web.TCPSite(runner, host, 0).start()
        self._address = f"http://{host}:{runner.addresses[0][1]}"

    async def stop(self) -> None:
        """Stop both."""
        await self._tap.aclose()
        await super().stop()

    @property
    def url(self) -> str:
        """Where Intercom seems to be."""
        return self._address

    async def _pass_on(self, request: web.Request) -> web.Response:
        body = await request.read()
        url = URL(super().url + request.raw_path, encoded=True)
        headers = request.headers
        async with self._http.request(request.method, url, data=body or None, headers=headers) as answer:
            said = await answer.read()
        heard = Exchange(request.method, request.raw_path, headers, _read(body), answer.status, _read(said))
        self.exchanges.append(heard)
        return web.Response(status=answer.status, body=said, headers=answer.headers)


def _read(body: bytes) -> Any:
    return json.loads(body) if body else None


@pytest.fixture
async def intercom() -> AsyncIterator[Overheard]:
    raw_spec()  # skips where the description is not there
    async with Overheard(SandboxSettings()) as listening:
        yield listening


@pytest.fixture
async def journey(sqlite_url: str, intercom: Overheard) -> AsyncIterator[Journey]:
    """A connector that reaches Intercom through the tap only."""
    async with running(sqlite_url, intercom) as found:
        yield found


async def test_every_shipped_payload_is_sent_as_intercom_describes_it(journey: Journey, intercom: Overheard) -> None:
    intercom.configure(create_contacts=True)
    await asyncio.gather(
        *(journey.stripe(payload) for payload in shipped("stripe")),
        *(journey.segment(payload) for payload in shipped("segment")),
    )
    await eventually(lambda: nothing_is_due(journey))
    assert len(intercom.events()) > 50
    assert said(intercom) == {("POST", "/events", 202)}
    all_conform(intercom)


async def test_looking_for_somebody_is_done_as_intercom_describes_it(journey: Journey, intercom: Overheard) -> None:
    """Known, a lead, several of one address, unknown by address and by id: each kind of look-up there is."""
    intercom.add_contact(email=ADA)
    intercom.add_contact(email=LEAD, role="lead")
    for user in ("one", "two"):
        intercom.add_contact(email=OFFICE, external_id=user)
    for number, email in enumerate((ADA, LEAD, OFFICE, STRANGER)):
        await journey.segment(order(number, context={"traits": {"email": email}}))
    await journey.segment(order(9, userId="not/here?#%2F.."))
    await journey.settled("dead", "delivered", "delivered", "parked", "parked")
    assert said(intercom) == {
        ("POST", "/events", 202),
        ("POST", "/events", 404),
        ("POST", "/events", 409),
        ("POST", "/contacts/…", 200),
        ("GET", "/contacts/find_by_external_id/…", 404),
    }
    all_conform(intercom)


async def test_whose_token_it_is_is_asked_as_intercom_describes_it(intercom: Overheard) -> None:
    settings = Settings(intercom_api_url=intercom.url, encryption_keys=SecretStr(KEY))
    assert (await check(settings, "sandbox", intercom.token, None)).verified is True
    assert said(intercom) == {("GET", "/me", 200)}
    all_conform(intercom)


def all_conform(intercom: Overheard) -> None:
    versions = lookup(raw_spec(), ("components", "schemas", "intercom_version", "enum"))
    for exchange in intercom.exchanges:
        assert exchange.headers["Accept"] == "application/json"
        assert exchange.headers["Authorization"].startswith("Bearer ")
        assert exchange.headers["Intercom-Version"] in versions
        if exchange.body is not None:
            assert exchange.headers["Content-Type"] == "application/json"
            assert_request_matches_spec(exchange.method, exchange.path, exchange.body)
        assert_answer_matches_spec(exchange.method, exchange.path, exchange.status, exchange.answer)


def said(intercom: Overheard) -> set[tuple[str, str, int]]:
    """Which requests there were, and how they were answered."""
    return {(each.method, each.route, each.status) for each in intercom.exchanges}


def shipped(source: str) -> list[dict[str, Any]]:
    """The payloads of the catalogue."""
    files: list[Path] = sorted((PAYLOADS / source / "payloads").glob("*.json"))
    return [json.loads(file.read_bytes()) for file in files]


def order(number: int, **who: Any) -> dict[str, Any]:
    """An order as Segment tells of it, and nothing else about who gave it."""
    payload = segment_payload("track-order-completed")
    about = {key: payload[key] for key in ("type", "event", "timestamp", "originalTimestamp", "receivedAt")}
    properties = payload["properties"] | {"order_id": f"order-{number}"}
    return about | {"messageId": f"order-{number}", "properties": properties} | who


async def nothing_is_due(journey: Journey) -> bool:
    """Whether all that was sent has been mapped and tried."""
    counts = await journey.service.database.read(store.count_by_state)
    return not counts.get("received") and all(each.state is not State.DUE for each in await journey.deliveries())

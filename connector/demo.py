"""The whole product in one minute, on this machine alone: `connector demo`.

A service and a sandbox Intercom are started on 127.0.0.1 with a database in a temporary folder. The shipped
catalogue's own payloads are signed and sent as Stripe and Segment send them; then a table shows what became of each.
What the sandbox received is compared with what the service says it delivered: a difference is a failure.
"""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import json
import tempfile
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from aiohttp import ClientSession

from connector import app
from connector.app import Listening, Service
from connector.inbox import store as inbox
from connector.inbox.store import ReceivedEvent
from connector.mapping_files import shipped_folder
from connector.outbox import history
from connector.outbox.delivery import FINAL, Delivery, State
from connector.sandbox import ReceivedEvent as Arrived
from connector.sandbox import Sandbox, SandboxSettings, WorkspaceSettings
from connector.settings import Settings
from connector.telemetry.logs import Logs
from connector.workspaces import endpoints, store
from connector.workspaces.endpoints import Endpoint, NewEndpoint
from connector.workspaces.keys import load_vault

PATIENCE_S = 60.0
STRIPE_SECRET, SEGMENT_SECRET = "whsec_of_the_demo", "shared-secret-of-the-demo"


@dataclass(frozen=True, slots=True)
class Line:
    """What became of one source event: `sent` is its file, `arrived` what the sandbox holds of each delivery."""

    sent: str
    received: ReceivedEvent
    deliveries: tuple[tuple[Delivery, Arrived | None], ...]


@dataclass(frozen=True, slots=True)
class Report:
    """What the demo shows, and what is wrong with it: nothing, if all is well."""

    lines: tuple[Line, ...]
    mistakes: tuple[str, ...]
    seconds: float


@dataclass(frozen=True, slots=True)
class Running:
    """A demo that is up: where its service and its sandbox answer."""

    service: Listening
    sandbox: Sandbox
    report: Report


async def run(
    logs: Logs, *, step: Callable[[str], None], then: Callable[[Running], Any] | None = None, port: int = 0
) -> Report:
    """Run the demo; `step` is told what happens, `then` is awaited while everything is still up."""
    with tempfile.TemporaryDirectory(prefix="connector-demo-") as folder:
        workspace = WorkspaceSettings(create_contacts=True)
        async with Sandbox(SandboxSettings(workspaces=(workspace,))) as sandbox:
            settings = Settings(
                max_age=0,  # its webhooks tell of days long past
                database_url=f"sqlite:///{folder}/demo.db",
                intercom_api_url=sandbox.url,
                host="127.0.0.1",
                port=port,
            )
            async with (
                app.service(settings, logs=logs) as service,
                app.listening(service, "127.0.0.1", port) as address,
            ):
                step(f"service on {address.url}, sandbox Intercom on {sandbox.url}")
                report = await _report(service, address, sandbox, step)
                if then is not None:
                    await then(Running(address, sandbox, report))
                return report


async def _report(service: Service, address: Listening, sandbox: Sandbox, step: Callable[[str], None]) -> Report:
    started = time.perf_counter()
    stripe, segment = await _install(service, sandbox.token)
    sent = await _send(address.url + stripe.path, "stripe", _stripe_headers)
    step(f"sent {len(sent)} Stripe webhooks, each signed")
    others = await _send(address.url + segment.path, "segment", _segment_headers)
    step(f"sent {len(others)} Segment messages, each signed")
    await _settled(service)
    lines = await _lines(service, {**sent, **others}, sandbox.events())
    return Report(lines, tuple(_mistakes(lines, sandbox.events())), time.perf_counter() - started)


async def _install(service: Service, token: str) -> tuple[Endpoint, Endpoint]:
    """The workspace with an endpoint for each source, as `workspaces add` and `endpoints add` make them."""
    vault, now = load_vault(service.settings), service.database.clock.now()
    workspace = await service.database.transact(store.add, vault, store.Installation("sandbox", token), now=now)
    stripe = NewEndpoint(workspace.id, "stripe", signing_secret=STRIPE_SECRET)
    segment = NewEndpoint(workspace.id, "segment", signing_secret=SEGMENT_SECRET)
    made = [await service.database.transact(endpoints.add, vault, each, now=now) for each in (stripe, segment)]
    await service.directory.reload()
    return made[0], made[1]


async def _send(url: str, source: str, headers: Callable[[bytes], dict[str, str]]) -> dict[str, str]:
    """Post every payload of the shipped catalogue; file names by the sender's own id of the event."""
    sent: dict[str, str] = {}
    async with ClientSession() as session:
        for path in sorted((shipped_folder() / source / "payloads").glob("*.json")):
            body = path.read_bytes()
            async with session.post(url, data=body, headers=headers(body)) as answer:
                if answer.status != 200:
                    raise AssertionError(f"{path.name}: {answer.status} {await answer.text()}")
            payload = json.loads(body)
            key = payload["id"] if source == "stripe" else payload["messageId"]
            if key in sent:
                raise AssertionError(f"{path.stem} and {sent[key]} share the id {key}")
            sent[key] = path.stem
    return sent


def _stripe_headers(body: bytes) -> dict[str, str]:
    now = int(time.time())
    signature = hmac.new(STRIPE_SECRET.encode(), b"%d." % now + body, hashlib.sha256).hexdigest()
    return {"Stripe-Signature": f"t={now},v1={signature}", "Content-Type": "application/json"}


def _segment_headers(body: bytes) -> dict[str, str]:
    signature = hmac.new(SEGMENT_SECRET.encode(), body, hashlib.sha1).hexdigest()
    return {"X-Signature": signature, "Content-Type": "application/json"}


async def _settled(service: Service) -> None:
    """Wait until nothing is on its way any more."""
    async with asyncio.timeout(PATIENCE_S):
        while await service.database.read(_on_its_way):  # noqa: ASYNC110 - the database has no bell for us
            await asyncio.sleep(0.05)


def _on_its_way(connection: Any) -> int:  # noqa: ANN401 - a database connection
    events, deliveries = inbox.count_by_state(connection), history.count_by_state(connection)
    return events.get("received", 0) + deliveries.get(State.DUE.value, 0)


async def _lines(service: Service, sent: dict[str, str], arrived: Sequence[Arrived]) -> tuple[Line, ...]:
    events = await service.database.read(inbox.page, inbox.Filter(), limit=1000)
    deliveries = await service.database.read(history.page, history.Filter(), limit=1000)
    order = {key: place for place, key in enumerate(sent)}
    return tuple(
        Line(
            sent[event.external_key],
            event,
            tuple((each, _arrival(each, arrived)) for each in deliveries if each.received_key == event.key),
        )
        for event in sorted(events, key=lambda event: order[event.external_key])
    )


def _arrival(delivery: Delivery, arrived: Iterable[Arrived]) -> Arrived | None:
    for each in arrived:
        if delivery.identifier and (each.name, each.created_at, each.identifier) == (
            delivery.name,
            delivery.created_at,
            delivery.identifier.value,
        ):
            return each
    return None


def _mistakes(lines: Sequence[Line], arrived: Sequence[Arrived]) -> Iterable[str]:
    """What must not be: a webhook without a final state, a delivery that did not arrive, an arrival nobody sent."""
    deliveries = [pair for line in lines for pair in line.deliveries]
    for line in lines:
        if line.received.state.value in ("received", "failed", "unparseable"):
            yield f"{line.sent} is {line.received.state.value}: {line.received.reason}"
    for delivery, arrival in deliveries:
        if delivery.state is State.DELIVERED and arrival is None:
            yield f"{delivery.name} is delivered, but Intercom does not have it"
        if delivery.state not in (*FINAL, State.WAITING, State.PARKED) or delivery.state is State.DEAD:
            yield f"{delivery.name} is {delivery.state.value}: {delivery.reason}"
    if extra := len(arrived) - len([arrival for _, arrival in deliveries if arrival]):
        yield f"Intercom has {extra} events that nobody sent"
    if not any(delivery.state is State.DELIVERED for delivery, _ in deliveries):
        yield "nothing was delivered"

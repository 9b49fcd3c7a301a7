"""A connector in step with the sandbox's Stripe: an endpoint with a restricted key, webhooks sent when told to."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from io import StringIO
from typing import Any

import pytest

from connector import app
from connector.app import Listening, Service
from connector.database.clock import wall
from connector.inbox import store as inbox
from connector.outbox import history
from connector.outbox.delivery import Delivery
from connector.sandbox import Sandbox, SandboxSettings, StripeKey, WorkspaceSettings
from connector.settings import LogFormat, LogLevel, Settings
from connector.stripe_api import endpoints as stripe_endpoints
from connector.stripe_api.client import StripeApi
from connector.stripe_api.endpoints import Ensured, Wanted
from connector.sync import state
from connector.sync.reconcile import place_of
from connector.sync.state import SyncState
from connector.telemetry import logs
from connector.workspaces import endpoints, store
from connector.workspaces.endpoints import Endpoint, NewEndpoint
from connector.workspaces.keys import load_vault

KEY = "rk_test_sandbox"
NOW = int(time.time())
HOUR, DAY = 3600, 24 * 3600
ENCRYPTION_KEY = "A" * 43


def invoice(number: int, **more: Any) -> dict[str, Any]:
    """A paid invoice of a customer of its own."""
    return {
        "id": f"in_{number}",
        "object": "invoice",
        "status": "paid",
        "livemode": False,
        "currency": "usd",
        "amount_paid": 1000 + number,
        "amount_due": 1000 + number,
        "billing_reason": "subscription_cycle",
        "customer": f"cus_{number}",
        "customer_email": f"customer{number}@example.com",
        "created": NOW - HOUR,
        "status_transitions": {"paid_at": NOW - HOUR + number % 1000},
        "lines": {"object": "list", "data": []},
        **more,
    }


def event(number: int, kind: str, thing: dict[str, Any], *, seconds_ago: int = HOUR, **more: Any) -> dict[str, Any]:
    """A Stripe event as its list shows it."""
    return {
        "id": f"evt_{number}",
        "object": "event",
        "type": kind,
        "created": int(time.time()) - seconds_ago,  # not since the suite began, which may be long ago
        "livemode": False,
        "api_version": "2026-07-29.dahlia",
        "data": {"object": thing},
        **more,
    }


def paid(number: int, **more: Any) -> dict[str, Any]:
    """invoice.paid of that invoice."""
    return event(number, "invoice.paid", invoice(number), **more)


@dataclass
class InStep:
    """A running service whose Stripe endpoint has a key; `endpoint` is ours."""

    service: Service
    address: Listening
    sandbox: Sandbox
    endpoint: Endpoint
    said: StringIO
    """Its log, from warnings on."""

    async def deliveries(self) -> list[Delivery]:
        return await self.service.database.read(history.page, history.Filter(), limit=100_000)

    async def events(self) -> list[inbox.ReceivedEvent]:
        return await self.service.database.read(inbox.page, inbox.Filter(), limit=100_000)

    async def state(self) -> SyncState:
        return await self.service.database.read(state.load, place_of(self.endpoint))

    async def register(self) -> None:
        """Have webhooks sent here: an endpoint at Stripe, whose secret is ours from now on."""
        async with StripeApi(base_url=self.sandbox.url).opened() as api:
            wanted = Wanted("test", self.address.url + self.endpoint.path, ("*",))
            made = await stripe_endpoints.ensure(api, KEY, wanted, secret_known=False)
            assert isinstance(made, Ensured)

        def take(connection: Any) -> None:
            vault = load_vault(self.service.settings)
            found = endpoints.get(connection, vault, self.endpoint.id)
            endpoints.rotate(connection, vault, found, new=made.endpoint.secret, drop_old=True, now=wall())

        await self.service.database.transact(take)
        await self.service.directory.reload()


@asynccontextmanager
async def in_step(
    database_url: str, sandbox: Sandbox, *, key: str | None = KEY, **settings: Any
) -> AsyncIterator[InStep]:
    """A connector on `database_url`; started again on the same one, it goes on."""
    told = Settings(
        database_url=database_url,
        intercom_api_url=sandbox.url,
        stripe_api_url=sandbox.url,
        encryption_keys=ENCRYPTION_KEY,
        **{"reconcile_seconds": 1, **settings},
    )
    said = StringIO()
    quiet = logs.start(LogFormat.JSON, LogLevel.WARNING, said)
    async with app.service(told, logs=quiet) as service, app.listening(service, "127.0.0.1", 0) as address:
        endpoint = await _endpoint(service, sandbox.token, key)
        yield InStep(service, address, sandbox, endpoint, said)


async def _endpoint(service: Service, token: str, key: str | None) -> Endpoint:
    def make(connection: Any) -> Endpoint:
        vault = load_vault(service.settings)
        if store.find(connection, vault, "sandbox") is None:
            workspace = store.add(connection, vault, store.Installation("sandbox", token), now=1)
            new = NewEndpoint(workspace.id, "stripe", signing_secret="whsec_first", restricted_key=key)
            endpoints.add(connection, vault, new, now=1)
        (found,) = endpoints.page(connection, vault)
        return found

    made = await service.database.transact(make)
    await service.directory.reload()
    return made


@pytest.fixture
async def sandbox() -> AsyncIterator[Sandbox]:
    """An Intercom that creates whom it does not know, and a Stripe."""
    told = WorkspaceSettings(create_contacts=True, rate_limit=1_000_000)
    async with Sandbox(SandboxSettings(workspaces=(told,), stripe_keys=(StripeKey(key=KEY),))) as running:
        yield running


def created_names(sandbox: Sandbox) -> list[str]:
    """The name of each event that Intercom took, repeats left out."""
    return [each.name for each in sandbox.events(duplicate=False)]


def ids(events: Iterable[inbox.ReceivedEvent]) -> list[str]:
    return sorted(each.external_key for each in events)

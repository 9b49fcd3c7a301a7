"""What Stripe says of our endpoint, asked with the restricted key: disabled, gone, other types, another version."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest

from connector.alarms.at_stripe import AskStripe
from connector.alarms.rules import DAY_MS
from connector.mapping.catalog import Catalog
from connector.sandbox import Sandbox, SandboxSettings, StripeKey
from connector.stripe_api.client import StripeApi
from connector.sync.wanted_types import wanted_types
from connector.workspaces import endpoints
from tests.alarms.conftest import Watched

KEY = "rk_test_sandbox"
VERSION = "2026-07-29.dahlia"
WANTED = wanted_types(Catalog())
Look = Any


@pytest.fixture
async def sandbox() -> AsyncIterator[Sandbox]:
    async with Sandbox(SandboxSettings(stripe_keys=(StripeKey(key=KEY),))) as running:
        yield running


class Stripe:
    """An account of the sandbox's, and our look at it."""

    def __init__(self, watched: Watched, sandbox: Sandbox, api: StripeApi) -> None:
        self.watched, self.sandbox, self.api = watched, sandbox, api
        self.id = ""

    async def make(self, types: list[str], version: str | None = VERSION) -> None:
        """By hand, in the dashboard: nothing says whose it is."""
        url = "http://127.0.0.1" + self.watched.stripe.path
        params: dict[str, Any] = {"url": url, "enabled_events": types}
        answer = await self.api.post(KEY, "webhook_endpoints", params | ({"api_version": version} if version else {}))
        self.id = answer.value.values["id"]  # type: ignore[union-attr]

    async def change(self, **changes: Any) -> None:
        await self.api.post(KEY, f"webhook_endpoints/{self.id}", changes)

    async def look(self) -> list[tuple[str, str]]:
        watched = self.watched
        await watched.directory.reload()
        ask = AskStripe(
            watched.database, watched.directory, self.api, Catalog, watched.told.append, lambda: watched.now
        )
        await ask.look()
        return await watched.open()


@pytest.fixture
async def stripe(watched: Watched, sandbox: Sandbox) -> AsyncIterator[Stripe]:
    async with StripeApi(base_url=sandbox.url).opened() as api:
        yield Stripe(watched, sandbox, api)


async def test_an_endpoint_that_is_as_it_should_be_opens_nothing(stripe: Stripe):
    await stripe.make([*WANTED])
    assert await stripe.look() == []


async def test_one_that_is_disabled_is_seen_and_one_that_is_enabled_again_is_over(stripe: Stripe):
    await stripe.make(["*"])
    await stripe.change(disabled="true")
    assert await stripe.look() == [("stripe_endpoint", "default")]
    await stripe.change(disabled="false")
    assert await stripe.look() == []


async def test_one_that_is_gone_is_seen(stripe: Stripe):
    assert await stripe.look() == [("stripe_endpoint", "default")]


async def test_types_that_are_not_sent_any_more_are_named(stripe: Stripe):
    await stripe.make(["*"])
    assert await stripe.look() == []
    await stripe.change(enabled_events=[each for each in WANTED if each != "charge.succeeded"])
    assert await stripe.look() == [("stripe_types", "default")]
    assert stripe.watched.told[-1].detail == "Stripe does not send charge.succeeded, which mappings ask for"
    await stripe.change(enabled_events=[*WANTED])
    assert await stripe.look() == []


async def test_another_version_is_seen_and_is_the_usual_one_after_a_week(stripe: Stripe):
    await stripe.make(["*"])
    assert await stripe.look() == []
    await stripe.api.delete(KEY, f"webhook_endpoints/{stripe.id}")
    await stripe.make(["*"], "2026-10-28.endive")
    assert await stripe.look() == [("stripe_version", "default")]
    assert "2026-10-28.endive; it used to be 2026-07-29.dahlia" in stripe.watched.told[-1].detail
    stripe.watched.now += 6 * DAY_MS
    assert await stripe.look() == [("stripe_version", "default")]
    stripe.watched.now += DAY_MS
    assert await stripe.look() == []


async def test_where_stripe_does_not_answer_alerts_stay_as_they_are(stripe: Stripe):
    assert await stripe.look() == [("stripe_endpoint", "default")]
    stripe.sandbox.revoke_stripe_key(KEY)
    assert await stripe.look() == [("stripe_endpoint", "default")]


async def test_one_that_set_up_made_is_left_to_set_up_but_for_its_version(stripe: Stripe):
    watched = stripe.watched

    def made(connection) -> None:
        from connector.workspaces import remote

        found = endpoints.get(connection, watched.vault, watched.stripe.id)
        remote.made(connection, watched.vault, found, remote_id=stripe.id, secret=None, version="2026-01-01")

    await stripe.make(["invoice.paid"])
    await stripe.change(disabled="true")
    await watched.database.transact(made)
    assert await stripe.look() == [("stripe_version", "default")]

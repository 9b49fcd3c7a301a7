"""Stripe's API as the connector calls it: its own library, over HTTP, to the sandbox's Stripe."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from connector.sandbox import Sandbox, SandboxSettings, StripeKey
from connector.stripe_api.client import StripeApi, make_session

ALL, LIVE, FEW, OTHER = "rk_test_everything", "rk_live_everything", "rk_test_a_few", "rk_test_another"
KEYS = (
    StripeKey(key=ALL, account="acct_1"),
    StripeKey(key=LIVE, account="acct_1"),
    StripeKey(key=FEW, account="acct_1", reads=frozenset({"events", "customers"})),
    StripeKey(key=OTHER, account="acct_2"),
)


@pytest.fixture
async def sandbox() -> AsyncIterator[Sandbox]:
    async with Sandbox(SandboxSettings(stripe_keys=KEYS)) as sandbox:
        yield sandbox


@pytest.fixture
async def api(sandbox: Sandbox) -> AsyncIterator[StripeApi]:
    async with make_session(base_url=sandbox.url) as session:
        yield StripeApi(session, base_url=sandbox.url)

"""`kill -9` in the middle of a job that an operator began in the console: the next start goes on with it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from aiohttp import ClientSession, CookieJar
from yarl import URL

from connector.outbox import bulk
from connector.outbox.bulk import BulkJob, JobState
from tests.appstore.deployment import Browser
from tests.crash.deployment import Deployment
from tests.crash.oracle import invoice_of
from tests.crash.processes import PATIENCE_S
from tests.crash.sender import Fate, webhook

pytestmark = pytest.mark.crash

MANY, RATE = 120, 20
PASSWORD = "correct horse battery"
DEAD = {"state": "dead", "reason": "refused"}


@asynccontextmanager
async def console(address: str) -> AsyncIterator[Browser]:
    """The first user's browser, signed in."""
    jar = CookieJar(unsafe=True, treat_as_secure_origin=URL(address))
    async with ClientSession(cookie_jar=jar) as http:
        browser = Browser(http, address)
        page = await browser.post("/console/sign-in", csrf="", name="admin", password=PASSWORD)
        assert page.status == 200, page.words
        yield browser


async def job(deployment: Deployment) -> BulkJob:
    (found,) = await deployment.asks(lambda connection: bulk.latest(connection, 1))
    return found


async def test_a_bulk_job_goes_on_after_kill_9_and_does_nothing_twice(any_deployment: Deployment) -> None:
    deployment = any_deployment
    own = {"CONNECTOR_CONSOLE_PASSWORD": PASSWORD}
    service = await deployment.start(**own)
    sender = deployment.sender()
    await sender.send(*(webhook(number, Fate.DEAD) for number in range(MANY)))
    assert len((await deployment.settled()).arrived) == 0
    await deployment.sandbox("DELETE", "faults")  # what made Intercom refuse them is mended

    async with console(service.url) as browser:
        await browser.get("/console/bulk/replay", params=DEAD)
        page = await browser.post("/console/bulk/replay", **DEAD, rate=str(RATE))
        assert "The job has begun." in page.words
    async with asyncio.timeout(PATIENCE_S):
        while not (await job(deployment)).seen:
            await asyncio.sleep(0.01)
    await deployment.kill()
    died_at = await job(deployment)
    assert died_at.state is JobState.RUNNING
    assert 0 < died_at.seen < MANY
    await deployment.leases_run_out()

    service = await deployment.start(**own)
    async with asyncio.timeout(PATIENCE_S):
        while (await job(deployment)).state is JobState.RUNNING:
            await asyncio.sleep(0.05)
    after = await job(deployment)
    assert (after.state, after.seen, after.done, dict(after.refused)) == (JobState.DONE, MANY, MANY, {})
    books = await deployment.settled()
    assert sorted(map(invoice_of, books.arrived)) == sorted(each.invoice for each in sender.answered.values())
    assert {each["state"] for each in books.deliveries} == {"delivered"}
    assert len(books.deliveries) == MANY
    async with console(service.url) as browser:
        page = await browser.get(f"/console/jobs/{after.id}")
        assert f"{MANY} of {MANY} looked at, {MANY} done" in page.words

"""SIGTERM under load: the service finishes what it has begun, says goodbye with 0, and leaves nothing to chance."""

from __future__ import annotations

import pytest

from tests.crash.deployment import Deployment
from tests.crash.oracle import mistakes
from tests.crash.sender import webhooks

pytestmark = pytest.mark.crash

LOAD = 200
MAY_TAKE_S = 30.0


async def test_a_service_that_is_told_to_stop_loses_and_repeats_nothing(deployment: Deployment) -> None:
    await deployment.sandbox("POST", "faults", kind="slow", delay=0.3, times=None)
    await deployment.start()
    sender = deployment.sender()
    async with sender.sending(webhooks(LOAD)):
        for share in (0.3, 0.6):
            await sender.has(int(LOAD * share))
            assert await deployment.stop(within_s=MAY_TAKE_S) == 0
            await deployment.start()
    books = await deployment.settled()
    assert mistakes(sender, books) == []
    assert books.repeated == [], "an answer of Intercom's was thrown away"


async def test_a_second_service_waits_for_the_death_of_the_first(deployment: Deployment) -> None:
    first = await deployment.start()
    refused = await deployment.command("serve", "--port", "0")
    assert refused.status == 1
    assert refused.err.startswith("error: another connector service is running on ")
    assert len(refused.err.splitlines()) == 1
    sender = deployment.sender()
    await sender.send(*webhooks(30))
    assert first.process.handle.returncode is None
    await deployment.kill()
    await deployment.start()
    assert mistakes(sender, await deployment.settled()) == []

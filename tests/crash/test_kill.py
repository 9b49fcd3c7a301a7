"""`kill -9` at random moments under load: what was answered 200 reaches Intercom once, or stands where one can see it.

On failure the assertion lists what is wrong, one sentence for each event.
"""

from __future__ import annotations

import random

import pytest

from tests.crash.deployment import Deployment
from tests.crash.oracle import mistakes
from tests.crash.sender import Sender, webhook, webhooks

pytestmark = pytest.mark.crash

LOAD = 600
KILLS = 4


async def test_what_was_answered_200_survives_kill_9(deployment: Deployment) -> None:
    await deployment.start()
    sender = deployment.sender()
    await _send_and_kill(sender, deployment)
    await sender.send(webhook(LOAD))
    assert mistakes(sender, await deployment.settled(), deaths=deployment.deaths) == []
    assert deployment.integrity() == "ok"


async def test_what_was_answered_200_survives_kill_9_of_one_of_two_and_then_of_both(
    postgres_deployment: Deployment,
) -> None:
    deployment = postgres_deployment
    await deployment.start()
    await deployment.start()
    sender = deployment.sender()
    await _send_and_kill(sender, deployment)
    await deployment.kill()
    await deployment.kill()
    await deployment.leases_run_out()
    await deployment.start()
    await sender.send(webhook(LOAD))
    assert mistakes(sender, await deployment.settled(), deaths=deployment.deaths) == []


async def _send_and_kill(sender: Sender, deployment: Deployment) -> None:
    async with sender.sending(webhooks(LOAD)):
        for moment in sorted(random.sample(range(LOAD // 10, LOAD * 9 // 10), KILLS)):
            await sender.has(moment)
            await deployment.kill()
            await deployment.start()

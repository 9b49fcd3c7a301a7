"""`kill -9` while Intercom misbehaves: answers that never come, storms of errors, slowness."""

from __future__ import annotations

import pytest

from tests.crash.deployment import Deployment
from tests.crash.oracle import mistakes
from tests.crash.sender import webhook, webhooks

pytestmark = pytest.mark.crash

LOAD = 300
IN_FLIGHT = 20


async def test_faults_of_intercom_and_kills_together_lose_and_double_nothing(deployment: Deployment) -> None:
    """An answer that is cut off, an error after the event was stored, and slowness leave it open whether it arrived."""
    for fault in (
        {"kind": "reset_after", "every": 5, "times": 15},
        {"kind": "status_after", "status": 503, "every": 7, "times": 10},
        {"kind": "status", "status": 503, "every": 9, "times": 10},
        {"kind": "reset", "every": 11, "times": 5},
        {"kind": "slow", "delay": 0.5, "every": 3, "times": 30},
    ):
        await deployment.sandbox("POST", "faults", **fault)
    await deployment.start()
    sender = deployment.sender()
    async with sender.sending(webhooks(LOAD)):
        for share in (0.4, 0.8):
            await sender.has(int(LOAD * share))
            await deployment.kill()
            await deployment.start()
    await sender.send(webhook(LOAD))
    books = await deployment.settled()
    assert mistakes(sender, books, deaths=deployment.deaths) == []
    assert books.repeated, "no answer was ever lost: this run has shown nothing"


async def test_a_service_that_dies_again_and_again_blames_one_delivery_at_a_time(deployment: Deployment) -> None:
    """Intercom stores each event and answers none: all that is in flight looks guilty, and is innocent."""
    await deployment.sandbox("POST", "faults", kind="slow", delay=60, times=None)
    sender = deployment.sender()
    await deployment.start()
    await sender.send(*(webhook(number) for number in range(IN_FLIGHT)))
    for sent_to_intercom in (IN_FLIGHT, 2 * IN_FLIGHT, 2 * IN_FLIGHT + 1):
        await deployment.accepted(sent_to_intercom)
        await deployment.kill()
        await deployment.start()
    await deployment.sandbox("DELETE", "faults")
    books = await deployment.settled()
    assert mistakes(sender, books, deaths=deployment.deaths) == []
    assert len(books.quarantined) == 1

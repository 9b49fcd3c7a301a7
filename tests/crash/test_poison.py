"""An event that kills the process that maps it: it is put aside after some lives, and all others go on."""

from __future__ import annotations

import asyncio

import pytest

from tests.crash.deployment import Deployment
from tests.crash.oracle import mistakes
from tests.crash.processes import PROGRAM
from tests.crash.sender import webhook

pytestmark = pytest.mark.crash

EVENTS = 10
POISON = (0, 1)
"""The first, so that all others wait behind them."""
DEATHS = 5
"""One with all others beside them, then two of each poison alone."""
DEADLY = f"""
import os
from connector.outbox import translation
harmless = translation.translate
def deadly(event, *rest, **options):
    return os._exit(9) if event.key in {[f"evt_{number}" for number in POISON]} else harmless(event, *rest, **options)
translation.translate = deadly
{PROGRAM}
"""


async def test_an_event_that_kills_its_process_is_quarantined_and_the_others_flow(deployment: Deployment) -> None:
    sender = deployment.sender()
    await deployment.start("--no-worker")
    for number in range(EVENTS):
        await sender.send(webhook(number))
    assert await deployment.stop(within_s=30) == 0
    async with asyncio.TaskGroup() as group:
        supervisor = group.create_task(deployment.keep_alive(DEADLY))
        books = await deployment.settled()
        supervisor.cancel()
    stand = {each["external_id"]: (each["state"], each["reason"]) for each in books.events}
    assert [stand[f"evt_{number}"] for number in POISON] == [("failed", "quarantined")] * 2
    assert deployment.deaths == DEATHS
    for number in POISON:
        sender.forget(number)
    assert mistakes(sender, books) == []

"""Random kills and random faults for as long as one likes, ten times the load for a while, and one of three that dies.

In seconds for the suite; `make soak` plays the first for `SOAK_MINUTES` and prints what was sent and what arrived.
"""

from __future__ import annotations

import asyncio
import itertools
import os
import random
import time
from collections import Counter
from collections.abc import Iterator

import pytest

from tests.crash.deployment import Deployment
from tests.crash.oracle import Books, mistakes
from tests.crash.sender import REFUSED, Sender, Webhook, webhook, webhooks

pytestmark = pytest.mark.crash

MINUTES = float(os.environ.get("SOAK_MINUTES", "10")) if os.environ.get("SOAK") else 0.0
LASTS_S = MINUTES * 60 / 2 if MINUTES else 6.0
"""On each of the two databases."""
KILLED_AFTER_S = (5.0, 30.0) if MINUTES else (0.5, 2.0)
KILLS = 2
"""At least."""
PER_S = 20.0
"""Webhooks."""
LOAD = 300
FAULTS = (
    {"kind": "reset_after", "every": 3, "times": 10},
    {"kind": "status_after", "status": 503, "every": 4, "times": 10},
    {"kind": "status", "status": 503, "times": 20},
    {"kind": "status", "status": 429, "headers": {"Retry-After": "2"}, "times": 3},
    {"kind": "status", "status": 200, "body": "<html>Welcome</html>", "content_type": "text/html", "times": 3},
    {"kind": "reset", "every": 2, "times": 10},
    {"kind": "slow", "delay": 2.0, "every": 3, "times": 20},
    {"kind": "drip", "delay": 0.1, "times": 5},
)


def ledger(sender: Sender, books: Books, deaths: int) -> str:
    """What came of it all, in a line."""
    states = Counter(each["state"] for each in books.deliveries)
    return (
        f"{len(sender.sent)} sent, {len(sender.answered)} answered 200, {sum(sender.tries.values())} tries more; "
        f"{deaths} deaths; {dict(states)}; {len(books.arrived)} in Intercom, {len(books.repeated)} doubles dropped"
    )


async def test_random_kills_and_faults_leave_the_books_in_order(any_deployment: Deployment) -> None:
    deployment = any_deployment
    replicas = 1 if deployment.env["CONNECTOR_DATABASE_URL"].startswith("sqlite") else 3
    for _ in range(replicas):
        await deployment.start()
    ends, over = time.monotonic() + LASTS_S, asyncio.Event()
    sender = deployment.sender(at_once=4, pause_s=4 / PER_S, patience_s=LASTS_S + 150)
    async with sender.sending(itertools.takewhile(lambda _: not over.is_set(), _for_ever())):
        faults = asyncio.create_task(_faults(deployment))
        while time.monotonic() < ends or deployment.deaths < KILLS:
            await sender.has(len(sender.answered) + 10)
            await asyncio.sleep(random.uniform(*KILLED_AFTER_S))
            await deployment.kill()
            await deployment.start()
        faults.cancel()
        over.set()
    await deployment.sandbox("DELETE", "faults")
    await deployment.sandbox("POST", "faults", status=400, containing=REFUSED, times=None)
    await sender.send(webhook(10_000_000))
    books = await deployment.settled(within_s=400)
    print(f"\n{ledger(sender, books, deployment.deaths)}")
    assert mistakes(sender, books, deaths=deployment.deaths) == []


async def test_a_burst_is_kept_and_worked_off(deployment: Deployment) -> None:
    """All at once, ten times as many as before; the process dies meanwhile, and the next one works it off."""
    await deployment.start()
    sender = deployment.sender(at_once=8)
    await sender.send(*webhooks(LOAD // 10))
    sender.at_once = 80
    async with sender.sending(webhooks(LOAD, first=LOAD)):
        await sender.has(LOAD // 2)
        await deployment.kill()
        await deployment.start()
    assert mistakes(sender, await deployment.settled(), deaths=1) == []


async def test_one_of_three_dies_at_load_and_the_others_go_on(postgres_deployment: Deployment) -> None:
    deployment = postgres_deployment
    for _ in range(3):
        await deployment.start()
    sender = deployment.sender()
    async with sender.sending(webhooks(LOAD)):
        await sender.has(LOAD // 3)
        await deployment.kill()
    assert set(sender.tries) <= {None, 503}
    assert mistakes(sender, await deployment.settled(), deaths=1) == []


def _for_ever() -> Iterator[Webhook]:
    for first in itertools.count(0, 30):
        yield from webhooks(30, first=first)


async def _faults(deployment: Deployment) -> None:
    while True:
        await deployment.sandbox("POST", "faults", **random.choice(FAULTS))
        await asyncio.sleep(random.uniform(0.5, 2.0))

"""The command line writes while the service does: nothing waits for ever, nothing breaks, all is seen."""

from __future__ import annotations

import asyncio
import itertools
from dataclasses import replace

import pytest

from tests.crash.deployment import SECRET, Deployment
from tests.crash.oracle import mistakes
from tests.crash.sender import Fate, webhook, webhooks

pytestmark = pytest.mark.crash

AT_ONCE = 4
"""Webhooks on their way together: enough that the service always writes."""
MANY = 5_000


async def test_commands_write_beside_a_service_under_load(deployment: Deployment) -> None:
    await deployment.start()
    sender = deployment.sender(at_once=AT_ONCE)
    operators_at_work = asyncio.Event()
    operators_at_work.set()
    load = itertools.takewhile(lambda _: operators_at_work.is_set(), webhooks(MANY))
    async with sender.sending(load):
        async with asyncio.TaskGroup() as operators:
            adding = operators.create_task(_add_endpoints(deployment, 3))
            operators.create_task(_rotate_and_pause(deployment))
            operators.create_task(_replay_the_dead(deployment, 3))
        operators_at_work.clear()
    assert len(sender.answered) < MANY, "the commands had to wait until the load was over"
    assert not sender.tries, "a webhook was turned away because of a command"
    assert mistakes(sender, await deployment.settled()) == []

    await deployment.sandbox("DELETE", "faults")
    replayed = (await deployment.json("deliveries", "replay", "--state", "dead", "--yes"))["items"]
    assert {(item["done"], item["how"]) for item in replayed} == {(True, "translated_afresh")}
    dead = [each for each in sender.sent.values() if each.fate is Fate.DEAD]
    sender.answered |= {each.invoice: replace(each, fate=Fate.ARRIVES) for each in dead}
    for number, path in enumerate(adding.result()):
        further = deployment.sender(path)
        await further.send(webhook(MANY + number))
        assert not further.tries, "the service has not heard of an endpoint that was added seconds ago"
        sender.answered |= further.answered
        sender.sent |= further.sent
    assert mistakes(sender, await deployment.settled()) == []
    assert deployment.integrity() == "ok"


async def _add_endpoints(deployment: Deployment, count: int) -> list[str]:
    """Endpoints as an operator adds them; their paths."""
    paths = []
    for number in range(count):
        add = ("endpoints", "add", "--workspace", "acme", "--source", "stripe", "--label", f"further {number}")
        paths.append((await deployment.json(*add, "--signing-secret", SECRET))["path"])
    return paths


async def _rotate_and_pause(deployment: Deployment) -> None:
    """A second secret for the endpoint in use, and a pause in which nothing is sent."""
    assert (await deployment.json("endpoints", "rotate", "1", "--signing-secret", "whsec_next"))["signing_secrets"] == 2
    for verb in ("pause", "resume"):
        assert (await deployment.json("workspaces", verb, "acme"))["app_id"] == "acme"


async def _replay_the_dead(deployment: Deployment, times: int) -> None:
    """Intercom refuses them each time anew."""
    for _ in range(times):
        items = (await deployment.json("deliveries", "replay", "--state", "dead", "--yes"))["items"]
        assert all(item["done"] for item in items)

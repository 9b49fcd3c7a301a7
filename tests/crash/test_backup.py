"""A backup that is made under load, restored after a crash, loses and doubles nothing that it has."""

from __future__ import annotations

import asyncio
import itertools
from pathlib import Path

import pytest

from tests.crash.deployment import Deployment
from tests.crash.oracle import invoice_of
from tests.crash.sender import webhooks

pytestmark = pytest.mark.crash


async def test_a_backup_under_load_restores_after_a_kill(deployment: Deployment, tmp_path: Path) -> None:
    backup = str(tmp_path / "backup")
    await deployment.start()
    sender = deployment.sender(at_once=4)
    going = asyncio.Event()
    going.set()
    async with sender.sending(itertools.takewhile(lambda _: going.is_set(), webhooks(3_000))):
        await deployment.accepted(50)
        saved = await deployment.json("backup", backup)
        refused = await deployment.command("restore", backup, "--force")
        going.clear()
    assert saved["keys"] == "environment"
    assert refused.status == 1, "it was restored under a running service"
    assert not sender.tries, "a webhook was turned away because of the backup"
    await deployment.kill()

    restored = await deployment.json("restore", backup, "--force")
    assert restored["paused"] == 1
    assert deployment.integrity() == "ok"
    await deployment.start()
    await asyncio.sleep(1.0)
    stands = await deployment.json("status")
    moving = stands["deliveries"].get("due", 0) + stands["deliveries"].get("parked", 0)
    assert moving >= restored["may_be_sent_again"], "paused as it is, nothing has moved on"
    await deployment.json("workspaces", "resume", "acme")
    books = await deployment.settled()

    arrived = [invoice_of(each) for each in books.arrived]
    assert len(arrived) == len(set(arrived)), "a delivery that was made again is in Intercom twice"
    delivered = {invoice_of(each) for each in books.deliveries if each["state"] == "delivered"}
    assert delivered <= set(arrived)
    assert {each["state"] for each in books.deliveries} <= {"delivered", "dead", "parked", "waiting"}
    again = list(sender.sent.values())
    for webhook in again[:20]:  # what arrived after the backup is sent again by Stripe
        await sender.send(webhook)
    books = await deployment.settled()
    arrived = [invoice_of(each) for each in books.arrived]
    assert len(arrived) == len(set(arrived))

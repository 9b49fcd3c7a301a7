"""Real processes: what is deployed, taken back and stopped counts in every one of them; on both databases."""

from __future__ import annotations

import asyncio
import json
import signal
import time
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.catalogues.conftest import HEAD, rule
from tests.crash.deployment import Deployment, deployed
from tests.crash.processes import Process
from tests.crash.sender import webhooks

IN_USE = '"event": "mappings in use"'
PRICE = "amount: {number: data.object.amount_paid}"
REPLACED = '  - {trigger: invoice.paid, id: "stripe:paid-invoice", name: NAME, metadata: {AMOUNT}}\n'.replace(
    "AMOUNT", PRICE
)


def replaced(name: str) -> str:
    """A file in which paid invoices are called otherwise than in the shipped catalogue."""
    return HEAD + REPLACED.replace("NAME", name)


@pytest.fixture
async def cluster(tmp_path: Path, postgres_url: str) -> AsyncIterator[Deployment]:
    """On PostgreSQL."""
    async with deployed(tmp_path, postgres_url) as made:
        yield made


@pytest.fixture
async def single(tmp_path: Path, sqlite_url: str) -> AsyncIterator[Deployment]:
    """On SQLite."""
    async with deployed(tmp_path, sqlite_url) as made:
        yield made


async def followed(processes: list[Process], digest: str) -> list[float]:
    """The seconds after which each process says that it maps by this set."""
    begun = time.monotonic()

    async def one(process: Process) -> float:
        while not any(IN_USE in line and digest in line for line in process.lines):
            await asyncio.sleep(0.01)
        return time.monotonic() - begun

    async with asyncio.timeout(30):
        return await asyncio.gather(*map(one, processes))


async def test_serve_and_worker_follow_a_deployment_and_a_rollback_during_load(cluster: Deployment, tmp_path: Path):
    mine = tmp_path / "mine"
    mine.mkdir()
    (mine / "own.yaml").write_text(replaced("settled-invoice"))
    service = await cluster.start()
    worker = await Process.start("worker", env=cluster.env)
    other = await Process.start("worker", env=cluster.env)
    try:
        await worker.said("running")
        processes = [service.process, worker, other]
        sender = cluster.sender()
        load = asyncio.create_task(sender.send(*webhooks(60)))
        done = await cluster.json("mappings", "deploy", str(mine), "--yes")
        await followed(processes, done["digest"])
        back = await cluster.json("mappings", "rollback")
        assert back["before"] == done["digest"]
        await followed(processes, back["digest"])
        await load
        books = await cluster.settled()
        made_by = {each["mapping_digest"].partition("-")[0] for each in books.deliveries}
        assert made_by <= {done["digest"], back["digest"]}
        wrong = [
            each
            for each in books.deliveries
            if each["mapping"] == "stripe:paid-invoice"
            and (each["name"] == "settled-invoice") is not each["mapping_digest"].startswith(done["digest"])
        ]
        assert wrong == []
    finally:
        await worker.kill()
        await other.kill()


async def test_a_folder_of_a_process_counts_for_nothing_once_a_set_is_deployed(cluster: Deployment, tmp_path: Path):
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "own.yaml").write_text(replaced(f"settled-invoice-{name}"))
    first = await Process.start("worker", env={**cluster.env, "CONNECTOR_MAPPINGS_DIR": str(tmp_path / "one")})
    second: Process | None = None
    try:
        assert await first.said("running"), first.last_words
        (tmp_path / "two" / "broken.yaml").write_text("version: 2\n")
        second = await Process.start("worker", env={**cluster.env, "CONNECTOR_MAPPINGS_DIR": str(tmp_path / "two")})
        assert await second.said("running"), second.last_words
        assert await second.said("mappings folder not deployed")
        [in_use, shipped] = (await cluster.json("mappings", "history"))["items"]
        assert (in_use["active"], shipped["deployed_by"]) == (True, "connector")
        assert any(in_use["digest"] in line for line in second.lines if IN_USE in line)
    finally:
        await asyncio.gather(*(each.kill() for each in (first, second) if each))


async def test_a_single_machine_deploys_what_is_written_into_its_folder(single: Deployment, tmp_path: Path):
    mine = tmp_path / "mine"
    mine.mkdir()
    (mine / "own.yaml").write_text(replaced("settled-invoice"))
    env = {**single.env, "CONNECTOR_MAPPINGS_DIR": str(mine)}
    service = await Process.start("serve", "--port", "0", env=env)
    try:
        assert await service.said("running"), service.last_words
        first = (await single.json("status"))["mappings"]["digest"]

        (mine / "own.yaml").write_text(replaced("closed-invoice"))
        second = await _other_than(service, first)

        (mine / "own.yaml").write_text(replaced("Bad Name"))
        assert await service.said("mappings refused")
        status = await single.json("status")
        assert status["mappings"]["digest"] == second
        assert [(each["kind"], each["subject"]) for each in status["alerts"]] == [("mappings_refused", str(mine))]
        assert "own.yaml:5:" in status["alerts"][0]["detail"]
        assert (await single.command("doctor", "--json")).status == 1

        service.lines.clear()  # it said at its start that it maps by the first
        assert (await single.json("mappings", "rollback"))["digest"] == first
        await followed([service], first)
        (mine / "own.yaml").write_text(replaced("closed-invoice"))
        service.lines.clear()
        service.handle.send_signal(signal.SIGHUP)
        assert await _other_than(service, first) == second
        assert (await single.json("status"))["alerts"] == []
    finally:
        await service.kill()


async def _other_than(service: Process, digest: str) -> str:
    """The set that the service takes up next."""
    async with asyncio.timeout(30):
        while True:
            for line in service.lines:
                if IN_USE in line and (found := str(json.loads(line)["digest"])) != digest:
                    return found
            await asyncio.sleep(0.01)


async def test_a_service_whose_folder_is_broken_goes_on_with_what_is_deployed(single: Deployment, tmp_path: Path):
    mine = tmp_path / "mine"
    mine.mkdir()
    (mine / "own.yaml").write_text("version: 2\n")
    env = {**single.env, "CONNECTOR_MAPPINGS_DIR": str(mine)}
    refused = await Process.start("serve", "--port", "0", env=env)
    assert await refused.ended() == 1
    assert "own.yaml:1:" in refused.last_words

    good = tmp_path / "good"
    good.mkdir()
    (good / "own.yaml").write_text(HEAD + rule())
    digest = (await single.json("mappings", "deploy", str(good), "--yes"))["digest"]
    service = await Process.start("serve", "--port", "0", env=env)
    try:
        assert await service.said("running"), service.last_words
        assert await service.said("mappings refused")
        assert any(digest in line for line in service.lines if IN_USE in line)
    finally:
        await service.kill()


async def test_a_stopped_name_is_not_sent_by_anybody_and_is_sent_once_it_is_started(cluster: Deployment):
    stopped = await cluster.json("mappings", "stop", "paid-invoice")
    assert (stopped["stopped"], stopped["held"]) == (True, 0)
    await cluster.start()
    await cluster.start()
    await cluster.sender().send(*webhooks(20))
    books = await cluster.settled()
    assert not [each for each in books.deliveries if each["name"] == "paid-invoice" and each["state"] == "delivered"]
    held = [each for each in books.deliveries if each["reason"] == "name_stopped"]
    assert held
    started = await cluster.json("mappings", "start", "paid-invoice")
    assert started["released"] == len(held)
    books = await cluster.settled()
    assert not [each for each in books.deliveries if each["state"] == "held"]

"""A SQLite whose disk is full, whose file is locked by somebody else, or damaged: 503 and never a false 200."""

from __future__ import annotations

import asyncio
import contextlib
import os
import resource
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from tests.conftest import until
from tests.crash.deployment import Deployment, deployed
from tests.crash.oracle import mistakes
from tests.crash.processes import PATIENCE_S
from tests.crash.sender import webhook, webhooks

pytestmark = pytest.mark.crash

LOAD = 60
PAGE = 4096


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of a few megabytes."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=6m", "tmpfs", str(folder)]
    if shutil.which("mount") is None or subprocess.run(mount, check=False, capture_output=True).returncode:
        pytest.skip("a file system can be mounted by root only")
    try:
        yield folder
    finally:
        subprocess.run(["umount", "-l", str(folder)], check=True)


@pytest.fixture
async def on_a_small_disk(tmp_path: Path, small_disk: Path) -> AsyncIterator[Deployment]:
    async with deployed(tmp_path, f"sqlite:///{small_disk / 'connector.db'}") as made:
        yield made


async def test_a_disk_that_is_full_is_503_until_there_is_room_again(
    on_a_small_disk: Deployment, small_disk: Path
) -> None:
    deployment = on_a_small_disk
    service = await deployment.start()
    sender = deployment.sender()
    async with sender.sending(webhooks(LOAD)):
        await sender.has(LOAD // 3)
        ballast = small_disk / "ballast"
        with ballast.open("wb", buffering=0) as file, contextlib.suppress(OSError):
            while True:
                file.write(bytes(PAGE))
        await until(lambda: sender.tries[503] > 3, within_s=PATIENCE_S)
        ballast.unlink()
    assert service.process.handle.returncode is None
    assert mistakes(sender, await deployment.settled()) == []
    assert deployment.integrity() == "ok"


async def test_a_file_that_may_not_grow_is_503_until_it_may(deployment: Deployment) -> None:
    service = await deployment.start()
    pid = service.process.handle.pid
    if sys.platform != "linux":
        pytest.skip("the limits of another process can be set on Linux only")
    sender = deployment.sender()
    async with sender.sending(webhooks(LOAD)):
        await sender.has(LOAD // 3)
        _, hard = resource.prlimit(pid, resource.RLIMIT_FSIZE, (PAGE, resource.RLIM_INFINITY))
        await until(lambda: sender.tries[503] > 3, within_s=PATIENCE_S)
        resource.prlimit(pid, resource.RLIMIT_FSIZE, (hard, hard))
    assert service.process.handle.returncode is None
    assert mistakes(sender, await deployment.settled()) == []
    assert deployment.integrity() == "ok"


async def test_a_database_that_another_program_has_locked_is_503_and_is_waited_for(deployment: Deployment) -> None:
    await deployment.start()
    sender = deployment.sender()
    async with sender.sending(webhooks(LOAD)):
        await sender.has(LOAD // 3)
        with contextlib.closing(sqlite3.connect(deployment.file, isolation_level=None, timeout=PATIENCE_S)) as other:
            other.execute("BEGIN IMMEDIATE")
            await asyncio.sleep(0.1)  # what was committed before is being answered
            answered = len(sender.answered)
            await until(lambda: sender.tries[503] > 3, within_s=PATIENCE_S)
            assert len(sender.answered) == answered, "a webhook was answered 200 that cannot be stored"
            other.execute("ROLLBACK")
    assert None not in sender.tries, "a webhook was not answered at all"
    assert mistakes(sender, await deployment.settled()) == []


@pytest.mark.parametrize("offset", [0, 100], ids=["its-head", "its-schema"])
async def test_a_damaged_file_is_refused_with_what_to_do_and_left_as_it_is(deployment: Deployment, offset: int) -> None:
    with deployment.file.open("r+b") as file:
        file.seek(offset)
        file.write(os.urandom(2000))
    damaged = deployment.file.read_bytes()
    for command in (("serve", "--port", "0"), ("migrate",), ("status",)):
        refused = await deployment.command(*command)
        assert refused.status == 1
        assert "damaged" in refused.err
        assert "connector restore" in refused.err
        assert "Traceback" not in refused.err
    assert deployment.file.read_bytes() == damaged


async def test_a_log_that_breaks_off_leaves_a_whole_database(deployment: Deployment) -> None:
    """SQLite takes what lies before the break: a disk that lies about its syncs costs the last commits and no more."""
    await deployment.start()
    sender = deployment.sender()
    await sender.send(*webhooks(LOAD))
    await deployment.kill()
    log = deployment.file.with_name(f"{deployment.file.name}-wal")
    with log.open("r+b") as file:
        file.truncate(log.stat().st_size * 3 // 4)
    await deployment.start()
    assert deployment.integrity() == "ok"
    for each in list(sender.sent.values()):  # as Stripe does, or `backfill`
        await sender.send(each)
    await sender.send(webhook(LOAD))
    assert mistakes(sender, await deployment.settled(), deaths=deployment.deaths) == []

"""Commands that are killed at their worst moment, and starts that meet: all or nothing, and the next one does it."""

from __future__ import annotations

import asyncio
import os
import signal
from pathlib import Path

import pytest

from connector.database.migrate import newest_revision
from tests.crash.deployment import Deployment
from tests.crash.oracle import mistakes
from tests.crash.processes import PROGRAM, Process, run
from tests.crash.sender import webhooks

pytestmark = pytest.mark.crash

STATEMENTS = (3, 20)
KILLED = f"""
import os, signal, sqlalchemy
left = [{{}}]
@sqlalchemy.event.listens_for(sqlalchemy.engine.Engine, "after_cursor_execute")
def die(connection, cursor, statement, *_):
    left[0] -= statement.startswith({{!r}})
    if left[0] <= 0:
        os.kill(os.getpid(), signal.SIGKILL)
{PROGRAM}
"""


async def killed_after(count: int, statements: str, *arguments: str, env: dict[str, str]) -> int:
    """The status of a command that is killed after so many statements that begin like this, before their commit."""
    return await (await Process.start(*arguments, env=env, program=KILLED.format(count, statements))).ended()


@pytest.mark.parametrize("count", STATEMENTS)
async def test_a_migration_that_is_killed_is_done_by_the_next(tmp_path: Path, count: int) -> None:
    env = {"CONNECTOR_DATABASE_URL": f"sqlite:///{tmp_path / 'connector.db'}"}
    assert await killed_after(count, "\nCREATE", "migrate", env=env) == -signal.SIGKILL
    assert (await run("migrate", "--json", env=env)).ok.json["after"] == newest_revision()
    assert (await run("migrate", "--json", env=env)).ok.json["changed"] is False


async def test_a_deployment_that_is_killed_leaves_the_set_before_it_in_use(
    any_deployment: Deployment, tmp_path: Path
) -> None:
    deployment = any_deployment
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "own.yaml").write_text(
        "version: 1\nsource: segment\ncontact: {user_id: userId}\n"
        "events:\n  - {trigger: track Class Booked, name: booked-class, description: A student booked a class.}\n"
    )
    deploy = ("mappings", "deploy", str(tmp_path / "mine"), "--yes")
    for count, statement in ((1, "INSERT"), (2, "INSERT")):
        assert await killed_after(count, statement, *deploy, env=dict(deployment.env)) == -signal.SIGKILL
        assert (await deployment.json("mappings", "history"))["items"] == []
    await deployment.json(*deploy)
    assert (await deployment.json("mappings", "history"))["items"]


async def test_two_that_start_at_once_on_an_empty_database_both_run(postgres_server: str, tmp_path: Path) -> None:
    import asyncpg

    connection = await asyncpg.connect(postgres_server)
    name = f"empty_{os.getpid()}_{tmp_path.name}".replace("-", "_")[:60]
    await connection.execute(f'CREATE DATABASE "{name}"')
    env = {
        "CONNECTOR_DATABASE_URL": postgres_server.replace("/postgres?", f"/{name}?", 1),
        "CONNECTOR_ENCRYPTION_KEYS": "A" * 43,
    }
    try:
        both = [await Process.start("serve", "--port", "0", env=env) for _ in range(2)]
        assert all(await asyncio.gather(*(each.said('"url": "http') for each in both)))
        assert await asyncio.gather(*(each.stop(within_s=40) for each in both)) == [0, 0]
        assert (await run("migrate", "--json", env=env)).ok.json["changed"] is False
    finally:
        await asyncio.gather(*(each.kill() for each in both))
        await connection.execute(f'DROP DATABASE "{name}" WITH (FORCE)')
        await connection.close()


async def test_a_second_signal_ends_a_service_at_once_and_loses_nothing(deployment: Deployment) -> None:
    await deployment.sandbox("POST", "faults", kind="slow", delay=20.0, times=None)
    service = await deployment.start()
    sender = deployment.sender()
    await sender.send(*webhooks(30))
    await deployment.accepted(1)
    handle = deployment.services.pop().process.handle
    handle.terminate()
    await asyncio.sleep(1.0)
    assert handle.returncode is None, "it did not wait for what was in flight"
    handle.terminate()
    async with asyncio.timeout(10):
        assert await service.process.ended() == -signal.SIGTERM
    await deployment.sandbox("DELETE", "faults")
    await deployment.sandbox("POST", "faults", status=400, containing="refused-", times=None)
    await deployment.start()
    assert mistakes(sender, await deployment.settled(), deaths=1) == []


async def test_a_rotation_of_keys_that_is_killed_leaves_every_secret_readable(any_deployment: Deployment) -> None:
    deployment = any_deployment
    old = deployment.env["CONNECTOR_ENCRYPTION_KEYS"]
    new = (await deployment.json("keys", "new"))["key"]
    deployment.env = {**deployment.env, "CONNECTOR_ENCRYPTION_KEYS": f"{new},{old}"}
    sender = deployment.sender()
    for count in (1, 2):  # within the first table, and with one table done
        assert await killed_after(count, "UPDATE", "keys", "rotate", env=dict(deployment.env)) == -signal.SIGKILL
        await deployment.start()
        await sender.send(*webhooks(5, first=10 * count))  # the signing secret opens
        assert mistakes(sender, await deployment.settled()) == []  # and so does the token
        await deployment.kill()
    assert (await deployment.json("keys", "rotate"))["rotated"] > 0
    deployment.env = {**deployment.env, "CONNECTOR_ENCRYPTION_KEYS": new}
    await deployment.start()
    await sender.send(*webhooks(5, first=100))
    assert mistakes(sender, await deployment.settled()) == []

"""The servers under load, each a process of its own: `python -m bench.server KIND PORT [DATABASE_URL]`.

The ceiling is what an aiohttp handler can do that reads the body and checks its HMAC, and nothing else. `ingest` is
the real receiver on a real database, without the stages behind it: what is measured is the way to the 200. `told` is
the same with every listener that the service has: metrics, logs at the level of production, counts, last webhooks.
"""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import os
import sys
from collections.abc import Awaitable, Callable

import uvloop
from aiohttp import web

from connector.alarms.counts import Counts
from connector.database.engine import Database, open_database
from connector.database.migrate import migrate
from connector.inbox.receive import Receiver, put_ahead
from connector.settings import LogFormat, LogLevel
from connector.sync.last_webhooks import LastWebhooks
from connector.telemetry.facts import Tell, tell_all
from connector.telemetry.logs import start
from connector.telemetry.metrics import Metrics
from connector.workspaces import endpoints, store
from connector.workspaces.directory import Directory
from connector.workspaces.endpoints import NewEndpoint
from connector.workspaces.vault import Key, Vault, new_key

SECRET = "whsec_bench"
_ANSWER = b'{"received":true}'


async def ceiling(request: web.Request) -> web.Response:
    body = await request.read()
    moment, _, signature = request.headers["Stripe-Signature"].partition(",")
    expected = hmac.new(SECRET.encode(), moment[2:].encode() + b"." + body, hashlib.sha256).hexdigest()
    if not hmac.compare_digest(expected, signature[3:]):
        return web.Response(status=401)
    return web.Response(body=_ANSWER, content_type="application/json")


async def ingest(database_url: str, *, told: bool) -> tuple[Receiver, str]:
    """The real receiver, and the path to post to."""
    database, vault = await open_database(database_url, owner=True), Vault([Key.parse(new_key())])
    await migrate(database)
    workspace = await database.transact(store.add, vault, store.Installation("bench", "token"), now=1)
    new = NewEndpoint(workspace.id, "stripe", signing_secret=SECRET)
    endpoint = await database.transact(endpoints.add, vault, new, now=1)
    directory = Directory(database, vault)
    await directory.reload()
    tell = _listeners(database) if told else lambda fact: None
    return Receiver(database, directory, tell=tell, bell=lambda: None), endpoint.path


def _listeners(database: Database) -> Tell:
    counts, last, logs = Counts(database), LastWebhooks(database), start(LogFormat.JSON, LogLevel.INFO)
    running = asyncio.get_running_loop()

    async def beat(every_s: float, work: Callable[[], Awaitable[None]]) -> None:
        while True:
            await asyncio.sleep(every_s)
            await work()

    _beating.extend(running.create_task(beat(*each)) for each in ((10.0, counts.beat), (5.0, last.beat)))
    return tell_all(logs.tell, Metrics().count, last.note, counts.note)


_beating: list[asyncio.Task[None]] = []


async def main(kind: str, port: int, database_url: str = "") -> None:
    app = web.Application()
    path, receiver = "/webhooks/stripe/token", None
    if kind == "ceiling":
        app.router.add_post("/webhooks/stripe/{token}", ceiling)
    else:
        receiver, path = await ingest(database_url, told=kind == "told")
        app.add_routes(receiver.routes())
    runner = web.AppRunner(app, access_log=None, auto_decompress=False)
    await runner.setup()
    if receiver is not None:
        put_ahead(runner, receiver)
    await web.TCPSite(runner, "127.0.0.1", port).start()
    sys.stdout.write(f"{runner.addresses[0][1]} {path}\n")
    sys.stdout.flush()
    await asyncio.get_running_loop().run_in_executor(None, sys.stdin.read)  # until whoever started it goes away
    os._exit(0)


if __name__ == "__main__":
    uvloop.run(main(sys.argv[1], int(sys.argv[2]), *sys.argv[3:]))

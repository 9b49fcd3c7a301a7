"""A whole installation of real processes: a sandbox Intercom, a database, and services on it that get killed."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import json
import random
import signal
import sqlite3
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

from aiohttp import ClientError, ClientSession, ClientTimeout
from pydantic import SecretStr
from sqlalchemy import Connection, func, make_url, select, update

from connector.database import clock
from connector.database.engine import open_database
from connector.database.migrate import migrate
from connector.database.tables import deliveries, lanes, queue, received_events
from connector.errors import DatabaseError
from connector.settings import Settings
from connector.workspaces import endpoints, store
from connector.workspaces.endpoints import Endpoint, NewEndpoint
from connector.workspaces.keys import load_vault
from tests.crash.oracle import Books, Item, read_ledger
from tests.crash.processes import PATIENCE_S, PROGRAM, Process, Result, run
from tests.crash.sender import KNOWN, REFUSED, Sender

T = TypeVar("T")

SECRET = "whsec_crash"
TOKEN = "token-of-acme"
KEY = "A" * 43
ADDRESS = '"url": "http'
"""In the line that a service says once it listens."""
NOBODY = "http://127.0.0.1:9"
SETTLES_WITHIN_S = 150.0
"""On a machine that is busy with other things."""
SOONER_THAN_A_LEASE_S = 45.0
RATE_LIMIT = 100_000
"""Calls in ten seconds: pacing is not what is looked at here."""


@dataclass
class Deployment:
    """Everything that runs. `services` are those that are up; a killed one is no longer among them."""

    env: Mapping[str, str]
    ledger: Path
    sandbox_url: str
    path: str
    services: list[Service] = field(default_factory=list)
    deaths: int = 0
    _turns: itertools.count[int] = field(default_factory=itertools.count)
    _latest: str = NOBODY
    _processes: list[Process] = field(default_factory=list)

    async def end(self) -> None:
        """Leave no process behind."""
        await asyncio.gather(*(each.kill() for each in self._processes))

    def sender(self, path: str | None = None, **more: Any) -> Sender:
        """A sender to the endpoint at `path`, or to the one that is there from the start."""
        return Sender(lambda: self.address(path or self.path), SECRET, **more)

    def address(self, path: str) -> str:
        """Where to post: the services take turns; where none is up, it is where the last one was."""
        if self.services:
            self._latest = self.services[next(self._turns) % len(self.services)].url
        return self._latest + path

    async def start(self, *options: str, program: str = PROGRAM, **env: str) -> Service:
        """One more service; `env` is laid over the environment of all."""
        process = await self._spawn(program, *options, **env)
        line = await process.said(ADDRESS)
        assert line is not None, process.last_words
        return self._serving(process, line)

    async def keep_alive(self, program: str) -> None:
        """A service that is started again whenever it has died, as a supervisor does it."""
        while True:
            process = await self._spawn(program)
            if line := await process.said(ADDRESS):
                service = self._serving(process, line)
                await process.ended()
                self.services.remove(service)
            self.deaths += 1

    async def kill(self) -> None:
        """SIGKILL one of the services."""
        service = self.services.pop(random.randrange(len(self.services)))
        await service.process.kill()
        self.deaths += 1

    async def died(self, service: Service) -> None:
        """Wait for the death of a service that is to die by itself."""
        async with asyncio.timeout(PATIENCE_S):
            assert await service.process.ended() == -signal.SIGKILL, service.process.last_words
        self.services.remove(service)
        self.deaths += 1

    async def stop(self, *, within_s: float) -> int:
        """SIGTERM one of the services: its exit status."""
        return await self.services.pop().process.stop(within_s=within_s)

    async def command(self, *arguments: str) -> Result:
        """A command beside the services."""
        return await run(*arguments, env=self.env)

    async def json(self, *arguments: str) -> Any:
        """What a command that succeeds says with --json."""
        return (await self.command(*arguments, "--json")).ok.json

    async def leases_run_out(self) -> None:
        """Let the minute pass for which the dead have taken rows; nobody may be alive."""
        assert not self.services
        database = await open_database(self.env["CONNECTOR_DATABASE_URL"])
        try:
            await database.transact(_let_leases_run_out)
        finally:
            await database.close()

    @property
    def file(self) -> Path:
        """SQLite's."""
        return Path(str(make_url(self.env["CONNECTOR_DATABASE_URL"]).database))

    def integrity(self) -> str:
        """What SQLite says of its file: ok."""
        with contextlib.closing(sqlite3.connect(self.file)) as connection:
            return str(connection.execute("PRAGMA integrity_check").fetchone()[0])

    async def sandbox(self, method: str, path: str, **body: Any) -> Any:
        """Something of the sandbox's control plane."""
        url = f"{self.sandbox_url}/sandbox/{path}"
        async with ClientSession() as http, http.request(method, url, json=body or None) as answer:
            assert answer.status == 200, await answer.text()
            return await answer.json()

    async def settled(self, *, within_s: float = SETTLES_WITHIN_S) -> Books:
        """What all sides say, once nothing is on its way any more, or after too long a time."""
        try:
            async with asyncio.timeout(within_s):
                while await self._is_away() or await self.asks(_on_its_way):
                    self._nobody_ended()
                    await asyncio.sleep(0.1)
        except TimeoutError:
            print(f"not settled within {within_s:g} s", *[await self._how_is(each) for each in self.services], sep="\n")
            print(f"by the clock here it is {clock.wall()};", *await self.asks(_lanes), sep="\n")
        return await self.books()

    async def _how_is(self, service: Service) -> str:
        """What is to be known of a service that does not do its work."""
        try:
            async with (
                ClientSession(timeout=ClientTimeout(total=10)) as http,
                http.get(f"{service.url}/readyz") as answer,
            ):
                said = await answer.text()
        except (ClientError, OSError) as error:
            said = repr(error)
        return f"{service.url} says {said}; its last words were\n{service.process.last_words}"

    async def _is_away(self) -> bool:
        """Whether the database does not answer just now: a server that was crashed is still recovering."""
        try:
            await self.asks(lambda connection: None)
        except DatabaseError:
            return True
        return False

    async def asks(self, query: Callable[[Connection], T]) -> T:
        """Something of the database, without the command line: a command takes a processor, which others need."""
        database = await open_database(self.env["CONNECTOR_DATABASE_URL"])
        try:
            return await database.read(query)
        finally:
            await database.close()

    def _nobody_ended(self) -> None:
        for each in self.services:
            status = each.process.handle.returncode
            assert status is None, f"a service has ended with {status}: {each.process.last_words}"

    async def books(self) -> Books:
        """What all sides say now."""
        return Books(read_ledger(self.ledger), await self._all("deliveries"), await self._all("events"))

    async def accepted(self, at_least: int) -> None:
        """Wait until Intercom has accepted so many events, repetitions counted."""
        query = f"events?at_least={at_least}&within={PATIENCE_S}"
        assert len((await self.sandbox("GET", query))["events"]) >= at_least

    async def _spawn(self, program: str, *options: str, **env: str) -> Process:
        process = await Process.start("serve", "--port", "0", *options, env={**self.env, **env}, program=program)
        self._processes.append(process)
        return process

    def _serving(self, process: Process, line: str) -> Service:
        service = Service(process, json.loads(line)["url"])
        self.services.append(service)
        return service

    async def _all(self, what: str) -> list[Item]:
        """All of a list; what changes while its pages are turned moves to the front, and is found by going again."""
        found: dict[str, Item] = {}
        while True:
            pages, new = await self._pages(what)
            lacking = new.keys() - found.keys()
            found |= new
            if pages == 1 or not lacking:
                return list(found.values())

    async def _pages(self, what: str) -> tuple[int, dict[str, Item]]:
        items: dict[str, Item] = {}
        cursor: tuple[str, ...] = ()
        pages = 0
        while True:
            pages += 1
            page = await self.json(what, "list", "--limit", "1000", *cursor)
            items |= {each["id"]: each for each in page["items"]}
            if page["next"] is None:
                return pages, items
            cursor = ("--cursor", page["next"])


@dataclass(frozen=True, slots=True)
class Service:
    """One `connector serve`, and where it answers."""

    process: Process
    url: str


def _on_its_way(connection: Connection) -> int:
    """How much is still to be mapped or delivered."""
    received = select(func.count()).where(received_events.c.state == "received").scalar_subquery()
    due = select(func.count()).where(deliveries.c.state == "due").scalar_subquery()
    return int(connection.scalar(select(received + due)) or 0)


def _lanes(connection: Connection) -> list[dict[str, Any]]:
    return [dict(row) for row in connection.execute(select(lanes)).mappings()]


def stored(connection: Connection) -> set[str]:
    """The senders' own ids of all that is stored."""
    return set(connection.scalars(select(received_events.c.external_key)))


@asynccontextmanager
async def deployed(folder: Path, database_url: str) -> AsyncIterator[Deployment]:
    """A sandbox with its contacts and an empty database with a workspace and a Stripe endpoint; no service yet."""
    ledger = folder / "ledger.jsonl"
    own = ("--workspace", f"acme={TOKEN}", "--ledger", str(ledger))
    sandbox = await Process.start("sandbox", "--port", "0", *own, env={})
    try:
        made = await _prepared(database_url, ledger, str(await sandbox.said("http://")))
        try:
            yield made
        finally:
            await made.end()
    finally:
        await sandbox.kill()


async def _prepared(database_url: str, ledger: Path, sandbox_url: str) -> Deployment:
    env = {
        "CONNECTOR_DATABASE_URL": database_url,
        "CONNECTOR_ENCRYPTION_KEYS": KEY,
        "CONNECTOR_INTERCOM_API_URL": sandbox_url,
        "CONNECTOR_LOG_FORMAT": "json",
        "CONNECTOR_MAX_AGE": "0",  # the webhooks tell of days long past
    }
    made = Deployment(env, ledger, sandbox_url, (await _endpoint(database_url)).path)
    await made.sandbox("PATCH", "workspaces/acme", rate_limit=RATE_LIMIT)
    await made.sandbox("POST", "contacts", contacts=[{"email": email} for email in KNOWN])
    await made.sandbox("POST", "faults", status=400, containing=REFUSED, times=None)
    return made


async def _endpoint(database_url: str) -> Endpoint:
    """A workspace with a Stripe endpoint, as the command line makes them."""
    vault = load_vault(Settings(database_url=database_url, encryption_keys=SecretStr(KEY)))

    def make(connection: Connection) -> Endpoint:
        workspace = store.add(connection, vault, store.Installation("acme", TOKEN), now=1)
        return endpoints.add(connection, vault, NewEndpoint(workspace.id, "stripe", signing_secret=SECRET), now=1)

    database = await open_database(database_url)
    try:
        await migrate(database)
        return await database.transact(make)
    finally:
        await database.close()


def _let_leases_run_out(connection: Connection) -> None:
    connection.execute(update(queue).where(queue.c.lease_id.is_not(None)).values(due=1))
    connection.execute(update(lanes).values(next_due=1, held_until=1))

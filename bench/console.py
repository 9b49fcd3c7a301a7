"""How long the console's pages take over many deliveries: `python -m bench.console [COUNT] [sqlite|postgres …]`.

A workspace is filled with COUNT (default 1,000,000) events, deliveries and tries of the last thirty days, of 50,000
people; then the real service serves it, its chores running, and somebody signed in opens each page over HTTP. Printed
are the first opening, and the median and the slowest of `ROUNDS` after it, in milliseconds. On both databases unless
one is named. Bodies are stored for the newest events only: no page reads more than one.
"""

from __future__ import annotations

import asyncio
import json
import statistics
import sys
import time
from collections.abc import Mapping
from io import StringIO
from typing import Any

import sqlalchemy as sa
from aiohttp import ClientSession, CookieJar
from yarl import URL

from bench.ingest import database as empty_database
from connector import app
from connector.app import Service
from connector.console import passwords, users
from connector.console.roles import Role
from connector.database.engine import Database, open_database
from connector.database.migrate import migrate
from connector.database.rows import Rows, insert_new
from connector.database.tables import attempts, bodies, deliveries, received_events, seconds
from connector.events import Identifier, IdentifierKind
from connector.outbox.delivery import name_key
from connector.settings import LogFormat, LogLevel, Settings
from connector.telemetry import logs
from connector.workspaces import store
from tests.appstore.deployment import free_port
from tests.console.test_plans import STATES, attempt_row, delivery_row, event_row

CHUNK = 10_000
ROUNDS = 10
PEOPLE = 50_000
BODIES = 1_000
PASSWORD, KEY = "correct horse battery", "A" * 43
SPAN_MS = 30 * 86_400_000
TIMES = ("mapped_at", "updated_at", "delivered_at", "received_at", "started_at")
METADATA = '{"price": {"amount": 1999, "currency": "usd"}, "stripe_invoice": "in_1SyVhQ2eZvKYlo2C", "attempts": 1}'
BODY = b'{"id": "evt_1", "type": "invoice.paid", "data": {"object": {"id": "in_1", "amount_paid": 1999}}}'


def of(number: int, count: int, now: int) -> dict[sa.Table, dict[str, Any]]:
    """The rows about the event with this number; the last one came now."""
    at = now - (count - number) * SPAN_MS // count
    person = Identifier(IdentifierKind.EMAIL, f"person{number % PEOPLE}@example.com")
    made = {
        deliveries: delivery_row(number)
        | {"identifier_value": person.value, "contact": json.dumps([["email", person.value]]), "metadata": METADATA},
        received_events: event_row(number),
        attempts: attempt_row(number),
    }
    for row in made.values():
        row["workspace_id"] = 1
        row |= {name: at for name in TIMES if name in row}
    delivery = made[deliveries]["id"]
    known = {"identifier": person.key, "name": name_key("paid-invoice"), "second": at // 1000}
    made[seconds] = {"workspace_id": 1, "delivery_id": delivery, **known}
    if number >= count - BODIES:
        made[bodies] = {"workspace_id": 1, "key": made[received_events]["key"], "received_at": at, "body": BODY}
    return made


async def fill(database: Database, count: int) -> None:
    """`count` of each in workspace 1."""
    now = database.clock.now()

    def rows(connection: sa.Connection, start: int) -> None:
        by_table: dict[sa.Table, list[dict[str, Any]]] = {}
        for number in range(start, min(count, start + CHUNK)):
            for table, row in of(number, count, now).items():
                by_table.setdefault(table, []).append(row)
        for table, found in by_table.items():
            insert_new(connection, table, _in_order(table, found))

    for start in range(0, count, CHUNK):
        await database.transact(rows, start)
    await database.transact(lambda connection: connection.execute(sa.text("ANALYZE")))


def _in_order(table: sa.Table, rows: Rows) -> Rows:
    return sorted(rows, key=lambda row: tuple(row[column.name] for column in table.primary_key))


async def prepare(url: str, settings: Settings, count: int) -> None:
    """A migrated database with a workspace, a user, and all those rows."""
    from connector.workspaces.keys import load_vault

    database = await open_database(url, owner=True)
    try:
        await migrate(database)
        vault = load_vault(settings)
        await database.transact(store.add, vault, store.Installation("acme", "token", name="Acme"), now=1)
        await database.transact(users.add, "ada", Role.ADMIN, passwords.stored(PASSWORD), now=1)
        await fill(database, count)
    finally:
        await database.close()


def pages(count: int) -> Mapping[str, str]:
    """What is opened, by what it is called."""
    newest = max(number for number in range(count - 40, count) if STATES[number % 20] == "delivered")
    return {
        "overview": "",
        "deliveries": "deliveries",
        "deliveries, dead": "deliveries?state=dead",
        "deliveries, a reason": "deliveries?reason=refused",
        "deliveries, a rare name": "deliveries?name=rare-event",
        "deliveries, a type": "deliveries?type=customer.created",
        "deliveries, status 422": "deliveries?status=422",
        "deliveries of a day": "deliveries?since=20d&until=19d",
        "deliveries of a person": "deliveries?q=person7@example.com",
        "deliveries by an id": f"deliveries?q={delivery_row(newest)['id'].hex()}",
        "one delivery": f"deliveries/{delivery_row(newest)['id'].hex()}",
        "events": "events",
        "events, a rare type": "events?type=customer.created",
        "events, failed": "events?state=failed",
        "events of a person": "events?q=person7@example.com",
        "one event": f"events/{event_row(newest)['key'].hex()}",
        "dead letters": "dead-letters",
        "bulk preview, all dead": "bulk/replay?state=dead",
        "mappings": "mappings",
        "workspace": "workspace",
        "go live": "workspace/go-live",
        "audit": "audit",
    }


async def opened(http: ClientSession, address: str) -> float:
    """Milliseconds until the page is there whole."""
    started = time.perf_counter()
    async with http.get(address, allow_redirects=False) as answer:
        await answer.read()
        if answer.status != 200:
            raise SystemExit(f"{address} answered {answer.status}")
    return (time.perf_counter() - started) * 1000


async def measure(service: Service, count: int) -> None:
    """Serve, sign in, and open each page."""
    port = free_port()
    address = f"http://127.0.0.1:{port}"
    jar = CookieJar(unsafe=True, treat_as_secure_origin=URL(address))
    async with app.listening(service, "127.0.0.1", port), ClientSession(cookie_jar=jar) as http:
        form, origin = {"name": "ada", "password": PASSWORD}, {"Origin": address}
        async with http.post(f"{address}/console/sign-in", data=form, headers=origin) as answer:
            assert answer.status == 200
        for name, path in pages(count).items():
            first, *took = [await opened(http, f"{address}/console/{path}") for _ in range(ROUNDS + 1)]
            print(f"{name:26}{first:9.1f}{statistics.median(took):9.1f}{max(took):9.1f}", flush=True)


async def run(kind: str, count: int) -> None:
    """Fill and measure one database."""
    with empty_database(kind) as url:
        settings = Settings(database_url=url, encryption_keys=KEY, intercom_api_url="http://127.0.0.1:9", max_age=0)
        started = time.perf_counter()
        await prepare(url, settings, count)
        took = time.perf_counter() - started
        print(f"{kind}: {count:,} events, deliveries and tries, filled in {took:.0f} s")
        print(f"{'milliseconds':26}{'first':>9}{'median':>9}{'slowest':>9}")
        silent = logs.start(LogFormat.JSON, LogLevel.WARNING, StringIO())
        async with app.service(settings, logs=silent, work=False) as service:
            await measure(service, count)


if __name__ == "__main__":
    numbers = [int(each.replace(",", "")) for each in sys.argv[1:] if each[0].isdigit()]
    for kind in [each for each in sys.argv[1:] if not each[0].isdigit()] or ["sqlite", "postgres"]:
        asyncio.run(run(kind, numbers[0] if numbers else 1_000_000))

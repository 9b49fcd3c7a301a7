"""Mapping a backlog of stored webhooks into due deliveries: events a second, the database's part included.

    python -m bench.map [sqlite|postgres ...]

The events are Stripe's `invoice.paid` in full (5 kB), of a thousand customers, through the shipped catalogue.
"""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
from time import perf_counter

import uvloop

from bench.ingest import PAYLOAD, database
from connector.catalogues.in_use import Mappings
from connector.database.engine import open_database
from connector.database.migrate import migrate
from connector.events import SourceEvent
from connector.inbox.arrivals import Arrival, insert
from connector.mapping.context import Options
from connector.names import Names
from connector.outbox.bell import Bell
from connector.outbox.mapper import Mapper
from connector.workspaces import store
from connector.workspaces.directory import Directory
from connector.workspaces.vault import Key, Vault, new_key

ROUNDS = 5
EVENTS = 10_000
PEOPLE = 1_000
AT_ONCE = 250


def body(number: int) -> bytes:
    """An invoice of its own."""
    person = number % PEOPLE
    text = PAYLOAD.read_text()
    invoice = json.loads(text)["data"]["object"]
    for theirs, mine in (
        (json.loads(text)["id"], f"evt_bench{number}"),
        (invoice["id"], f"in_bench{number}"),
        (invoice["customer"], f"cus_bench{person}"),
        (invoice["customer_email"], f"customer{person}@example.com"),
        (invoice["parent"]["subscription_details"]["subscription"], f"sub_bench{person}"),
    ):
        text = text.replace(theirs, mine)
    return text.encode()


def arrival(workspace_id: int, number: int, now: int) -> Arrival:
    """A webhook as it is stored."""
    event = SourceEvent("stripe", f"evt_bench{number}", "invoice.paid", body(number), now // 1000)
    return Arrival(workspace_id, 1, "stripe:acct_bench", event, now)


async def measured(database_url: str, count: int) -> float:
    """Events a second of a backlog of `count`."""
    opened, vault = await open_database(database_url, owner=True), Vault([Key.parse(new_key())])
    await migrate(opened)
    workspace = await opened.transact(store.add, vault, store.Installation("bench", "token"), now=1)
    for first in range(0, count, AT_ONCE):
        numbers = range(first, min(count, first + AT_ONCE))
        await opened.transact(insert, [[arrival(workspace.id, each, opened.clock.now()) for each in numbers]])
    directory, mappings = Directory(opened, vault), Mappings(opened, Options(), lambda _fact: None)
    await directory.reload()
    await mappings.start()
    mapper = Mapper(opened, directory, Names(), mappings.rules, lambda _fact: None, Bell(), Bell())
    began = perf_counter()
    mapped = 0
    while done := await mapper.map_batch():
        mapped += done
    took = perf_counter() - began
    assert mapped == count, mapped
    await opened.close()
    return count / took


async def _one(address: str, count: str) -> None:
    print(await measured(address, int(count)))


def main(arguments: list[str]) -> None:
    if arguments[:1] == ["one"]:
        uvloop.run(_one(*arguments[1:]))
        return
    print(f"mapping a backlog of {EVENTS:,} webhooks, medians of {ROUNDS} rounds:")
    for kind in arguments or ["sqlite", "postgres"]:
        figures = []
        for _ in range(ROUNDS):
            with database(kind) as address:
                command = [sys.executable, "-m", "bench.map", "one", address, str(EVENTS)]
                figures.append(float(subprocess.run(command, check=True, capture_output=True, text=True).stdout))
        print(f"  {kind:9} {statistics.median(figures):8,.0f} events/s ({min(figures):,.0f} … {max(figures):,.0f})")


if __name__ == "__main__":
    main(sys.argv[1:])

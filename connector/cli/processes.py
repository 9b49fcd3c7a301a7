"""Several service processes on one machine: a parent that holds the listening socket, and children that serve it.

A child that dies is started again; its connections in waiting are the others' to take, because all share one socket.
Signals go on to the children. Each has one end of a line to the parent: by it a child says that it serves, and by its
end a child knows that the parent is gone, and stops.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import socket
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass, field

from connector.errors import SettingsError
from connector.telemetry.logs import Logs, Words

SHORTEST_PAUSE_S, LONGEST_PAUSE_S = 0.5, 30.0
"""Before a child is started again: longer each time that it has not lived for a minute."""


def listen(host: str, port: int) -> socket.socket:
    """The socket that all children answer at. Raises SettingsError where it is not to be had."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    shared = socket.socket(family, socket.SOCK_STREAM)
    try:
        shared.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        shared.bind((host, port))
        shared.listen(1024)
    except OSError as error:
        shared.close()
        raise SettingsError(f"cannot listen on {host}:{port} (CONNECTOR_HOST, CONNECTOR_PORT): {error}") from None
    return shared


@dataclass
class Supervisor:
    """Keeps `count` children alive that run `command` with the two file descriptors appended."""

    command: Sequence[str]
    count: int
    shared: socket.socket
    logs: Logs
    _children: set[asyncio.subprocess.Process] = field(default_factory=set)
    _stopping: asyncio.Event = field(default_factory=asyncio.Event)
    _has_run: bool = False
    _failed: int = 0

    async def run(self) -> int:
        """Until told to stop, or until it turns out that no child can run; the exit status."""
        theirs, mine = socket.socketpair()
        loop = asyncio.get_running_loop()
        loop.add_reader(mine, self._one_serves, mine)
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            loop.add_signal_handler(number, self._pass_on, number)
        try:
            await asyncio.gather(*(self._keep_one(theirs.fileno()) for _ in range(self.count)))
        finally:
            loop.remove_reader(mine)
            mine.close()
            theirs.close()
        return self._failed

    def _one_serves(self, line: socket.socket) -> None:
        line.recv(64)
        self._has_run = True

    def _pass_on(self, number: int) -> None:
        """Let the children have a signal; a second one to stop ends them at once, as it would a single process."""
        if number != signal.SIGHUP:
            self._stopping.set()
        self._send(signal.SIGTERM if number == signal.SIGINT else number)

    def _send(self, number: int) -> None:
        for child in self._children:
            with contextlib.suppress(ProcessLookupError):
                child.send_signal(number)

    async def _keep_one(self, line: int) -> None:
        pause = SHORTEST_PAUSE_S
        while not self._stopping.is_set():
            began = time.monotonic()
            status = await self._run_one(line)
            if self._stopping.is_set():
                self._failed = self._failed or max(0, status)
                return
            if not self._has_run and status > 0:  # it said why; so would all the others
                self._failed = status
                self._stopping.set()
                self._send(signal.SIGTERM)
                return
            self.logs.line(Words(40, "process ended", {"status": status}))
            await asyncio.sleep(pause)
            lasted = time.monotonic() - began > 60
            pause = SHORTEST_PAUSE_S if lasted else min(LONGEST_PAUSE_S, 2 * pause)

    async def _run_one(self, line: int) -> int:
        descriptors = (self.shared.fileno(), line)
        child = await asyncio.create_subprocess_exec(
            *self.command, *(str(each) for each in descriptors), pass_fds=descriptors, start_new_session=True
        )
        self._children.add(child)
        if self._stopping.is_set():  # told so while it was being started
            self._send(signal.SIGTERM)
        try:
            return await child.wait()
        finally:
            self._children.discard(child)


def child_command(options: Sequence[str]) -> list[str]:
    """The command line of a child, but for the descriptors."""
    return [sys.executable, "-m", "connector", "serve", *options, "--shared"]


def in_line_with_parent(line: int) -> None:
    """Tell the parent that this process serves, and stop, as SIGTERM would, when it has gone; inside the event loop."""

    def gone() -> None:
        loop.remove_reader(line)
        os.kill(os.getpid(), signal.SIGTERM)

    loop = asyncio.get_running_loop()
    loop.add_reader(line, gone)
    os.write(line, b"\n")

"""Several service processes on one machine: a parent that holds the listening socket, and children that serve it.

A child that dies is started again; its connections in waiting are the others' to take, because all share one socket.
Signals go on to the children. A child whose parent is gone stops by itself: it holds the end of a pipe whose other end
only the parent has.
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

STARTED_S = 5.0
"""A child that ends sooner than this has not run: none is started again at once, and if none has ever run, all end."""
LONGEST_PAUSE_S = 30.0


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
    _stopping: bool = False
    _has_run: bool = False
    _failed: int = 0

    async def run(self) -> int:
        """Until told to stop, or until it turns out that no child can run; the exit status."""
        theirs, mine = os.pipe()
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            loop.add_signal_handler(number, self._pass_on, number)
        try:
            await asyncio.gather(*(self._keep_one(theirs) for _ in range(self.count)))
        finally:
            os.close(mine)
            os.close(theirs)
        return self._failed

    def _pass_on(self, number: int) -> None:
        """Let the children have a signal; a second one to stop ends them at once, as it would a single process."""
        self._stopping = self._stopping or number != signal.SIGHUP
        self._send(signal.SIGTERM if number == signal.SIGINT else number)

    def _send(self, number: int) -> None:
        for child in self._children:
            with contextlib.suppress(ProcessLookupError):
                child.send_signal(number)

    async def _keep_one(self, lifeline: int) -> None:
        pause = 0.5
        while not self._stopping:
            began = time.monotonic()
            status = await self._run_one(lifeline)
            if self._stopping:
                self._failed = self._failed or max(0, status)
                return
            ran = time.monotonic() - began > STARTED_S
            self._has_run = self._has_run or ran
            if not self._has_run and status > 0:  # it said why; so would all the others
                self._failed, self._stopping = status, True
                self._send(signal.SIGTERM)
                return
            self.logs.line(Words(40, "process ended", {"status": status}))
            pause = 0.5 if ran else min(LONGEST_PAUSE_S, 2 * pause)
            await asyncio.sleep(pause)

    async def _run_one(self, lifeline: int) -> int:
        descriptors = (self.shared.fileno(), lifeline)
        child = await asyncio.create_subprocess_exec(
            *self.command, *(str(each) for each in descriptors), pass_fds=descriptors, start_new_session=True
        )
        self._children.add(child)
        if self._stopping:  # told so while it was being started
            self._send(signal.SIGTERM)
        try:
            return await child.wait()
        finally:
            self._children.discard(child)


def child_command(options: Sequence[str]) -> list[str]:
    """The command line of a child, but for the descriptors."""
    return [sys.executable, "-m", "connector", "serve", *options, "--shared"]


def stop_with_parent(lifeline: int) -> None:
    """Stop this process, as SIGTERM would, when the parent has gone; to be called inside the event loop."""

    def gone() -> None:
        loop.remove_reader(lifeline)
        os.kill(os.getpid(), signal.SIGTERM)

    loop = asyncio.get_running_loop()
    loop.add_reader(lifeline, gone)

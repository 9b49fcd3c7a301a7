"""`connector` commands as real processes, which can be killed without warning at any moment."""

from __future__ import annotations

import asyncio
import json
import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from connector.settings import PREFIX

PROGRAM = "from connector.cli import main; main()"
PATIENCE_S = 60.0
"""What anything here may take on a machine that is busy with other things. Passing tests never wait so long."""


@dataclass
class Process:
    """A command that runs for long. All that it says is read as it comes, so that it never waits for its reader."""

    handle: asyncio.subprocess.Process
    lines: list[str] = field(default_factory=list)
    _more: asyncio.Event = field(default_factory=asyncio.Event)

    def __post_init__(self) -> None:
        """Begin to read."""
        self._reader = asyncio.create_task(self._read())

    @classmethod
    async def start(cls, *arguments: str, env: Mapping[str, str], program: str = PROGRAM) -> Process:
        """`connector …`, or another `program` that takes the same arguments."""
        handle = await asyncio.create_subprocess_exec(
            *(sys.executable, "-c", program, *arguments),
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
            env=environment(env),
        )
        return cls(handle)

    async def said(self, words: str) -> str | None:
        """The first line with `words` in it; None where it ends without one."""
        async with asyncio.timeout(PATIENCE_S):
            while not (found := [line for line in self.lines if words in line]):
                if self._reader.done():
                    return None
                self._more.clear()
                await self._more.wait()
        return found[0]

    async def ended(self) -> int:
        """Its exit status, once it has ended."""
        await asyncio.shield(self._reader)
        return await self.handle.wait()

    async def kill(self) -> None:
        """SIGKILL: the process runs no further instruction."""
        if self.handle.returncode is None:
            self.handle.kill()
        await self.ended()

    async def stop(self, *, within_s: float) -> int:
        """SIGTERM: its exit status, for which it has `within_s`."""
        self.handle.terminate()
        async with asyncio.timeout(within_s):
            return await self.ended()

    @property
    def last_words(self) -> str:
        """What it said last, for the message of a failure."""
        return "\n".join(self.lines[-20:])

    async def _read(self) -> None:
        """To its end, whatever comes: a process whose reader has gone away waits for it on a full pipe, for ever."""
        assert self.handle.stdout is not None
        rest = b""
        while more := await self.handle.stdout.read(1 << 16):
            *lines, rest = (rest + more).split(b"\n")
            self.lines += [line.decode(errors="replace").rstrip() for line in lines]
            self._more.set()
        self.lines += [rest.decode(errors="replace")] if rest else []
        self._more.set()


@dataclass(frozen=True, slots=True)
class Result:
    """How a command ended."""

    status: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        """The one document on stdout."""
        return json.loads(self.out)

    @property
    def ok(self) -> Result:
        """This result, of a command that is to succeed."""
        assert self.status == 0, self.err
        return self


async def run(*arguments: str, env: Mapping[str, str]) -> Result:
    """`connector …` to its end."""
    handle = await asyncio.create_subprocess_exec(
        *(sys.executable, "-c", PROGRAM, *arguments),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        env=environment(env),
    )
    try:
        async with asyncio.timeout(PATIENCE_S):
            out, err = await handle.communicate()
    except BaseException:
        handle.kill()
        await handle.wait()
        raise
    assert handle.returncode is not None
    return Result(handle.returncode, out.decode(), err.decode())


def environment(ours: Mapping[str, str]) -> dict[str, str]:
    """This process's environment without the connector's variables but `ours`."""
    return {name: value for name, value in os.environ.items() if not name.startswith(PREFIX)} | dict(ours)

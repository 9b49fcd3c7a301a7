"""What reached the sandbox, in order: every call with its answer, every accepted event; kept, and written to a file.

The file has one JSON object a line, `{"kind": "event" | "call", …}`, flushed before the sender is answered, so that a
test which kills processes can read afterwards what Intercom had acknowledged.
"""

from __future__ import annotations

import asyncio
import json
from collections import Counter, deque
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, TextIO

import msgspec

from connector.sandbox.data_events import ReceivedEvent

KEPT_CALLS = 100_000


class Call(msgspec.Struct, frozen=True):
    """One request and its end. `route` is the path with {names} for its variable parts.

    `status` is None where the caller got no answer. `at` is Unix seconds, `seconds` how long it took.
    """

    number: int
    at: float
    method: str
    path: str
    route: str
    workspace: str | None
    status: int | None
    fault: str | None
    request_id: str | None
    seconds: float


class Ledger:
    """Everything received. Events are kept for ever, of calls the last hundred thousand; counts are never cut."""

    def __init__(self, path: Path | None = None) -> None:
        self.events: list[ReceivedEvent] = []
        self.calls: deque[Call] = deque(maxlen=KEPT_CALLS)
        self.counts: Counter[str] = Counter()
        self._numbers = 0
        self._waiting: list[asyncio.Future[None]] = []
        self._file: TextIO | None = path.open("a", encoding="utf-8") if path else None

    def next_number(self) -> int:
        """A number for the next thing received; the order of numbers is the order of arrival."""
        self._numbers += 1
        return self._numbers

    def record_event(self, event: ReceivedEvent) -> None:
        """Keep an accepted event."""
        self.events.append(event)
        if self._file:
            self._write("event", event.as_json())
        self._ring()

    def record_call(self, call: Call) -> None:
        """Keep a call and count it under its method, route and status ("none" where there was no answer)."""
        self.calls.append(call)
        self.counts[f"{call.method} {call.route} {call.status or 'none'}"] += 1
        if self._file:
            self._write("call", msgspec.structs.asdict(call))
        self._ring()

    def accepted(
        self, *, workspace: str | None = None, name: str | None = None, duplicate: bool | None = None
    ) -> list[ReceivedEvent]:
        """Every event answered 202, in order of arrival: all, or those with that app id, name, or duplicate mark."""
        return [
            event
            for event in self.events
            if workspace in (None, event.workspace)
            and name in (None, event.name)
            and duplicate in (None, event.duplicate)
        ]

    def answered(self, *, path: str | None = None, status: int | None = None) -> list[Call]:
        """The calls, in order of their end: all, or those to a path or with a status."""
        return [call for call in self.calls if path in (None, call.path) and status in (None, call.status)]

    async def until(self, condition: Callable[[], bool]) -> None:
        """Wait until `condition` holds; it is asked again whenever something arrives."""
        while not condition():
            arrival = asyncio.get_running_loop().create_future()
            self._waiting.append(arrival)
            await arrival

    def clear(self) -> None:
        """Forget what is in memory; the file keeps it."""
        self.events.clear()
        self.calls.clear()
        self.counts.clear()

    def _ring(self) -> None:
        for arrival in self._waiting:
            if not arrival.done():
                arrival.set_result(None)
        self._waiting.clear()

    def _write(self, kind: str, fields: Mapping[str, Any]) -> None:
        assert self._file is not None
        self._file.write(json.dumps({"kind": kind, **fields}) + "\n")
        self._file.flush()

"""The points of an event's way at which a process dies, as programs: the service as it is, with a trap laid in it.

The product knows nothing of this. The trap is laid in the process under test before it starts, around a function of
the stage in question, and is `kill -9`: no `finally` runs, no buffer is flushed.
"""

from __future__ import annotations

from dataclasses import dataclass

from tests.crash.processes import PROGRAM

GROUP = 4
"""Webhooks that are to be in one commit."""
TRAP = """
import json, os, signal

def die():
    os.kill(os.getpid(), signal.SIGKILL)

def dying_after(stored):
    def insert(connection, groups):
        stored(connection, groups)
        die()
    return insert

def dying_within(stored):
    from sqlalchemy import event
    def insert(connection, groups):
        if len(groups) >= GROUP:
            print(json.dumps({"group": [each.event.key for group in groups for each in group]}), flush=True)
            event.listen(connection, "after_cursor_execute", lambda *_: die())
        return stored(connection, groups)
    return insert
"""


@dataclass(frozen=True, slots=True)
class Point:
    """Where a process dies, and what that leaves open: whether Intercom has got an event that is sent again."""

    name: str
    trap: str
    sent_again: bool = False

    @property
    def program(self) -> str:
        """The service with this trap in it."""
        return f"GROUP = {GROUP}\n{TRAP}\n{self.trap}\n{PROGRAM}"


BEFORE_COMMIT = Point(
    "before the commit",
    "from connector.inbox import receive; receive.insert = dying_after(receive.insert)",
)
BEFORE_ANSWER = Point(
    "after the commit and before the 200",
    "from connector.inbox import receive; receive.acknowledgement = lambda request: die()",
)
WITHIN_GROUP = Point(
    "in the middle of a group commit",
    "from connector.inbox import receive; receive.insert = dying_within(receive.insert)",
)
BEFORE_CALL = Point(
    "after the claim and before the call",
    "from connector.intercom.client import IntercomClient; IntercomClient.submit_event = lambda *_: die()",
)
BEFORE_OUTCOME = Point(
    "after the 202 and before its outcome is committed",
    "from connector.outbox import worker; worker.complete = dying_after(worker.complete)",
    sent_again=True,
)
POINTS = (BEFORE_COMMIT, BEFORE_ANSWER, WITHIN_GROUP, BEFORE_CALL, BEFORE_OUTCOME)

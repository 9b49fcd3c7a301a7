"""What a process has in hand: deliveries that it has claimed and not yet begun, and how many of whom it is sending.

They are handed out workspace by workspace, in turn. No workspace's calls take more than an even share of all calls at
once, of which one is always left for the next that comes: one whose calls hang does not hold up the others.
"""

from __future__ import annotations

import asyncio
from collections import Counter, OrderedDict, deque
from collections.abc import Iterable

from connector.outbox.claim import Claimed


class Hand:
    """`calls` may be made at once."""

    def __init__(self, calls: int) -> None:
        self._calls = calls
        self._ready: OrderedDict[int, deque[Claimed]] = OrderedDict()
        self.held: Counter[int] = Counter()
        """By workspace: ready, or being sent."""
        self._sending: Counter[int] = Counter()
        self.ready = 0
        self.sending = 0
        self.suspects = 0
        """Of all that are held: those that may have killed a process."""
        self.emptied = asyncio.Event()
        """Set while nothing is being sent."""
        self.emptied.set()

    def add(self, claimed: Iterable[Claimed]) -> None:
        """These have just been claimed."""
        for each in claimed:
            workspace_id = each.delivery.workspace_id
            self._ready.setdefault(workspace_id, deque()).append(each)
            self.held[workspace_id] += 1
            self.ready += 1
            self.suspects += each.suspect

    def take(self) -> Claimed | None:
        """The next to send, if there is one that may be sent now."""
        share = max(1, self._calls // (len(self.held) + 1))
        for workspace_id, line in self._ready.items():
            if self._sending[workspace_id] < share:
                claimed = line.popleft()
                self._ready.move_to_end(workspace_id)
                if not line:
                    del self._ready[workspace_id]
                self._sending[workspace_id] += 1
                self.ready -= 1
                self.sending += 1
                self.emptied.clear()
                return claimed
        return None

    def take_back(self) -> list[Claimed]:
        """All that are not being sent yet: they are no longer held."""
        rest = [each for line in self._ready.values() for each in line]
        self._ready.clear()
        self.ready = 0
        for each in rest:
            self._let_go(each)
        return rest

    def sent(self, claimed: Claimed) -> None:
        """The call has ended."""
        self._sending[claimed.delivery.workspace_id] -= 1
        self.sending -= 1
        if not self.sending:
            self.emptied.set()
        self._let_go(claimed)

    def _let_go(self, claimed: Claimed) -> None:
        workspace_id = claimed.delivery.workspace_id
        self.suspects -= claimed.suspect
        self.held[workspace_id] -= 1
        if not self.held[workspace_id]:
            del self.held[workspace_id]
            del self._sending[workspace_id]

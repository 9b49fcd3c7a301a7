"""How often somebody may try to sign in: a few times freely, then ever more slowly.  Pure: the time is an argument.

Counted by name and address together, so that a stranger who guesses does not lock out the one whose name it is, and by
address alone, for one who tries many names. Each process counts for itself.
"""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass

FREE, FREE_OF_ADDRESS = 5, 30
LONGEST_MS = 15 * 60 * 1000
FORGOTTEN_MS = 60 * 60 * 1000
REMEMBERED = 10_000
"""Names and addresses; the ones longest unheard of are forgotten first."""


@dataclass(slots=True)
class _Failures:
    count: int
    last: int


class Throttle:
    """Times in milliseconds."""

    def __init__(self) -> None:
        self._failures: OrderedDict[tuple[str, str], _Failures] = OrderedDict()

    def wait_ms(self, name: str, address: str, *, now: int) -> int:
        """How long to wait before a try is looked at; 0 for not at all."""
        return max(self._wait((name, address), FREE, now), self._wait(("", address), FREE_OF_ADDRESS, now))

    def failed(self, name: str, address: str, *, now: int) -> None:
        """A try was wrong."""
        for key in ((name, address), ("", address)):
            known = self._failures.pop(key, None)
            fresh = known is None or now - known.last > FORGOTTEN_MS
            self._failures[key] = _Failures(1 if fresh or known is None else known.count + 1, now)
        while len(self._failures) > REMEMBERED:
            self._failures.popitem(last=False)

    def succeeded(self, name: str, address: str) -> None:
        """A try was right: what was wrong before was the same person's."""
        self._failures.pop((name, address), None)
        if known := self._failures.get(("", address)):
            known.count -= 1

    def _wait(self, key: tuple[str, str], free: int, now: int) -> int:
        known = self._failures.get(key)
        if known is None or known.count < free:
            return 0
        pause = min(LONGEST_MS, 1000 << min(20, known.count - free))
        return max(0, known.last + pause - now)

"""Things that Stripe lists newest first: kept by id and in the order of `created`, so that a page costs its length."""

from __future__ import annotations

from bisect import bisect_left, bisect_right, insort
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from itertools import count, islice
from typing import Any

Admits = Callable[[Mapping[str, Any]], bool]


@dataclass(frozen=True, slots=True)
class Pages:
    """Which part of a list is asked for; `earliest` and `latest` are bounds on `created`, both inclusive."""

    limit: int = 10
    after: str | None = None
    before: str | None = None
    earliest: int = 0
    latest: int = 2**63


class Shelf:
    """Things of one kind. One that is put again takes its own place."""

    def __init__(self) -> None:
        self._things: dict[str, dict[str, Any]] = {}
        self._places: dict[str, tuple[int, int]] = {}
        self._order: list[tuple[int, int, str]] = []
        self._serial = count()

    def __len__(self) -> int:
        """How many there are."""
        return len(self._things)

    def __iter__(self) -> Iterator[dict[str, Any]]:
        """Oldest first."""
        return (self._things[thing_id] for _, _, thing_id in self._order)

    def put(self, thing: dict[str, Any]) -> None:
        """Take in a thing; a newer rendering takes the place of the older."""
        thing_id, created = thing["id"], int(thing.get("created") or 0)
        place = self._places.get(thing_id)
        if place is None or place[0] != created:
            if place is not None:
                self._order.remove((*place, thing_id))
            self._places[thing_id] = place = (created, next(self._serial))
            insort(self._order, (*place, thing_id))
        self._things[thing_id] = thing

    def get(self, thing_id: str) -> dict[str, Any] | None:
        """One thing."""
        return self._things.get(thing_id)

    def page(self, pages: Pages, admits: Admits) -> tuple[list[dict[str, Any]], bool]:
        """The things asked for, newest first, and whether there are more in the direction of travel."""
        low = bisect_left(self._order, (pages.earliest,))
        high = bisect_right(self._order, (pages.latest + 1,))
        if pages.before is not None:
            start = max(low, self._at(pages.before) + 1)
            found = self._some(range(start, high), admits, pages.limit)
            return found[: pages.limit][::-1], len(found) > pages.limit
        if pages.after is not None:
            high = min(high, self._at(pages.after))
        found = self._some(range(high - 1, low - 1, -1), admits, pages.limit)
        return found[: pages.limit], len(found) > pages.limit

    def _some(self, places: range, admits: Admits, limit: int) -> list[dict[str, Any]]:
        things = (self._things[self._order[place][2]] for place in places)
        return list(islice(filter(admits, things), limit + 1))

    def _at(self, thing_id: str) -> int:
        return bisect_left(self._order, (*self._places[thing_id], thing_id))

    def clear(self) -> None:
        """Forget everything."""
        self._things.clear()
        self._places.clear()
        self._order.clear()

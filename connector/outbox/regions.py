"""Intercom's regions as far as they are in trouble: a breaker and a throttle over all workspaces of each.

A region's breaker opens when the breakers of several of its workspaces have opened with no answer of sense from it
between: thousands of others then need not find out for themselves. Most of the time there is no trouble, and its row is
only read.  [SQL of `regions`]
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from sqlalchemy import Connection, RowMapping, bindparam, or_, select

from connector.database.rows import insert_new, upsert
from connector.database.tables import regions
from connector.intercom.throttle import OFF, Throttle
from connector.outbox.breaker import CLOSED, Breaker, opened_again

LANES = 3
"""Workspaces whose breakers open, one after the other, before the region's does."""


@dataclass(frozen=True, slots=True)
class Region:
    """`Region(name)` is one without trouble."""

    name: str
    breaker: Breaker = CLOSED
    throttle: Throttle = OFF

    @property
    def troubled(self) -> bool:
        """Whether it holds anybody back: only then it is locked and written when work is claimed."""
        return self.breaker.opened > 0 or self.throttle.rate is not None

    def admits(self, calls: int, now_ms: int) -> int:
        """How many of `calls` may go."""
        available = self.throttle.available(now_ms)
        return self.breaker.admits(calls if available is None else min(calls, available), now_ms)

    def sent(self, calls: int, now_ms: int) -> Region:
        """The region once that many calls have gone out."""
        if calls == 0 or not self.troubled:
            return self
        return replace(self, breaker=self.breaker.probing(now_ms), throttle=self.throttle.spend(calls, now_ms))

    def next_at(self, now_ms: int) -> int:
        """The earliest time at which a call may go."""
        start = self.breaker.next_at(now_ms)
        return max(start, self.throttle.next_at(start))

    def answered(self, now_ms: int) -> Region:
        """The region after an answer that makes sense. One that comes back does so slowly."""
        if self.breaker == CLOSED:
            return self
        throttle = self.throttle.recovered(now_ms) if self.breaker.opened else self.throttle
        return replace(self, breaker=CLOSED, throttle=throttle)

    def failed(self, now_ms: int, *, lane_opened: bool) -> Region:
        """The region after a call that failed; `lane_opened`: it opened the breaker of its workspace."""
        breaker = self.breaker
        if breaker.opened:  # while failures are counted, no probe is out: this one had gone out before
            return self if breaker.failures else replace(self, breaker=opened_again(breaker, now_ms))
        if not lane_opened:
            return self
        failed = replace(breaker, failures=breaker.failures + 1)
        return replace(self, breaker=failed if failed.failures < LANES else opened_again(failed, now_ms))

    def refused(self, limit: int | None, now_ms: int) -> Region:
        """The region after a workspace with budget left was refused; `limit` is what the refusal states."""
        return replace(self, throttle=self.throttle.refused(limit, now_ms))


def all_known(connection: Connection) -> Mapping[str, Region]:
    """The regions that have ever been in trouble; no other is."""
    return {row["region"]: _region(row) for row in connection.execute(_ALL).mappings()}


def locked(connection: Connection, name: str) -> Region:
    """One region, for changing it in this transaction."""
    insert_new(connection, regions, [_row(Region(name))])
    return _region(connection.execute(_LOCKED, {"the_region": name}).mappings().one())


def save(connection: Connection, region: Region) -> None:
    """Store a region."""
    row = _row(region)
    upsert(connection, regions, [row], changes=[name for name in row if name != "region"])


TROUBLED = or_(regions.c.breaker_opened > 0, regions.c.rate.is_not(None))
"""`Region.troubled` of a row."""
_ALL = select(regions)
_LOCKED = select(regions).where(regions.c.region == bindparam("the_region")).with_for_update()


def _row(region: Region) -> dict[str, object]:
    breaker, throttle = region.breaker, region.throttle
    return {
        "region": region.name,
        "breaker_failures": breaker.failures,
        "breaker_opened": breaker.opened,
        "breaker_until": breaker.until,
        "rate": throttle.rate,
        "tokens": throttle.tokens,
        "refilled_at": throttle.refilled_at,
        "refused_at": throttle.refused_at,
    }


def _region(row: RowMapping) -> Region:
    return Region(
        row["region"],
        Breaker(row["breaker_failures"], row["breaker_opened"], row["breaker_until"]),
        Throttle(row["rate"], row["tokens"], row["refilled_at"], row["refused_at"]),
    )

"""Scripted faults: which calls they hit, and what the caller gets instead of an answer.

The choice is made here without I/O; fault_player.py acts it out on the connection.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from pydantic import BaseModel, ConfigDict, Field


class FaultKind(StrEnum):
    """What a faulty server does."""

    STATUS = "status"
    """answers `status` with `headers` and `body`; the request has no effect"""
    STATUS_AFTER = "status_after"
    """the same answer, but the request took effect: ambiguous"""
    RESET = "reset"
    """cuts the connection before reading the body"""
    RESET_AFTER = "reset_after"
    """cuts the connection after the request took effect: ambiguous"""
    SLOW = "slow"
    """the request takes effect at once, the answer comes after `delay` seconds"""
    HANG = "hang"
    """reads the body and never answers"""
    DRIP = "drip"
    """the request takes effect, the answer comes one byte every `delay` seconds"""


class Fault(BaseModel):
    """One scripted fault. Without more it answers 500 to the next call of /events.

    Of the calls that match `method`, `path`, `workspace` and `containing` it lets `skip` pass, then hits one in
    `every`, `times` times; with `seconds` it ends that long after it was set, and `times` is unlimited unless given.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    kind: FaultKind = FaultKind.STATUS
    method: str | None = Field(default=None, description="null: any")
    path: str = Field(default="/events", description="exact, or a beginning followed by *")
    workspace: str | None = Field(default=None, description="app id; null: any")
    containing: str | None = Field(default=None, description="text in the request's body; not for kind reset")
    skip: int = Field(default=0, ge=0)
    every: int = Field(default=1, ge=1)
    times: int | None = Field(default=1, ge=1, description="null: until cleared")
    seconds: float | None = Field(default=None, gt=0)
    status: int = Field(default=500, ge=200, le=599)
    headers: dict[str, str] = Field(default_factory=dict)
    body: str | None = Field(default=None, description="null: Intercom's error list for that status")
    content_type: str = "application/json"
    delay: float = Field(default=1.0, ge=0)

    @property
    def limit(self) -> int | None:
        """How many calls it hits at most."""
        if self.seconds is not None and "times" not in self.model_fields_set:
            return None
        return self.times

    def matches(self, method: str, path: str, workspace: str | None) -> bool:
        """Whether a call is one of those this fault counts, as far as can be told before its body is read."""
        same_path = path.startswith(self.path[:-1]) if self.path.endswith("*") else path == self.path
        return same_path and self.method in (None, method) and self.workspace in (None, workspace)


@dataclass(slots=True)
class _Armed:
    fault: Fault
    ends_at: float
    seen: int = 0
    hits: int = 0

    def strikes(self) -> bool:
        """Count one more matching call; whether it is hit."""
        self.seen += 1
        if self.seen <= self.fault.skip or (self.seen - self.fault.skip - 1) % self.fault.every:
            return False
        self.hits += 1
        return True

    def over(self, now: float) -> bool:
        return now >= self.ends_at or (self.fault.limit is not None and self.hits >= self.fault.limit)


class Faults:
    """The faults in force, oldest first. A call is hit by the first that strikes."""

    def __init__(self) -> None:
        self._armed: list[_Armed] = []

    def set(self, fault: Fault, *, now: float) -> None:
        """Put `fault` in force from `now` on."""
        self._armed.append(_Armed(fault, now + fault.seconds if fault.seconds else float("inf")))

    def in_force(self, *, now: float) -> list[Fault]:
        """What may still strike."""
        self._armed = [armed for armed in self._armed if not armed.over(now)]
        return [armed.fault for armed in self._armed]

    def clear(self) -> None:
        """Behave again."""
        self._armed.clear()

    def read_body(self, method: str, path: str, workspace: str | None) -> bool:
        """Whether the body decides which fault strikes this call."""
        return any(
            armed.fault.containing is not None and armed.fault.matches(method, path, workspace) for armed in self._armed
        )

    def strike(self, method: str, path: str, workspace: str | None, body: str, *, now: float) -> Fault | None:
        """The fault that hits this call, if one does."""
        for armed in self._armed:
            fault = armed.fault
            if armed.over(now) or not fault.matches(method, path, workspace) or (fault.containing or "") not in body:
                continue
            if armed.strikes():
                return fault
        return None

"""What somebody in the console may do.  Pure."""

from __future__ import annotations

from enum import StrEnum


class Role(StrEnum):
    """Each may do what those before it may."""

    VIEWER = "viewer"
    """Sees everything but secrets."""
    OPERATOR = "operator"
    """Also acts on deliveries and events: replay, discard, release, wake; pauses and resumes."""
    ADMIN = "admin"
    """Also goes live, rotates secrets and deploys mappings."""

    def may(self, needed: Role) -> bool:
        """Whether this role is enough."""
        order = list(Role)
        return order.index(self) >= order.index(needed)

"""The few words that workspaces and endpoints are set to. Apart from their tables, so that a command's help is fast."""

from __future__ import annotations

from enum import StrEnum


class Mode(StrEnum):
    """What a workspace's deliveries may do.

    (added) ──► live, watching
    watching, trying, live ──► each other                by an operator
        ├──► paused ──────────────────► what it was      resumed by an operator
        ├──► needs_reauthorization ───► what it was      Intercom refused the token; a new one, or resumed
        └──► removed ─────────────────► live, watching   added again
    """

    WATCHING = "watching"
    """Mapped and shown, nothing sent."""
    TRYING = "trying"
    """Sent for the listed contacts only."""
    LIVE = "live"
    """Sent."""
    PAUSED = "paused"
    """Held back by an operator."""
    NEEDS_REAUTHORIZATION = "needs_reauthorization"
    """Held back until there is a token that Intercom takes."""
    REMOVED = "removed"
    """Its secrets are erased; late webhooks are answered and dropped."""

    @property
    def stopped(self) -> bool:
        """Whether it is an interruption of another mode."""
        return self in (Mode.PAUSED, Mode.NEEDS_REAUTHORIZATION, Mode.REMOVED)


class Region(StrEnum):
    """Where Intercom keeps the workspace's data."""

    US = "us"
    EU = "eu"
    AU = "au"


class EndpointMode(StrEnum):
    """Which events an endpoint takes; those of the other mode are ignored as `wrong_mode`."""

    LIVE = "live"
    TEST = "test"
    ANY = "any"

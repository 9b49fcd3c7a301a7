"""What became of one claimed delivery, on its way from the courier to the database: a value."""

from __future__ import annotations

import msgspec

from connector.events import Identifier
from connector.intercom.outcome import Answer, Outcome
from connector.outbox.claim import Claimed
from connector.outbox.retry import Step


class Completion(msgspec.Struct, frozen=True):
    """One try and the step after it. `identifier` is the one to use from now on, where a look-up found a better one."""

    claimed: Claimed
    answer: Answer
    outcome: Outcome
    step: Step
    started_at: int
    finished_at: int
    identifier: Identifier | None = None
    looked_up: Answer | None = None
    """What the look-up after it was answered, where there was one: it drew on the same budget."""
    further: tuple[Answer, ...] = ()
    """What calls to create the contact were answered: the same budget again."""
    trouble: Outcome | None = None
    """What kept that look-up from telling who it is: it is then made again."""
    mode_seen_at: int = 0
    """When the workspace whose token was used was last changed: a refusal says nothing about a newer token."""
    manual: bool = False

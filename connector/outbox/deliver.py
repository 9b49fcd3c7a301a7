"""One claimed delivery to Intercom: send it, read the answer, decide, and say what to write down.

The deciding is `retry`'s, finding out whom Intercom means is `finding`'s, and the writing is `complete`'s.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass

from connector.contacts.creating import Creator
from connector.intercom import outcome as outcomes
from connector.intercom.client import IntercomClient, event_body_around
from connector.intercom.outcome import Answer, Unauthorized
from connector.outbox.claim import LEFT_TO_START_MS, Claimed
from connector.outbox.completion import Completion
from connector.outbox.finding import Finder
from connector.outbox.retry import LookUp, decide
from connector.workspaces.store import Workspace


@dataclass(frozen=True, slots=True)
class Courier:
    """What delivering needs: the way to Intercom, the time, dice for the jitter, and who may create contacts."""

    intercom: IntercomClient
    now: Callable[[], int]
    dice: Callable[[], float] = random.random
    creator: Creator | None = None

    async def deliver(self, claimed: Claimed, workspace: Workspace) -> Completion | None:
        """Try one delivery; what to write down. None where too little of its lease is left to begin."""
        started = self.now()
        if claimed.lease_until - started < LEFT_TO_START_MS:
            return None
        delivery = claimed.delivery
        if delivery.identifier is None or workspace.token is None:
            return self._untried(claimed, workspace, started)
        body = event_body_around(delivery.name, delivery.created_at, delivery.identifier, delivery.metadata_json)
        answer = await self.intercom.submit_event(workspace.region, workspace.token, body)
        now = self.now()
        outcome = outcomes.read(answer, now_ms=now)
        step = decide(outcome, claimed.history, now_ms=now, random=self.dice)
        done = Completion(claimed, answer, outcome, step, started, now, mode_seen_at=workspace.updated_at)
        if not isinstance(step, LookUp):
            return done
        finder = Finder(self.intercom, self.creator, self.now, self.dice)
        return await finder.find(done, workspace, workspace.token, delivery.identifier)

    def _untried(self, claimed: Claimed, workspace: Workspace, started: int) -> Completion:
        """There is no token to try with: the same as one that is refused."""
        outcome = Unauthorized(name="no_token")
        step = decide(outcome, claimed.history, now_ms=started, random=self.dice)
        answer = Answer(None, fault="connect")
        return Completion(claimed, answer, outcome, step, started, started, mode_seen_at=workspace.updated_at)

"""One claimed delivery to Intercom: send it, read the answer, decide, and say what to write down.

The deciding is `retry`'s and the writing is `complete`'s; here is only the doing between them.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass, replace

from connector.events import Identifier, IdentifierKind
from connector.intercom import outcome as outcomes
from connector.intercom.client import IntercomClient, event_body_around
from connector.intercom.contact import Found
from connector.intercom.outcome import Answer, ContactNotFound, Outcome, Unauthorized
from connector.outbox.claim import LEFT_TO_START_MS, Claimed
from connector.outbox.completion import Completion
from connector.outbox.retry import Again, LookUp, Step, decide
from connector.workspaces.store import Workspace


@dataclass(frozen=True, slots=True)
class Courier:
    """What delivering needs: the way to Intercom, the time, and dice for the jitter."""

    intercom: IntercomClient
    now: Callable[[], int]
    dice: Callable[[], float] = random.random

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
        outcome = outcomes.read(answer, now_ms=self.now())
        step = decide(outcome, claimed.history, now_ms=self.now(), random=self.dice)
        done = Completion(
            claimed,
            answer,
            outcome,
            step,
            started,
            self.now(),
            mode_seen_at=workspace.updated_at,
        )
        return await self._looked_up(done, workspace) if isinstance(step, LookUp) else done

    def _untried(self, claimed: Claimed, workspace: Workspace, started: int) -> Completion:
        """There is no token to try with: the same as one that is refused."""
        outcome = Unauthorized(name="no_token")
        step = decide(outcome, claimed.history, now_ms=started, random=self.dice)
        answer = Answer(None, fault="connect")
        return Completion(claimed, answer, outcome, step, started, started, mode_seen_at=workspace.updated_at)

    async def _looked_up(self, done: Completion, workspace: Workspace) -> Completion:
        """Ask who has this identifier, and go on with what is found: by id, by the next identifier, or not at all."""
        delivery = done.claimed.delivery
        identifier, token = delivery.identifier, workspace.token
        if identifier is None or token is None:
            raise AssertionError("only what was sent is looked up")
        found = await self.intercom.find_contacts(workspace.region, token, identifier)
        better = _better(found, identifier, delivery.contact, done.outcome)
        trouble = self._trouble(found)
        return replace(
            done,
            step=self._step_after(better, trouble, done),
            finished_at=self.now(),
            identifier=better,
            looked_up=found.answer if isinstance(found, Found) else found,
            trouble=trouble,
        )

    def _trouble(self, found: Found | Answer) -> Outcome | None:
        """What kept the look-up from telling who has the identifier."""
        if isinstance(found, Found):
            return None
        outcome = outcomes.read(found, now_ms=self.now())
        return None if isinstance(outcome, ContactNotFound) else outcome

    def _step_after(self, better: Identifier | None, trouble: Outcome | None, done: Completion) -> Step:
        if better is not None:
            return Again(self.now())
        asked = replace(done.claimed.history, lookups=done.claimed.history.lookups + 1)
        return decide(trouble or done.outcome, asked, now_ms=self.now(), random=self.dice)


def _better(
    found: Found | Answer, identifier: Identifier, contact: tuple[Identifier, ...], outcome: Outcome
) -> Identifier | None:
    """The one contact's id; where nobody has the identifier, the mapping's next one; else nothing better."""
    if isinstance(found, Found) and len(found.contacts) == 1:
        by_id = Identifier(IdentifierKind.ID, found.contacts[0].id)
        return by_id if by_id != identifier else None
    if isinstance(outcome, ContactNotFound) and isinstance(found, Found) and not found.contacts:
        ways = [way for way in contact if way.kind.addresses]
        place = ways.index(identifier) if identifier in ways else len(ways)
        return next(iter(ways[place + 1 :]), None)
    return None

"""Whom an event goes to that Intercom does not take by the identifier it was sent with: asks, decides, may create.

    one contact has it            resend by its id
    several have it               the workspace's rule tells which; else the mapping's next identifier; else dead
    nobody has it                 the mapping's next identifier; else whoever Intercom's webhook told of a moment ago;
                                  else create them, if the workspace asked for that; else park

Sending is `deliver`'s, and writing down what came of it `complete`'s.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import TypeAlias

from msgspec import structs

from connector.contacts.creating import Creation, Creator, Later, Made, NotMade, StaysArchived
from connector.contacts.rules import ContactRules, SeveralContacts, rules, the_one
from connector.events import Identifier, IdentifierKind
from connector.intercom import outcome as outcomes
from connector.intercom.client import IntercomClient
from connector.intercom.contact import Contact, Found
from connector.intercom.outcome import Answer, ContactNotFound, Outcome, Unauthorized
from connector.outbox.claim import LEFT_TO_START_MS
from connector.outbox.completion import Completion
from connector.outbox.retry import Again, Dead, Park, decide
from connector.workspaces.store import Workspace

MOMENT_MS = 2_000
"""After which somebody whom another delivery creates is tried for again."""
SHOWN = 5
"""Contacts that are named in the remedy for several of them."""


@dataclass(frozen=True, slots=True)
class By:
    """Send it again by this identifier."""

    identifier: Identifier


@dataclass(frozen=True, slots=True)
class Ambiguous:
    """Several contacts, and no rule that picks one."""

    contacts: tuple[Contact, ...]


@dataclass(frozen=True, slots=True)
class Nobody:
    """No contact has any of the identifiers."""


Whom: TypeAlias = By | Ambiguous | Nobody


def whom(
    contacts: Sequence[Contact],
    identifier: Identifier,
    ways: Sequence[Identifier],
    outcome: Outcome,
    rule: SeveralContacts,
) -> Whom:
    """What a look-up that found `contacts` for `identifier` means. `ways` are all of the mapping's, in order."""
    if picked := the_one(contacts, rule):
        by_id = Identifier(IdentifierKind.ID, picked.id)
        return By(by_id) if by_id != identifier else Nobody()
    if isinstance(outcome, ContactNotFound) and (other := _after(identifier, ways)):
        return By(other)
    return Ambiguous(tuple(contacts)) if contacts else Nobody()


def _after(identifier: Identifier, ways: Sequence[Identifier]) -> Identifier | None:
    place = ways.index(identifier) if identifier in ways else len(ways)
    return next(iter(ways[place + 1 :]), None)


@dataclass(frozen=True, slots=True)
class Finder:
    """`creator` is None where nobody is remembered and nobody created."""

    intercom: IntercomClient
    creator: Creator | None
    now: Callable[[], int]
    dice: Callable[[], float]

    async def find(self, done: Completion, workspace: Workspace, token: str, identifier: Identifier) -> Completion:
        """`done`, which asked for a look-up, with what that led to."""
        found = await self.intercom.find_contacts(workspace.region, token, identifier)
        if not isinstance(found, Found):
            return self._not_told(structs.replace(done, looked_up=found, finished_at=self.now()), found)
        done = structs.replace(done, looked_up=found.answer, finished_at=self.now())
        chosen, ways = rules(workspace.settings), await self._ways(done, workspace)
        match whom(found.contacts, identifier, ways, done.outcome, chosen.several_contacts):
            case By(better):
                return self._resend(done, better)
            case Ambiguous(contacts):
                return _ambiguous(done, contacts)
            case Nobody() if isinstance(done.outcome, ContactNotFound):
                return await self._nobody(done, workspace, token, ways, chosen)
        return self._go_on(done, done.outcome)

    async def _ways(self, done: Completion, workspace: Workspace) -> tuple[Identifier, ...]:
        contact = done.claimed.delivery.contact
        if self.creator is None:
            return tuple(way for way in contact if way.kind.addresses)
        return await self.creator.ways(workspace.id, contact)

    async def _nobody(
        self, done: Completion, workspace: Workspace, token: str, ways: Sequence[Identifier], chosen: ContactRules
    ) -> Completion:
        creator, sent_by = self.creator, done.claimed.delivery.identifier
        if creator is None or sent_by is None:
            return self._go_on(done, done.outcome)
        known = await creator.known(workspace.id, sent_by)
        if known is not None and known != sent_by.value:
            return self._resend(done, Identifier(IdentifierKind.ID, known))
        if done.claimed.lease_until - self.now() < LEFT_TO_START_MS:
            return structs.replace(done, step=Again(self.now()), finished_at=self.now(), trouble=done.outcome)
        creation = await creator.create(workspace, token, ways, chosen, not_id=sent_by.value)
        return self._created(structs.replace(done, further=creation.calls, finished_at=self.now()), creation)

    def _created(self, done: Completion, creation: Creation) -> Completion:
        match creation:
            case Made(contact_id):
                return self._resend(done, Identifier(IdentifierKind.ID, contact_id))
            case Later():
                return structs.replace(done, step=Again(self.now() + MOMENT_MS), trouble=done.outcome)
            case StaysArchived():
                return _parked(self._go_on(done, done.outcome), "contact_archived")
            case NotMade((*_, last)):
                return self._not_made(done, last)
        return self._go_on(done, done.outcome)

    def _not_made(self, done: Completion, answer: Answer) -> Completion:
        """A refusal of the contact says nothing about the event, which waits; anything else is tried again."""
        trouble = outcomes.read(answer, now_ms=self.now())
        lacks_permission = isinstance(trouble, Unauthorized) and answer.status == 403
        if lacks_permission or isinstance(trouble, outcomes.Refused | outcomes.SeveralContacts | ContactNotFound):
            words = f"the contact could not be created: {trouble.words or trouble.name}"
            outcome = replace(done.outcome, words=words[: outcomes.WORDS_LENGTH])
            return self._go_on(structs.replace(done, outcome=outcome), outcome)
        return self._go_on(structs.replace(done, trouble=trouble), trouble)

    def _not_told(self, done: Completion, answer: Answer) -> Completion:
        """The look-up could not be made: it is then made again."""
        outcome = outcomes.read(answer, now_ms=self.now())
        trouble = None if isinstance(outcome, ContactNotFound) else outcome
        return self._go_on(structs.replace(done, trouble=trouble), trouble or done.outcome)

    def _resend(self, done: Completion, identifier: Identifier) -> Completion:
        return structs.replace(done, step=Again(self.now()), identifier=identifier)

    def _go_on(self, done: Completion, outcome: Outcome) -> Completion:
        """Decide about `outcome` with the look-up counted."""
        asked = structs.replace(done.claimed.history, lookups=done.claimed.history.lookups + 1)
        return structs.replace(done, step=decide(outcome, asked, now_ms=self.now(), random=self.dice))


def _parked(done: Completion, reason: str) -> Completion:
    return structs.replace(done, step=replace(done.step, reason=reason)) if isinstance(done.step, Park) else done


def _ambiguous(done: Completion, contacts: Sequence[Contact]) -> Completion:
    ids = ", ".join(contact.id for contact in contacts[:SHOWN]) + (", …" if len(contacts) > SHOWN else "")
    remedy = (
        f"{len(contacts)} contacts have it ({ids}): merge them in Intercom, or have the workspace choose "
        "(several_contacts), and replay"
    )
    words = f"{done.outcome.words} – {remedy}" if done.outcome.words else remedy
    outcome = replace(done.outcome, words=words[: outcomes.WORDS_LENGTH])
    return structs.replace(done, step=Dead("ambiguous_contact"), outcome=outcome)

"""Creating a contact for an event that has none, where its workspace asked for that: one creator at a time.

Intercom lets two requests race (the second gets a 409, or makes a twin), its search lags, and an archived contact
stands in the way of a new one. Who made whom is kept by `known`, what is wanted is the workspace's to say (`rules`).
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeAlias

from connector.contacts import directory, known
from connector.contacts.directory import Resolved
from connector.contacts.known import Busy, Known
from connector.contacts.rules import ArchivedContact, ContactRules, to_create
from connector.database.engine import Database
from connector.events import Identifier
from connector.intercom.client import IntercomClient
from connector.intercom.contact import Created
from connector.intercom.outcome import Answer
from connector.workspaces.store import Workspace


@dataclass(frozen=True, slots=True)
class Made:
    """The contact is there. `calls` are Intercom's answers on the way: each drew on the workspace's budget."""

    contact_id: str
    calls: tuple[Answer, ...] = ()


@dataclass(frozen=True, slots=True)
class Later:
    """Somebody else creates them just now: a moment later they are there."""

    calls: tuple[Answer, ...] = ()


@dataclass(frozen=True, slots=True)
class StaysArchived:
    """They are there, archived, and the workspace did not ask for them to be brought back."""

    calls: tuple[Answer, ...]


@dataclass(frozen=True, slots=True)
class NotMade:
    """Intercom did not make them; the last of `calls` says why. Without any: nothing is known to make them of."""

    calls: tuple[Answer, ...] = ()


Creation: TypeAlias = Made | Later | StaysArchived | NotMade


@dataclass(frozen=True, slots=True)
class Creator:
    """What it takes: the database for turns and memory, the way to Intercom, the time."""

    database: Database
    intercom: IntercomClient
    now: Callable[[], int]

    async def ways(self, workspace_id: int, contact: Sequence[Identifier]) -> tuple[Identifier, ...]:
        """Every way of an event to name its contact that Intercom takes: its own, else those that evidence tells."""
        own = tuple(way for way in contact if way.kind.addresses)
        if own:
            return own
        resolution = await self.database.read(directory.resolve, workspace_id, contact)
        if not isinstance(resolution, Resolved):
            return ()
        return tuple(dict.fromkeys((resolution.identifier, *resolution.also)))

    async def known(self, workspace_id: int, identifier: Identifier) -> str | None:
        """Intercom's id of whoever is called so, where its search may not say so yet."""
        return await self.database.read(known.contact_of, workspace_id, identifier, now=self.now())

    async def create(
        self, workspace: Workspace, token: str, ways: Sequence[Identifier], rules: ContactRules, *, not_id: str
    ) -> Creation:
        """The contact that is called `ways`, made by us or by whoever was faster. `not_id` is gone."""
        new = to_create(ways, rules.unknown_contact)
        if new is None:
            return NotMade()
        holder = secrets.token_bytes(16)
        turn = await self.database.transact(
            known.take, workspace.id, ways, holder=holder, now=self.now(), not_id=not_id
        )
        match turn:
            case Known(contact_id):
                return Made(contact_id)
            case Busy():
                return Later()
        made = await self.intercom.create_contact(workspace.region, token, new)
        creation = await self._created(workspace, token, made, rules)
        if isinstance(creation, Made):
            await self.database.transact(known.learn, workspace.id, ways, creation.contact_id, now=self.now())
        else:
            await self.database.transact(known.let_go, workspace.id, ways, holder=holder)
        return creation

    async def _created(self, workspace: Workspace, token: str, made: Created | Answer, rules: ContactRules) -> Creation:
        if isinstance(made, Answer):
            return NotMade((made,))
        if not made.archived:
            return Made(made.id, (made.answer,))
        if rules.archived_contact is not ArchivedContact.UNARCHIVE:
            return StaysArchived((made.answer,))
        back = await self.intercom.unarchive_contact(workspace.region, token, made.id)
        calls = (made.answer, back)
        return Made(made.id, calls) if back.status == 200 else NotMade(calls)

"""A workspace with its inbox, outbox and an Intercom that answers as it is told, for tests to play with step by step.

Everything but Intercom is real: the database, the SQL, the deciding. Time stands still until a test moves it.
"""

from __future__ import annotations

import itertools
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import sqlalchemy as sa
from sqlalchemy import Connection, RowMapping

from connector.contacts.creating import Creator
from connector.contacts.evidence import Evidence
from connector.database.engine import Database
from connector.database.tables import attempts, deliveries, lanes, queue, received_events, seconds, wanted, workspaces
from connector.events import Identifier, IdentifierKind, IntercomEvent, Key, Priority, ReceivedState, SourceEvent
from connector.inbox import store
from connector.inbox.arrivals import Arrival, insert
from connector.inbox.store import ReceivedEvent
from connector.intercom.contact import Contact, Found
from connector.intercom.outcome import Answer
from connector.outbox import history
from connector.outbox.claim import Claimed, claim
from connector.outbox.complete import Completed, complete
from connector.outbox.completion import Completion
from connector.outbox.deliver import Courier
from connector.outbox.delivery import Delivery
from connector.outbox.enqueue import Stored, enqueue
from connector.outbox.translation import Translation
from connector.workspaces.modes import Mode, Region
from connector.workspaces.store import Workspace

NOW = 1_763_687_761_000
"""Milliseconds; the second it lies in is `NOW_S`."""
NOW_S = NOW // 1000
MINUTE, HOUR = 60_000, 3_600_000
HOLDER = b"this process    "
OTHER_HOLDER = b"another process "


def refusal(status: int, code: str, message: str) -> Answer:
    """An answer in Intercom's words."""
    error = {"type": "error.list", "errors": [{"code": code, "message": message}]}
    return Answer(status, body=json.dumps(error).encode())


ACCEPTED = Answer(202)
UNAVAILABLE = Answer(503)
NO_ANSWER = Answer(None, fault="no_answer")
NOT_CONNECTED = Answer(None, fault="connect")
RATE_LIMITED = Answer(429, {"retry-after": "7"})
UNAUTHORIZED = refusal(401, "unauthorized", "Access Token Invalid")
NOT_FOUND = refusal(404, "not_found", "User Not Found")
SEVERAL = refusal(409, "conflict", "Multiple existing users match this email address")
REFUSED = refusal(422, "parameter_invalid", "metadata is not valid")
NAMES_SPENT = refusal(422, "parameter_invalid", "You have reached the limit of 120 active event names")
UNHEARD_OF = Answer(418)

_numbers = itertools.count(1)


def user(value: str = "ada") -> Identifier:
    return Identifier(IdentifierKind.USER_ID, value)


def email(value: str = "ada@example.com") -> Identifier:
    return Identifier(IdentifierKind.EMAIL, value)


def by_id(value: str = "intercom-1") -> Identifier:
    return Identifier(IdentifierKind.ID, value)


def customer(value: str = "cus_1") -> Identifier:
    return Identifier(IdentifierKind.STRIPE_CUSTOMER, value)


def charge(value: str = "ch_1") -> Identifier:
    return Identifier(IdentifierKind.STRIPE_CHARGE, value)


def leads(source: Identifier, target: Identifier, *, firm: bool = True) -> Evidence:
    return Evidence(source, target, firm)


def event(
    *contact: Identifier,
    name: str = "paid-invoice",
    mapping_id: str = "stripe.paid-invoice",
    at: int = NOW_S,
    once: str | None = None,
    metadata: dict[str, Any] | None = None,
) -> IntercomEvent:
    """What a mapping entry might have made; for Ada, unless told."""
    return IntercomEvent(mapping_id, name, at, contact or (user(),), metadata or {"plan": "pro"}, once)


@dataclass
class Intercom:
    """Answers what it is told to, in turn, and then accepts; remembers each body it was sent."""

    answers: list[Answer] = field(default_factory=list)
    contacts: list[Found | Answer] = field(default_factory=list)
    bodies: list[bytes] = field(default_factory=list)
    looked_up: list[Identifier] = field(default_factory=list)

    async def submit_event(self, region: str, token: str, body: bytes) -> Answer:
        self.bodies.append(body)
        return self.answers.pop(0) if self.answers else ACCEPTED

    async def find_contacts(self, region: str, token: str, identifier: Identifier) -> Found | Answer:
        self.looked_up.append(identifier)
        return self.contacts.pop(0) if self.contacts else found()


def found(*ids: str) -> Found:
    """What a look-up finds: contacts with these ids."""
    return Found(tuple(Contact(each) for each in ids), Answer(200))


@dataclass
class World:
    """One workspace, unless told another. Times in milliseconds."""

    database: Database
    workspace_id: int = 1
    now: int = NOW
    intercom: Intercom = field(default_factory=Intercom)
    token: str | None = "token"

    async def do(self, work: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        """Run `work` in a transaction of its own."""
        return await self.database.transact(work, *args, **kwargs)

    async def add_workspace(
        self, workspace_id: int | None = None, mode: Mode = Mode.LIVE, settings: str = "{}", **more: Any
    ) -> None:
        row = {
            "id": workspace_id or self.workspace_id,
            "app_id": f"app-{workspace_id or self.workspace_id}",
            "region": "us",
            "time_zone": "UTC",
            "language": "en",
            "mode": mode.value,
            "settings": settings,
            "created_at": NOW,
            "updated_at": NOW,
        }
        await self.do(lambda connection: connection.execute(sa.insert(workspaces).values(row | more)))

    async def set_mode(self, mode: Mode, workspace_id: int | None = None) -> None:
        where = workspaces.c.id == (workspace_id or self.workspace_id)
        await self.do(lambda connection: connection.execute(sa.update(workspaces).where(where).values(mode=mode.value)))

    async def change_workspace(self, **values: Any) -> None:
        statement = sa.update(workspaces).where(workspaces.c.id == self.workspace_id).values(values)
        await self.do(lambda connection: connection.execute(statement))

    async def reopen_lane(self) -> None:
        """Forget that the far side only failed."""
        closed = {"breaker_failures": 0, "breaker_opened": 0, "breaker_until": None}
        statement = sa.update(lanes).where(lanes.c.workspace_id == self.workspace_id).values(closed)
        await self.do(lambda connection: connection.execute(statement))

    async def receive(
        self,
        key: str | None = None,
        *,
        at: int | None = None,
        workspace_id: int | None = None,
        priority: Priority = Priority.LIVE,
        **more: Any,
    ) -> ReceivedEvent:
        """A webhook, stored."""
        workspace_id = workspace_id or self.workspace_id
        sent = SourceEvent("stripe", key or f"evt_{next(_numbers)}", "invoice.paid", b"{}", NOW_S, **more)
        arrival = Arrival(workspace_id, 1, "stripe:acct_1", sent, self.now if at is None else at, priority)
        await self.do(insert, [[arrival]])
        stored = await self.database.read(store.find, workspace_id, arrival.key)
        assert stored is not None
        return stored[0]

    async def store(self, *translations: Translation) -> list[Stored]:
        """What the mapper does with what came of some events."""
        return await self.database.transact(enqueue, translations, now=self.now)

    async def map(
        self, *events: IntercomEvent, received: ReceivedEvent | None = None, evidence: Sequence[Evidence] = ()
    ) -> list[Key]:
        """A received event (a new one, unless told), translated to `events` and stored; the new deliveries."""
        received = received or await self.receive()
        state = ReceivedState.MAPPED if events else ReceivedState.UNMAPPED
        made = Translation(received, state, None, tuple(events), tuple(evidence), catalogue="catalogue")
        (stored,) = await self.store(made)
        return list(stored.deliveries)

    async def due(self, *contact: Identifier, **more: Any) -> Key:
        """One delivery that is due, or wherever else it went."""
        (delivery,) = await self.map(event(*contact, **more))
        return delivery

    async def claim(self, room: int = 64, holder: bytes = HOLDER, **more: Any) -> list[Claimed]:
        return await self.database.transact(claim, holder=holder, now=self.now, room=room, **more)

    async def claim_one(self, **more: Any) -> Claimed:
        (claimed,) = await self.claim(**more)
        return claimed

    def workspace(self, workspace_id: int | None = None) -> Workspace:
        workspace_id = workspace_id or self.workspace_id
        nothing: dict[str, Any] = {"name": None, "mode_reason": None, "mode_before": None, "settings": {}}
        return Workspace(
            workspace_id,
            f"app-{workspace_id}",
            region=Region.US,
            time_zone="UTC",
            language="en",
            token=self.token,
            mode=Mode.LIVE,
            created_at=NOW,
            updated_at=NOW,
            **nothing,
        )

    async def attempt(self, claimed: Claimed, *answers: Answer, contacts: Sequence[Found | Answer] = ()) -> Completion:
        """Try a claimed delivery against an Intercom that answers so; what is to be written down."""
        self.intercom.answers += answers
        self.intercom.contacts += contacts
        creator = Creator(self.database, self.intercom, lambda: self.now)  # type: ignore[arg-type]
        courier = Courier(self.intercom, lambda: self.now, lambda: 0.5, creator)  # type: ignore[arg-type]
        done = await courier.deliver(claimed, self.workspace(claimed.delivery.workspace_id))
        assert done is not None
        return done

    async def complete(self, *completions: Completion) -> list[Completed]:
        return list(await self.do(complete, completions))

    async def deliver(self, *answers: Answer, contacts: Sequence[Found | Answer] = ()) -> Completed:
        """Claim the one delivery that is due, try it, and write down what came of it."""
        claimed = await self.claim_one()
        (completed,) = await self.complete(await self.attempt(claimed, *answers, contacts=contacts))
        return completed

    async def delivery(self, delivery: Key, workspace_id: int | None = None) -> Delivery:
        found = await self.database.read(history.find, workspace_id or self.workspace_id, delivery)
        assert found is not None
        return found

    async def state(self, delivery: Key) -> tuple[str, str | None]:
        """(state, reason)."""
        found = await self.delivery(delivery)
        return found.state.value, found.reason

    async def attempts(self, delivery: Key) -> list[history.Attempt]:
        return await self.database.read(history.attempts_of, self.workspace_id, delivery)

    async def rows(self, table: sa.Table, **where: Any) -> list[dict[str, Any]]:
        """The rows of a table in this workspace."""

        def query(connection: Connection) -> list[RowMapping]:
            column = table.c["id" if table is workspaces else "workspace_id"]
            wanted_rows = sa.select(table).where(column == self.workspace_id)
            for name, value in where.items():
                wanted_rows = wanted_rows.where(table.c[name] == value)
            return list(connection.execute(wanted_rows).mappings())

        return [dict(row) for row in await self.database.read(query)]

    async def queued(self, delivery: Key) -> dict[str, Any]:
        (row,) = await self.rows(queue, delivery_id=delivery)
        return row

    async def lane(self) -> dict[str, Any]:
        (row,) = await self.rows(lanes)
        return row

    async def mode(self) -> str:
        (row,) = await self.rows(workspaces)
        return str(row["mode"])

    async def received(self, event: ReceivedEvent) -> tuple[str, str | None]:
        """(state, reason) of a received event."""
        (row,) = await self.rows(received_events, key=event.key)
        return row["state"], row["reason"]

    async def wants(self, delivery: Key) -> set[Key]:
        return {row["identifier"] for row in await self.rows(wanted, delivery_id=delivery)}

    async def taken(self, delivery: Key) -> set[tuple[Key, int]]:
        """(identifier, second) that a delivery holds."""
        return {(row["identifier"], row["second"]) for row in await self.rows(seconds, delivery_id=delivery)}


__all__ = ["attempts", "deliveries", "lanes", "queue", "received_events", "seconds", "wanted", "workspaces"]

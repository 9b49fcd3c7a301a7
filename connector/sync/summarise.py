"""Telling Intercom of old history in counts: `POST /events/summaries`, one call for each person and name.

A summary adds to a count, and sent twice it counts twice. So each is written down before it is sent, with what
Intercom counted until then; one whose answer did not come is not sent again until Intercom's own count proves that it
did not arrive. Where that cannot be asked (the token may not read events), or proves nothing, its deliveries are held
`summary_in_doubt`, for somebody to decide. At most once, always; exactly once, where Intercom tells.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import TypeVar

from sqlalchemy import Connection

from connector.database.engine import Database
from connector.errors import ConnectorError
from connector.events import Identifier, IdentifierKind
from connector.intercom import outcome as outcomes
from connector.intercom.client import IntercomClient
from connector.intercom.contact import Found
from connector.intercom.listed_events import EventCount, event_counts
from connector.intercom.outcome import Answer, ContactNotFound, Delivered, NameBudgetSpent, Outcome, Refused
from connector.outbox import matching, summaries
from connector.outbox.delivery import name_key
from connector.outbox.matching import Trouble
from connector.outbox.summaries import IN_DOUBT, NO_USER, REFUSED, Group, NotNow, Summary, Try
from connector.sync import backfills
from connector.sync.backfills import Request
from connector.sync.proof import GRACE_MS, Proof, prove
from connector.workspaces.modes import Mode
from connector.workspaces.store import Workspace

Asked = TypeVar("Asked", Answer, Found | Answer)
TRIES = 4
PAUSE_S = 1.0
TURNS = 30
"""How often a workspace's budget is waited for: each time for twenty seconds."""
TROUBLES = 3
"""So many calls in a row without an answer end it: Intercom has trouble of its own."""
KNOWN = 10_000


class SummariesStopped(ConnectorError):
    """Intercom takes no summaries now. The same command goes on from here."""


@dataclass(frozen=True, slots=True)
class Summarised:
    """What a progress bar shows: of this run, counts taken and the deliveries in them."""

    summaries: int
    deliveries: int


@dataclass
class Summariser:
    """Sends what one workspace has to be counted, on behalf of the backfill `request`. `check` raises where another
    command may be at it; `now` in milliseconds.
    """

    database: Database
    client: IntercomClient
    workspace: Workspace
    request: Request
    now: Callable[[], int]
    check: Callable[[], None] = lambda: None
    show: Callable[[Summarised], None] = lambda _: None
    grace_ms: int = GRACE_MS
    sent: int = 0
    counted: int = 0
    waits: int = 0
    """Summaries of which Intercom has to be asked again later."""
    _may_read: bool = True
    _troubles: int = 0
    _users: dict[Identifier, str | None] = field(default_factory=dict)

    async def run(self) -> None:
        """Send all there is. Raises SummariesStopped."""
        if self.workspace.mode not in (Mode.LIVE, Mode.TRYING):
            raise SummariesStopped(
                f"the workspace is {self.workspace.mode}: what is to be counted is held until it is live. "
                "The same command goes on from here"
            )
        try:
            await self.database.transact(summaries.again, self.workspace.id, now=self.now())
            await self._go_on()
            while groups := await self.database.read(summaries.groups, self.workspace.id):
                for group in groups:
                    await self._group(group)
            if self.waits:
                self.waits = 0
                await self._go_on()
        except Trouble as trouble:
            raise SummariesStopped(f"{trouble.why}. The same command goes on from here") from trouble

    async def _go_on(self) -> None:
        """What an earlier run has left on its way."""
        for each in await self.database.read(summaries.page, self.workspace.id):
            if each.tried_at is None:
                await self._send(each)
            else:
                await self._clear_up(each, each.tried_at)

    async def _clear_up(self, each: Summary, tried_at: int) -> None:
        after = await self._count(each.user_id, each.name) if each.before is not None else None
        others = await self.database.read(summaries.ours_since, each, tried_at - GRACE_MS)
        age = self.now() - tried_at + (GRACE_MS - self.grace_ms)
        known = after if isinstance(after, EventCount) else None
        match prove(each.before, known, count=each.count, first=each.first, others=others, age_ms=age):
            case Proof.ARRIVED:
                await self._settle(each, Try(tried_at, 0, None, "counted"))
            case Proof.NOT_ARRIVED:
                await self.database.transact(summaries.untried, each)
                await self._send(each)
            case Proof.NOT_YET:
                self.waits += 1
            case Proof.UNKNOWN:
                await self._settle(each, Try(tried_at, 0, None, "interrupted", ambiguous=True), IN_DOUBT)

    async def _group(self, group: Group) -> None:
        user_id = await self._user_id(group)
        if user_id is None:
            await self.database.transact(summaries.pass_over, group, NO_USER, now=self.now())
            return
        made = await self.database.transact(summaries.make, group, user_id, now=self.now())
        if not isinstance(made, NotNow):
            await self._send(made)

    async def _user_id(self, group: Group) -> str | None:
        """What Intercom calls the person in its `user_id`, which is all that a summary takes."""
        if group.user_id is not None:
            return group.user_id
        if group.identifier not in self._users:
            found = await self._asked(lambda: self._find(group.identifier))
            if len(self._users) >= KNOWN:
                self._users.clear()
            only = found.contacts[0] if isinstance(found, Found) and len(found.contacts) == 1 else None
            self._users[group.identifier] = only.external_id if only else None
        return self._users[group.identifier]

    async def _send(self, summary: Summary) -> None:
        for number in range(1, TRIES + 1):
            before = await self._count(summary.user_id, summary.name)
            if isinstance(before, ContactNotFound):
                now = self.now()
                await self._settle(summary, Try(now, 0, 404, before.name, before.code, before.words), NO_USER)
                return
            await self._turn()
            self.check()
            tried = await self.database.transact(summaries.trying, summary, before, now=self.now())
            if tried is None or await self._try(tried):
                return
            if number < TRIES:
                await asyncio.sleep(PAUSE_S * number)
        raise Trouble("Intercom does not take summaries just now")

    async def _try(self, summary: Summary) -> bool:
        """One call; False where it surely did not arrive, and may be made again."""
        self.check()
        started = self.now()
        answer = await self.client.submit_summary(
            self.workspace.region, self._token, _as_sent(summary), summary.user_id
        )
        await self.database.transact(matching.learn, self.workspace.id, answer, now=self.database.clock.now())
        outcome = outcomes.read_counted(answer, now_ms=self.now())
        tried = _try_of(answer, outcome, started)
        self._troubles = self._troubles + 1 if outcome.trouble else 0
        match outcome:
            case Delivered():
                await self._settle(summary, tried)
            case ContactNotFound():
                await self._settle(summary, tried, NO_USER)
            case Refused() | NameBudgetSpent():
                await self._settle(summary, tried, REFUSED)
            case _ if outcome.ambiguous:
                await self._in_doubt(summary, tried)
            case _:
                await self.database.transact(summaries.untried, summary)
                if isinstance(outcome, outcomes.Unauthorized):
                    raise Trouble("Intercom refuses the workspace's token, or that it sends events")
                return False
        return True

    async def _in_doubt(self, summary: Summary, tried: Try) -> None:
        """It may have arrived: it stays as it is, to be asked for later, where that can be asked at all."""
        if summary.before is None:
            await self._settle(summary, tried, IN_DOUBT)
        else:
            self.waits += 1
        if self._troubles >= TROUBLES:
            raise Trouble(f"Intercom has not answered {TROUBLES} times in a row")

    async def _settle(self, summary: Summary, tried: Try, held: str | None = None) -> None:
        count = await self.database.transact(_settled, self.request, summary, tried, held, now=self.now())
        if held is None:
            self.sent, self.counted = self.sent + 1, self.counted + count
            self.show(Summarised(self.sent, self.counted))

    async def _count(self, user_id: str, name: str) -> EventCount | ContactNotFound | None:
        """What Intercom counts of a person under a name; None where it may not be asked."""
        if not self._may_read:
            return None
        who = Identifier(IdentifierKind.USER_ID, user_id)
        answer = await self._asked(
            lambda: self.client.list_events(self.workspace.region, self._token, who, summary=True)
        )
        if answer.status == 404:
            return ContactNotFound(code=outcomes.error_code(answer.body), words=outcomes.error_words(answer.body))
        if answer.status == 403:
            self._may_read = False
            return None
        if (counts := event_counts(answer)) is None:
            raise Trouble(f"Intercom's counts cannot be read ({answer.status or answer.fault})")
        same = [each for each in counts if name_key(each.name) == name_key(name)]
        total = sum(each.count for each in same)
        first, last = min((each.first for each in same), default=0), max((each.last for each in same), default=0)
        return EventCount(name, total, first, last)

    async def _find(self, who: Identifier) -> Found | Answer:
        return await self.client.find_contacts(self.workspace.region, self._token, who)

    async def _asked(self, ask: Callable[[], Awaitable[Asked]]) -> Asked:
        """An answer that says something. Raises Trouble where there is none after some tries."""
        answer: Answer | None = None
        for number in range(1, TRIES + 1):
            await self._turn()
            found = await ask()
            answer = found.answer if isinstance(found, Found) else found
            await self.database.transact(matching.learn, self.workspace.id, answer, now=self.database.clock.now())
            if answer.status == 401:
                raise Trouble("Intercom refuses the workspace's token")
            if answer.status is not None and answer.status != 429 and answer.status < 500:
                return found
            if number < TRIES:
                await asyncio.sleep(PAUSE_S * number)
        assert answer is not None
        raise Trouble(f"Intercom does not answer ({answer.status or answer.fault})")

    async def _turn(self) -> None:
        """Wait for the workspace's budget, behind its deliveries."""
        for number in range(1, TURNS + 1):
            try:
                await matching.take_turn(self.database, self.workspace.id)
                break
            except Trouble:
                if number == TURNS:
                    raise

    @property
    def _token(self) -> str:
        if self.workspace.token is None:
            raise Trouble("the workspace has no access token")
        return self.workspace.token


def _settled(
    connection: Connection, request: Request, summary: Summary, tried: Try, held: str | None, *, now: int
) -> int:
    count = summaries.settle(connection, summary, tried, now=now, held=held)
    if held is None:
        backfills.add_summary(connection, request, count, now=now)
    return count


def _as_sent(summary: Summary) -> dict[str, object]:
    return {"event_name": summary.name, "count": summary.count, "first": summary.first, "last": summary.last}


def _try_of(answer: Answer, outcome: Outcome, started: int) -> Try:
    name = "counted" if isinstance(outcome, Delivered) else outcome.name
    return Try(
        started,
        answer.duration_ms,
        answer.status,
        name,
        outcome.code,
        outcome.words,
        answer.request_id,
        outcome.ambiguous,
    )

"""A sender that behaves as Stripe does: it signs each try afresh and repeats it until it is answered 200."""

from __future__ import annotations

import asyncio
import json
import random
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterable, Iterator
from contextlib import asynccontextmanager
from copy import deepcopy
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from aiohttp import ClientError, ClientSession, ClientTimeout

from connector.outbox.delivery import State
from tests.journeys.conftest import stripe_payload
from tests.signing import stripe_headers

CONTACTS = 20
"""People that Intercom knows. Far fewer than events: many are of one contact and one second."""
TIMEOUT = ClientTimeout(total=20)
PATIENCE_S = 120.0
"""What the whole load may take, with all that is killed meanwhile."""
INVOICE = stripe_payload("invoice.paid")


class Fate(StrEnum):
    """Where the delivery of a webhook has to end, in the words of its state."""

    ARRIVES = State.DELIVERED.value
    PARKED = State.PARKED.value
    WAITING = State.WAITING.value
    DEAD = State.DEAD.value


def email_of(number: int, fate: Fate) -> str | None:
    """Whom an event is for: somebody Intercom knows, somebody it does not, nobody, or one whose events it refuses."""
    match fate:
        case Fate.ARRIVES:
            return f"person-{number % CONTACTS}@example.com"
        case Fate.PARKED:
            return f"stranger-{number}@example.com"
        case Fate.DEAD:
            return f"refused-{number % CONTACTS}@example.com"
        case Fate.WAITING:
            return None


KNOWN = sorted({str(email_of(number, fate)) for number in range(CONTACTS) for fate in (Fate.ARRIVES, Fate.DEAD)})
"""The contacts that Intercom has."""
REFUSED = "refused-"
"""What the body of an event that Intercom is to refuse holds."""


@dataclass(frozen=True, slots=True)
class Webhook:
    """One paid invoice. Its number is in its ids and its amount, so that it is known again wherever it turns up."""

    event_id: str
    invoice: str
    email: str | None
    amount: int
    paid_at: int
    fate: Fate
    body: bytes


def webhooks(count: int, *, first: int = 0) -> Iterator[Webhook]:
    """So many, of which one in ten does not end at Intercom."""
    for number in range(first, first + count):
        match number % 30:
            case 7:
                yield webhook(number, Fate.PARKED)
            case 17:
                yield webhook(number, Fate.WAITING)
            case 27:
                yield webhook(number, Fate.DEAD)
            case _:
                yield webhook(number)


def webhook(number: int, fate: Fate = Fate.ARRIVES) -> Webhook:
    """The one with this number."""
    paid_at, email = int(time.time()) - 60, email_of(number, fate)
    customer = f"cus_of_{email}" if email else f"cus_nobody_{number}"
    payload: dict[str, Any] = deepcopy(INVOICE)
    payload |= {"id": f"evt_{number}", "created": paid_at}
    payload["data"]["object"] |= {
        "id": f"in_{number}",
        "amount_paid": 1000 + number,
        "customer": customer,
        "customer_email": email,
        "status_transitions": {"paid_at": paid_at},
    }
    body = json.dumps(payload, indent=2).encode()
    return Webhook(f"evt_{number}", f"in_{number}", email, 1000 + number, paid_at, fate, body)


@dataclass
class Sender:
    """Posts webhooks to `address()` and remembers which were answered 200. `tries` counts every other answer."""

    address: Callable[[], str]
    secret: str
    at_once: int = 16
    sent: dict[str, Webhook] = field(default_factory=dict)
    answered: dict[str, Webhook] = field(default_factory=dict)
    tries: Counter[int | None] = field(default_factory=Counter)
    come_back_after: set[str | None] = field(default_factory=set)
    """What `Retry-After` said."""
    pause_s: float = 0.0
    """Between one webhook and the next, in each of those that are sent at once."""
    patience_s: float = PATIENCE_S
    ahead_s: int = 0
    """By how much this sender's clock is ahead of ours."""
    _progress: asyncio.Condition = field(default_factory=asyncio.Condition)

    @asynccontextmanager
    async def sending(self, load: Iterable[Webhook]) -> AsyncIterator[None]:
        """Send all of `load`, meanwhile do something else, and leave when each has been answered 200."""
        line = iter(load)
        async with (
            asyncio.timeout(self.patience_s),
            ClientSession(timeout=TIMEOUT) as http,
            asyncio.TaskGroup() as group,
        ):
            for _ in range(self.at_once):
                group.create_task(self._send_from(line, http))
            yield

    async def send(self, *load: Webhook) -> None:
        """Send these until each has been answered 200."""
        async with self.sending(load):
            pass

    async def has(self, answered: int) -> None:
        """Wait until so many have been answered 200."""
        async with self._progress:
            await self._progress.wait_for(lambda: len(self.answered) >= answered)

    def forget(self, number: int) -> None:
        """Nothing of this one is to be anywhere."""
        del self.sent[f"in_{number}"], self.answered[f"in_{number}"]

    async def _send_from(self, line: Iterator[Webhook], http: ClientSession) -> None:
        for each in line:
            self.sent[each.invoice] = each
            while (status := await self._try(each, http)) != 200:
                self.tries[status] += 1
                await asyncio.sleep(random.uniform(0.1, 0.3))  # Stripe waits for minutes
            async with self._progress:
                self.answered[each.invoice] = each
                self._progress.notify_all()
            await asyncio.sleep(self.pause_s)

    async def _try(self, each: Webhook, http: ClientSession) -> int | None:
        """The status, or None where there was no whole answer."""
        headers = stripe_headers(each.body, self.secret, at=int(time.time()) + self.ahead_s)
        try:
            async with http.post(self.address(), data=each.body, headers=headers) as answer:
                await answer.read()
                if answer.status != 200:
                    self.come_back_after.add(answer.headers.get("Retry-After"))
                return answer.status
        except (ClientError, OSError):
            return None

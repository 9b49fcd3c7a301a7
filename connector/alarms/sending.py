"""Passing alerts on to whoever is outside: read from the table, so that it does not matter who opened them.

Nothing waits for this: a sink that hangs holds up only itself, and what was not sent is tried again.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from connector.alarms import notices
from connector.alarms.mail import AlertMail
from connector.alarms.message import Message, message
from connector.alarms.notices import Notice
from connector.alarms.webhook import SENT, AlertWebhook
from connector.database.clock import wall
from connector.database.engine import Database
from connector.settings import Settings
from connector.telemetry.facts import AlertNoticed, Tell
from connector.workspaces import store


class Sink(Protocol):
    """Somewhere to send messages to; `name` is stable."""

    name: str

    async def send(self, message: Message) -> str:
        """`sent`, or one stable word for why it was not. Never raises for what the network does."""


def sinks(settings: Settings) -> list[Sink]:
    """Those that are set up."""
    found: list[Sink] = []
    if settings.alert_webhook_url and settings.alert_webhook_secret:
        secret = settings.alert_webhook_secret.get_secret_value()
        found.append(AlertWebhook(settings.alert_webhook_url, secret, settings.alert_webhook_allow_private))
    if settings.alert_email_to and settings.smtp_url:
        found.append(
            AlertMail(settings.smtp_url.get_secret_value(), settings.alert_email_to, settings.alert_email_from)
        )
    return found


@dataclass
class Sending:
    """Sends what is open and has not been told of."""

    database: Database
    sinks: Sequence[Sink]
    tell: Tell
    now: Callable[[], int] = field(default=wall)

    async def turn(self) -> None:
        """Send what is to be sent now, to each sink by itself."""
        await asyncio.gather(*(self._to(each) for each in self.sinks))

    async def _to(self, sink: Sink) -> None:
        found = await self.database.transact(notices.claim, sink.name, now=self.now())
        if not found:
            return
        app_ids = {number: app_id for app_id, number in (await self.database.read(store.ids)).items()}
        for notice in found:
            outcome = await sink.send(message(notice.alert, app_ids.get(notice.alert.workspace_id)))
            await self._settle(notice, outcome)

    async def _settle(self, notice: Notice, outcome: str) -> None:
        if outcome == SENT:
            await self.database.transact(notices.done, notice, now=self.now())
        self.tell(AlertNoticed(notice.alert.workspace_id, notice.alert.kind, notice.sink, outcome))

"""Webhooks of a local Stripe: signed and posted to the endpoints that were made through its API, when it is told to.

    sent = await sandbox.send_stripe()          # everything that has not got through, to every endpoint that takes it

What got no 2xx is still to be sent the next time, as Stripe itself would do for three days; what got one is sent again
only when `again` asks for it, as Stripe now and then does. The body says the endpoint's API version, not the account's.
"""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import json
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Any

from aiohttp import ClientError, ClientSession, ClientTimeout

from connector.sandbox.stripe import StripeAccount

TIMEOUT = ClientTimeout(total=20)


@dataclass(frozen=True, slots=True)
class Sent:
    """One webhook and its answer; `status` is None where there was none."""

    event: str
    endpoint: str
    status: int | None

    @property
    def ok(self) -> bool:
        """Whether Stripe would be content."""
        return self.status is not None and 200 <= self.status < 300


@dataclass
class StripeSender:
    """Remembers what got through, by (event, endpoint)."""

    _through: set[tuple[str, str]] = field(default_factory=set)

    async def send(
        self,
        account: StripeAccount,
        *,
        now: float,
        only: Collection[str] | None = None,
        again: bool = False,
        at_once: int = 32,
    ) -> list[Sent]:
        """Send the account's events (or `only` those) to whoever takes them; one result for each webhook."""
        room = asyncio.Semaphore(at_once)
        async with ClientSession(timeout=TIMEOUT) as session:

            async def post(event: Mapping[str, Any], endpoint: Mapping[str, Any], secret: str) -> Sent:
                async with room:
                    return await self._post(session, event, endpoint, secret, now)

            return await asyncio.gather(
                *(
                    post(event, endpoint, secret)
                    for event in account.events
                    if only is None or event["id"] in only
                    for endpoint, secret in account.endpoints.takers(event)
                    if again or (event["id"], endpoint["id"]) not in self._through
                )
            )

    async def _post(
        self, session: ClientSession, event: Mapping[str, Any], endpoint: Mapping[str, Any], secret: str, now: float
    ) -> Sent:
        body = rendered(event, endpoint)
        headers = {"Content-Type": "application/json; charset=utf-8", "Stripe-Signature": signature(body, secret, now)}
        status = None
        try:
            async with session.post(endpoint["url"], data=body, headers=headers, allow_redirects=False) as answer:
                status = answer.status
        except (ClientError, OSError):
            pass
        sent = Sent(event["id"], endpoint["id"], status)
        if sent.ok:
            self._through.add((sent.event, sent.endpoint))
        return sent

    def clear(self) -> None:
        """Nothing has got through yet."""
        self._through.clear()


def rendered(event: Mapping[str, Any], endpoint: Mapping[str, Any]) -> bytes:
    """The event as that endpoint gets it: pretty-printed, at the endpoint's own version."""
    version = endpoint["api_version"] or event.get("api_version")
    return json.dumps({**event, "api_version": version, "pending_webhooks": 1}, indent=2).encode()


def signature(body: bytes, secret: str, now: float) -> str:
    """https://docs.stripe.com/webhooks#verify-manually"""
    moment = int(now)
    signed = hmac.new(secret.encode(), f"{moment}.".encode() + body, hashlib.sha256).hexdigest()
    return f"t={moment},v1={signed},v0={'0' * 64}"

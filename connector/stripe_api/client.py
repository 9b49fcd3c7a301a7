"""One call to Stripe with one key: paced, tried again where that helps, answered by one of four shapes (`answers`).

Stripe's own library does the talking over a shared aiohttp session, but only down to JSON: the objects that it builds
cost 700 µs for each event. It never tries a 429 again, and a `StripeClient` nothing at all, so that is done here.
"""

from __future__ import annotations

import asyncio
import hashlib
import logging
import random
import ssl
import time
import uuid
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any, TypeAlias
from urllib.parse import quote

from aiohttp import ClientError, ClientSession, ClientTimeout, DummyCookieJar, TCPConnector

from connector.stripe_api.answers import Answer, Found, failure, is_too_many, later, mapping, read, why_later
from connector.stripe_api.pace import Paces

if TYPE_CHECKING:
    from stripe import StripeClient
    from stripe._base_address import BaseAddresses

VERSION = "2026-07-29.dahlia"
"""Asked for in every call, and of our webhook endpoints: the newest that the catalogue is tested with."""
PATIENCE_S = 10.0
TRIES = 5
FIRST_WAIT_S = 0.5
LONGEST_ID = 255
TIMEOUT = ClientTimeout(total=30, connect=10)

Params: TypeAlias = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Body:
    """An answer of Stripe's: the JSON object, and the very text it came as."""

    values: dict[str, Any]
    text: str


def make_session(limit: int = 16, *, base_url: str | None = None) -> ClientSession:
    """A session for `StripeApi`, to be made inside the event loop, and closed. It trusts Stripe's own roots only."""
    import stripe

    trust = ssl.create_default_context(cafile=stripe.ca_bundle_path) if base_url is None else True
    return ClientSession(
        connector=TCPConnector(limit=limit, ssl=trust, ttl_dns_cache=300),
        cookie_jar=DummyCookieJar(),
        trust_env=False,
        timeout=TIMEOUT,
    )


@dataclass(frozen=True, slots=True)
class _Call:
    """What is asked, and with which key; `name` stands for the key where calls are counted."""

    method: str
    key: str = field(repr=False)
    path: str
    params: Params
    idempotency_key: str | None = None

    @property
    def name(self) -> bytes:
        return hashlib.sha256(self.key.encode("utf-8", "surrogatepass")).digest()

    @property
    def live(self) -> bool:
        return is_live(self.key)


@dataclass(frozen=True, slots=True)
class _Again:
    """No answer that would be one the next time too; `why` is one stable word."""

    why: str
    too_many: bool = False


class StripeApi:
    """Calls with any key; `base_url` leads elsewhere, to a sandbox say.

    Without a `session` it makes its own with the first call, and closes that one. A service whose endpoints have no
    keys never imports Stripe's library.
    """

    def __init__(
        self, session: ClientSession | None = None, *, base_url: str | None = None, paces: Paces | None = None
    ) -> None:
        self._session = session
        self._own: ClientSession | None = None
        self._base_url = base_url
        self._paces = paces or Paces()

    @asynccontextmanager
    async def opened(self) -> AsyncIterator[StripeApi]:
        """Itself, closed at the end."""
        try:
            yield self
        finally:
            await self.close()

    async def close(self) -> None:
        """Close the session that was made here."""
        if self._own is not None:
            await self._own.close()

    async def get(
        self, key: str, path: str, params: Params | None = None, *, patience_s: float = PATIENCE_S
    ) -> Answer[Body]:
        """GET `path` (below /v1/); `patience_s` is how long to wait for a turn and for further tries."""
        return await self._call(_Call("get", key, path, params or {}), patience_s)

    async def post(self, key: str, path: str, params: Params, *, patience_s: float = PATIENCE_S) -> Answer[Body]:
        """POST `params` as a form. However often it is tried, Stripe does it once."""
        return await self._call(_Call("post", key, path, params, uuid.uuid4().hex), patience_s)

    async def delete(self, key: str, path: str, *, patience_s: float = PATIENCE_S) -> Answer[Body]:
        """DELETE `path`."""
        return await self._call(_Call("delete", key, path, {}), patience_s)

    async def _call(self, call: _Call, patience_s: float) -> Answer[Body]:
        until = time.monotonic() + patience_s
        wait, again = self._paces.wait(call.name, time.monotonic(), live=call.live), _Again("rate_limited")
        for number in range(TRIES):
            if wait and time.monotonic() + wait > until:
                break
            self._paces.take(call.name, time.monotonic(), live=call.live)
            await asyncio.sleep(wait)
            answer = await self._once(call)
            if not isinstance(answer, _Again):
                return answer
            wait, again = self._wait_after(call, answer, number), answer
        return later(again.why, wait)

    def _wait_after(self, call: _Call, again: _Again, number: int) -> float:
        now = time.monotonic()
        if again.too_many:
            return self._paces.refuse(call.name, now, live=call.live)
        backoff = random.uniform(0.5, 1.0) * FIRST_WAIT_S * float(2**number)
        return max(backoff, self._paces.wait(call.name, now, live=call.live))

    async def _once(self, call: _Call) -> Answer[Body] | _Again:
        import stripe

        options = {"api_key": call.key, "stripe_version": VERSION, "idempotency_key": call.idempotency_key}
        given: dict[str, Any] = {**call.params, **{name: value for name, value in options.items() if value}}
        try:
            answer = await self._client.raw_request_async(call.method, f"/v1/{call.path}", **given)
        except (stripe.StripeError, ClientError, OSError, ValueError) as error:
            failed = failure(error)
            return read(failed) or _Again(why_later(failed), is_too_many(failed))
        return Found(Body(mapping(answer.data), answer.body))

    @cached_property
    def _client(self) -> StripeClient:
        import stripe

        logging.getLogger("stripe").setLevel(logging.WARNING)  # at DEBUG it writes whole bodies
        if self._session is None:
            self._own = make_session(base_url=self._base_url)
        http_client = stripe.AIOHTTPClient(session=self._session or self._own, timeout=TIMEOUT)
        where: BaseAddresses = {"api": self._base_url} if self._base_url else {}
        # its own key is never used: each call brings one
        return stripe.StripeClient("rk_none", http_client=http_client, base_addresses=where, max_network_retries=0)


def is_live(key: str) -> bool:
    """Whether a key is of live mode: Stripe's keys say so in their second word (rk_live_…)."""
    return key.split("_")[1:2] == ["live"]


def path_of(kind: str, object_id: str) -> str | None:
    """The path of one thing, None where its id cannot be one: ids come from senders, and must not lead elsewhere."""
    if not object_id or len(object_id) > LONGEST_ID or object_id in (".", ".."):
        return None
    return f"{kind}/{quote(object_id, safe='', errors='replace')}"

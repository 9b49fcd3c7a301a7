"""POST /segment/{token}/v1/{call}: Segment's tracking API, for its client libraries with another host.

The same promise as `receive`: durable before it is answered. The answer is exactly 200 `{"success": true}`, because
an older Python library takes any other 2xx for a failure and sends everything again. The address is one credential,
the write key another: a server's key is trusted like a signature, a browser's, which everybody can read, becomes an
event and no more. A server's key that comes out of a browser has leaked, and is refused there.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Sequence

from aiohttp import hdrs, web

from connector.database.clock import wall
from connector.database.engine import Database
from connector.errors import Unavailable
from connector.events import SourceEvent
from connector.inbox.arrivals import Arrival, insert
from connector.inbox.sources.source import Accepted, Refused
from connector.inbox.sources.tracking import CALLS, Kind, WriteKeys, inflated, parse, read, shown_keys
from connector.telemetry.facts import Tell, WebhookRefused, WebhookStored
from connector.workspaces.directory import Directory
from connector.workspaces.endpoints import TRACKING, Endpoint

LARGEST_BODY = 1024 * 1024
"""As sent; inflated it may be four times that."""
BODY_DEADLINE_S = 10.0
IN_FLIGHT = 64
"""Requests that are read at once: each may inflate to 4 MiB."""
RETRY_AFTER_S = "5"
CORS = {
    "Access-Control-Allow-Origin": "*",
    "Access-Control-Allow-Methods": "POST",
    "Access-Control-Allow-Headers": "Authorization, Content-Type, X-Retry-Count",
    "Access-Control-Expose-Headers": "Retry-After",
    "Access-Control-Max-Age": "86400",
}
_SUCCESS = b'{"success": true}'
_LARGE = 64 * 1024


class Tracking:
    """The route. `bell` is rung after each commit, so that mapping starts at once."""

    def __init__(self, database: Database, directory: Directory, *, tell: Tell, bell: Callable[[], None]) -> None:
        self._database = database
        self._directory = directory
        self._tell = tell
        self._bell = bell
        self._in_flight = 0

    def routes(self) -> list[web.AbstractRouteDef]:
        """The call, and what a browser asks before it."""
        path = "/segment/{token}/v1/{call}"
        return [web.post(path, self._track), web.options(path, self._preflight)]

    async def _preflight(self, _request: web.Request) -> web.Response:
        return web.Response(status=204, headers=CORS)

    async def _track(self, request: web.Request) -> web.Response:
        started = time.perf_counter()
        endpoint = self._directory.by_token(request.match_info["token"])
        if endpoint is None or endpoint.source != TRACKING or request.match_info["call"] not in CALLS:
            return self._refuse(None, Refused(404, "unknown_token"))
        if endpoint.removed:
            return _success()  # dropped: a library that is refused would keep it and try again
        if self._in_flight >= IN_FLIGHT:
            return self._refuse(endpoint, Refused(503, "busy"))
        self._in_flight += 1
        try:
            done = await self._taken(request, endpoint)
        finally:
            self._in_flight -= 1
        if isinstance(done, Refused):
            return self._refuse(endpoint, done)
        events, size = done
        took = time.perf_counter() - started
        self._tell(WebhookStored("segment", endpoint.workspace_id, endpoint.id, events, size, took))
        return _success()

    async def _taken(self, request: web.Request, endpoint: Endpoint) -> tuple[int, int] | Refused:
        """How many events of how many bytes are durable now."""
        body = await _body(request)
        if isinstance(body, Refused):
            return body
        if len(body) > _LARGE or hdrs.CONTENT_ENCODING in request.headers:
            found = await asyncio.to_thread(_read, request, body, endpoint)
        else:
            found = _read(request, body, endpoint)
        if isinstance(found, Refused):
            return found
        return await self._stored(endpoint, found.events, len(body)) or (len(found.events), len(body))

    async def _stored(self, endpoint: Endpoint, events: Sequence[SourceEvent], size: int) -> Refused | None:
        now = wall()
        arrivals = [Arrival(endpoint.workspace_id, endpoint.id, endpoint.stream, event, now) for event in events]
        try:
            await self._database.write(insert, arrivals, size=size, urgent=True)
        except Unavailable:
            return Refused(503, "not_stored")
        self._bell()
        return None

    def _refuse(self, endpoint: Endpoint | None, refused: Refused) -> web.Response:
        where = (endpoint.workspace_id, endpoint.id) if endpoint else (None, None)
        self._tell(WebhookRefused("segment", refused.status, refused.why, *where))
        headers = {**CORS, hdrs.RETRY_AFTER: RETRY_AFTER_S} if refused.status in (429, 503) else CORS
        answer = {"success": False, "message": refused.why}
        return web.json_response(answer, status=refused.status, headers=headers)


def _read(request: web.Request, body: bytes, endpoint: Endpoint) -> Accepted | Refused:
    """What was posted, if it may be."""
    if request.headers.get(hdrs.CONTENT_ENCODING, "identity").lower() in ("gzip", "x-gzip"):
        plain = inflated(body)
        if plain is None:
            return Refused(400, "gzip")
        body = plain
    posted = parse(body)
    if isinstance(posted, Refused):
        return posted
    keys = WriteKeys(endpoint.signing_secrets, endpoint.browser_keys)
    kind = keys.kind(shown_keys(request.headers.getall(hdrs.AUTHORIZATION, ()), posted))
    if kind is None:
        return Refused(401, "write_key")
    if kind is Kind.SERVER and hdrs.ORIGIN in request.headers:
        return Refused(403, "server_key_in_a_browser")
    return read(request.match_info["call"], posted, kind=kind, now_ms=wall())


async def _body(request: web.Request) -> bytes | Refused:
    if request.headers.get(hdrs.CONTENT_ENCODING, "identity").lower() not in ("identity", "gzip", "x-gzip"):
        return Refused(400, "content_encoding")
    if (request.content_length or 0) > LARGEST_BODY:
        return Refused(400, "too_large")
    chunks = bytearray()
    try:
        async with asyncio.timeout(BODY_DEADLINE_S):
            async for chunk in request.content.iter_any():
                chunks += chunk
                if len(chunks) > LARGEST_BODY:
                    return Refused(400, "too_large")
    except TimeoutError:
        return Refused(503, "slow_body")
    except (web.RequestPayloadError, ConnectionError):
        return Refused(400, "broken_body")
    return bytes(chunks)


def _success() -> web.Response:
    return web.Response(body=_SUCCESS, content_type="application/json", headers=CORS)

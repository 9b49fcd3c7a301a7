"""POST /webhooks/{source}/{token}: raw bytes → who is it → is it signed → stored → 200.

Nothing is mapped before the answer, and nothing is answered before it is durable. What a sender can send never gives
a 500: each way to fail has its own status, and one stable word for the log.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

import msgspec
from aiohttp import web

from connector.database.clock import wall
from connector.database.engine import Database
from connector.errors import Unavailable
from connector.events import ReceivedState, SourceEvent
from connector.inbox.sources import SOURCES, Accepted, Credentials, Refused, Request, Source
from connector.inbox.sources.source import BatchPolicy
from connector.inbox.store import Arrival, insert
from connector.telemetry.facts import Tell, WebhookRefused, WebhookStored
from connector.workspaces.directory import Directory
from connector.workspaces.endpoints import Endpoint

BODY_DEADLINE_S = 10.0
"""aiohttp has no defence of its own against a body that drips in."""
BYTES_IN_FLIGHT = 64 * 1024 * 1024
LARGE_BODY = 256 * 1024
"""A body of this many bytes is read on a thread, so that it holds nobody up."""
RETRY_AFTER_S = "5"

_STORED = b'{"received":true}'


@dataclass(frozen=True, slots=True)
class _Body:
    bytes: bytes


class Receiver:
    """The webhook routes. `bell` is rung after each commit, so that mapping starts at once."""

    def __init__(self, database: Database, directory: Directory, *, tell: Tell, bell: Callable[[], None]) -> None:
        self._database = database
        self._directory = directory
        self._tell = tell
        self._bell = bell
        self._in_flight = 0

    def routes(self) -> list[web.AbstractRouteDef]:
        """One route for each source."""
        return [
            web.post(f"/webhooks/{name}/{{token}}", self._handler(source), expect_handler=_expect)
            for name, source in SOURCES.items()
        ]

    def _handler(self, source: Source) -> Callable[[web.Request], Awaitable[web.StreamResponse]]:
        async def handle(request: web.Request) -> web.Response:
            return await self._receive(source, request)

        return handle

    async def _receive(self, source: Source, request: web.Request) -> web.Response:
        started = time.perf_counter()
        endpoint = self._directory.by_token(request.match_info["token"])
        if endpoint is None or endpoint.source != source.name:
            return self._refuse(source, None, Refused(404, "unknown_token"))
        if endpoint.removed_at is not None:
            return _stored()  # dropped: a sender who is refused would go on for days
        body = await self._body(source, request)
        if isinstance(body, Refused):
            return self._refuse(source, endpoint, body)
        read = await self._read(source, request, endpoint, body.bytes)
        if isinstance(read, Refused):
            return self._refuse(source, endpoint, read)
        if refused := await self._store(endpoint, read.events, len(body.bytes)):
            return self._refuse(source, endpoint, refused)
        self._tell(
            WebhookStored(
                source.name,
                endpoint.workspace_id,
                endpoint.id,
                len(read.events),
                len(body.bytes),
                time.perf_counter() - started,
                all(event.livemode for event in read.events[:1]),
            )
        )
        return _stored()

    async def _body(self, source: Source, request: web.Request) -> _Body | Refused:
        if request.headers.get("Content-Encoding", "identity").lower() != "identity":
            return Refused(415, "content_encoding")
        expected = request.content_length
        if expected is not None and expected > source.max_body:
            return Refused(413, "too_large")
        reserved = source.max_body if expected is None else expected
        if self._in_flight + reserved > BYTES_IN_FLIGHT:
            return Refused(503, "busy")
        if request.content.is_eof():  # it came in one piece: nothing to wait for
            return _whole(request.content.read_nowait(), source.max_body)
        self._in_flight += reserved
        try:
            async with asyncio.timeout(BODY_DEADLINE_S):
                return await _read_body(request, source.max_body)
        except TimeoutError:
            return Refused(503, "slow_body")
        except (web.RequestPayloadError, ConnectionError):
            return Refused(400, "broken_body")
        finally:
            self._in_flight -= reserved

    async def _read(self, source: Source, request: web.Request, endpoint: Endpoint, body: bytes) -> Accepted | Refused:
        proof = Request(
            body,
            request.headers.getall(source.signature_header, ()),
            request.headers.getall("Authorization", ()),
            wall() // 1000,
        )
        credentials = _credentials(endpoint)
        if len(body) < LARGE_BODY:
            return source.read(proof, credentials)
        return await asyncio.to_thread(source.read, proof, credentials)

    async def _store(self, endpoint: Endpoint, events: Sequence[SourceEvent], size: int) -> Refused | None:
        now = wall()
        arrivals = [
            Arrival(endpoint.workspace_id, endpoint.id, endpoint.stream, admitted(event, endpoint.mode), now)
            for event in events
        ]
        try:
            await self._database.write(insert, arrivals, size=size, urgent=True)
        except Unavailable:
            return Refused(503, "not_stored")
        self._bell()
        return None

    def _refuse(self, source: Source, endpoint: Endpoint | None, refused: Refused) -> web.Response:
        where = (endpoint.workspace_id, endpoint.id) if endpoint else (None, None)
        self._tell(WebhookRefused(source.name, refused.status, refused.why, *where))
        headers = {"Retry-After": RETRY_AFTER_S} if refused.status == 503 else None
        return web.json_response({"error": refused.why}, status=refused.status, headers=headers)


def _stored() -> web.Response:
    return web.Response(body=_STORED, content_type="application/json")


def _whole(body: bytes, limit: int) -> _Body | Refused:
    return _Body(body) if len(body) <= limit else Refused(413, "too_large")


async def _expect(request: web.Request) -> None:
    """Tell a sender who asks that his body is wanted. Whatever else he may expect is a malformed request."""
    if request.headers.get("Expect", "").lower() != "100-continue":
        raise web.HTTPBadRequest(text='{"error": "expect"}', content_type="application/json")
    if request.transport is not None:
        request.transport.write(b"HTTP/1.1 100 Continue\r\n\r\n")


async def _read_body(request: web.Request, limit: int) -> _Body | Refused:
    chunks: list[bytes] = []
    size = 0
    async for chunk in request.content.iter_any():
        size += len(chunk)
        if size > limit:
            return Refused(413, "too_large")
        chunks.append(chunk)
    return _Body(b"".join(chunks))


def _credentials(endpoint: Endpoint) -> Credentials:
    policy = BatchPolicy(endpoint.batch_policy) if endpoint.batch_policy else BatchPolicy.FIRST_EVENT_SIGNED
    return Credentials(endpoint.signing_secrets, endpoint.authorization, policy)


def admitted(event: SourceEvent, mode: str) -> SourceEvent:
    """`event`, or the same one ignored because it is of the mode (live, test) that its endpoint does not take."""
    if mode == "any" or event.state is not ReceivedState.RECEIVED or event.livemode == (mode == "live"):
        return event
    return msgspec.structs.replace(event, state=ReceivedState.IGNORED, reason="wrong_mode")

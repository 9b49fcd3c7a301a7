"""POST /webhooks/{source}/{token}: raw bytes → who is it → is it signed → stored → 200.

Nothing is mapped before the answer, and nothing is answered before it is durable. What a sender can send never gives
a 500: each way to fail has its own status, and one stable word for the log.
"""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from typing import TypeAlias

import msgspec
from aiohttp import hdrs, web

from connector.database.clock import wall
from connector.database.engine import Database
from connector.errors import Unavailable
from connector.events import ReceivedState, SourceEvent
from connector.inbox.acknowledgement import acknowledgement
from connector.inbox.arrivals import Arrival, insert
from connector.inbox.sources import SOURCES, Accepted, Credentials, Refused, Request, Source
from connector.inbox.sources.source import BatchPolicy
from connector.telemetry.facts import Tell, WebhookRefused, WebhookStored
from connector.workspaces.directory import Directory
from connector.workspaces.endpoints import Endpoint

BODY_DEADLINE_S = 10.0
"""aiohttp has no defence of its own against a body that drips in."""
BYTES_IN_FLIGHT = 64 * 1024 * 1024
LARGE_BODY = 256 * 1024
"""A body of this many bytes is read on a thread, so that it holds nobody up."""
RETRY_AFTER_S = "5"

WRONG_MODE = "wrong_mode"
_PLAIN = re.compile(r"[\w-]+", re.ASCII)

Handler: TypeAlias = Callable[[web.BaseRequest], Awaitable[web.StreamResponse]]


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
            web.post(f"{_folder(source)}{{token}}", partial(self._routed, source), expect_handler=_expect)
            for source in SOURCES.values()
        ]

    def ahead_of(self, router: Handler) -> Handler:
        """`router`, which is then asked only about what is not plainly a webhook."""
        sources = {_folder(source): source for source in SOURCES.values()}

        def handle(request: web.BaseRequest) -> Awaitable[web.StreamResponse]:
            folder, slash, token = request.raw_path.rpartition("/")
            source = sources.get(folder + slash)
            plain = source and _PLAIN.fullmatch(token) and request.method == "POST"
            if source and plain and hdrs.EXPECT not in request.headers:
                return self._receive(source, request, token)
            return router(request)

        return handle

    async def _routed(self, source: Source, request: web.Request) -> web.StreamResponse:
        return await self._receive(source, request, request.match_info["token"])

    async def _receive(self, source: Source, request: web.BaseRequest, token: str) -> web.StreamResponse:
        started = time.perf_counter()
        endpoint = self._directory.by_token(token)
        if endpoint is None or endpoint.source != source.name:
            return self._refuse(source, None, Refused(404, "unknown_token"))
        if endpoint.removed_at is not None:
            return acknowledgement(request)  # dropped: a sender who is refused would go on for days
        body = await self._body(source, request)
        if isinstance(body, Refused):
            return self._refuse(source, endpoint, body)
        now = wall()
        proof = (_request(source, request, body, now), _credentials(endpoint))
        accepted = source.read(*proof) if len(body) < LARGE_BODY else await asyncio.to_thread(source.read, *proof)
        if isinstance(accepted, Refused):
            return self._refuse(source, endpoint, accepted)
        try:
            await self._database.write(insert, _arrivals(endpoint, accepted, now), size=len(body), urgent=True)
        except Unavailable:
            return self._refuse(source, endpoint, Refused(503, "not_stored"))
        self._bell()
        seconds = time.perf_counter() - started
        where = (source.name, endpoint.workspace_id, endpoint.id)
        live = all(event.livemode for event in accepted.events[:1])
        self._tell(WebhookStored(*where, len(accepted.events), len(body), seconds, live))
        return acknowledgement(request)

    async def _body(self, source: Source, request: web.BaseRequest) -> bytes | Refused:
        if request.headers.get(hdrs.CONTENT_ENCODING, "identity").lower() != "identity":
            return Refused(415, "content_encoding")
        expected = request.content_length
        if expected is not None and expected > source.max_body:
            return Refused(413, "too_large")
        reserved = source.max_body if expected is None else expected
        if self._in_flight + reserved > BYTES_IN_FLIGHT:
            return Refused(503, "busy")
        if request.content.is_eof():  # it came in one piece: nothing to wait for
            body = request.content.read_nowait()
            return body if len(body) <= source.max_body else Refused(413, "too_large")
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

    def _refuse(self, source: Source, endpoint: Endpoint | None, refused: Refused) -> web.Response:
        where = (endpoint.workspace_id, endpoint.id) if endpoint else (None, None)
        self._tell(WebhookRefused(source.name, refused.status, refused.why, *where))
        headers = {"Retry-After": RETRY_AFTER_S} if refused.status == 503 else None
        return web.json_response({"error": refused.why}, status=refused.status, headers=headers)


def put_ahead(runner: web.AppRunner, receiver: Receiver) -> None:
    """Let `receiver` see each request before the application does.

    Resolving a route takes aiohttp a fifth of the time of a whole answer (`bench/ingest.py`). Call it between
    `runner.setup()` and the start of its sites.
    """
    if runner.server is not None:
        runner.server.request_handler = receiver.ahead_of(runner.server.request_handler)


def _folder(source: Source) -> str:
    return f"/webhooks/{source.name}/"


async def _expect(request: web.Request) -> None:
    """Tell a sender who asks that his body is wanted. Whatever else he may expect is a malformed request."""
    if request.headers.get("Expect", "").lower() != "100-continue":
        raise web.HTTPBadRequest(text='{"error": "expect"}', content_type="application/json")
    if request.transport is not None:
        request.transport.write(b"HTTP/1.1 100 Continue\r\n\r\n")


async def _read_body(request: web.BaseRequest, limit: int) -> bytes | Refused:
    chunks: list[bytes] = []
    size = 0
    async for chunk in request.content.iter_any():
        size += len(chunk)
        if size > limit:
            return Refused(413, "too_large")
        chunks.append(chunk)
    return b"".join(chunks)


def _request(source: Source, request: web.BaseRequest, body: bytes, now: int) -> Request:
    headers = request.headers
    signatures, authorizations = headers.getall(source.signature_header, ()), headers.getall(hdrs.AUTHORIZATION, ())
    return Request(body, signatures, authorizations, now // 1000)


def _credentials(endpoint: Endpoint) -> Credentials:
    policy = BatchPolicy(endpoint.batch_policy) if endpoint.batch_policy else BatchPolicy.FIRST_EVENT_SIGNED
    return Credentials(endpoint.signing_secrets, endpoint.authorization, policy)


def _arrivals(endpoint: Endpoint, accepted: Accepted, now: int) -> Sequence[Arrival]:
    return [_arrival(endpoint, admitted(event, endpoint.mode), now) for event in accepted.events]


def _arrival(endpoint: Endpoint, event: SourceEvent, now: int) -> Arrival:
    """What an endpoint does not take is kept apart: it must not make a repeat of what another endpoint takes."""
    stream = f"{endpoint.stream}:not-{endpoint.mode}" if event.reason == WRONG_MODE else endpoint.stream
    return Arrival(endpoint.workspace_id, endpoint.id, stream, event, now)


def admitted(event: SourceEvent, mode: str) -> SourceEvent:
    """`event`, or the same one ignored because it is of the mode (live, test) that its endpoint does not take."""
    if mode == "any" or event.state is not ReceivedState.RECEIVED or event.livemode == (mode == "live"):
        return event
    return msgspec.structs.replace(event, state=ReceivedState.IGNORED, reason=WRONG_MODE)

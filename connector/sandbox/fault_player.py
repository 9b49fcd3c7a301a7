"""Acts a fault out on one request: a scripted answer, a cut connection, a delay. Which fault, faults.py says."""

from __future__ import annotations

import asyncio
import socket
import struct
from collections.abc import Awaitable, Callable

from aiohttp import web

from connector.sandbox.answers import Refused, error_response
from connector.sandbox.faults import Fault, FaultKind

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]

# What Intercom calls a status when it is the server's doing; a scripted body replaces it.
CODES = {
    400: ("parameter_invalid", "Bad Request"),
    401: ("unauthorized", "Access Token Invalid"),
    403: ("api_plan_restricted", "Active subscription needed."),
    404: ("not_found", "User Not Found"),
    408: ("request_timeout", "Request Timeout"),
    409: ("conflict", "Conflict"),
    422: ("unprocessable_entity", "Unprocessable Entity"),
    429: ("rate_limit_exceeded", "Exceeded rate limit of 1666 in 10_seconds"),
    503: ("service_unavailable", "Service Unavailable"),
}
SERVER_ERROR = ("server_error", "Server Error")


async def play(fault: Fault, request: web.Request, handler: Handler) -> web.StreamResponse | None:
    """What the caller gets; None when that is nothing at all."""
    match fault.kind:
        case FaultKind.STATUS:
            await request.read()
            return scripted(fault)
        case FaultKind.STATUS_AFTER:
            await handler(request)
            return scripted(fault)
        case FaultKind.RESET:
            _cut(request)
            return None
        case FaultKind.RESET_AFTER:
            await handler(request)
            _cut(request)
            return None
        case FaultKind.SLOW:
            answer = await handler(request)
            await asyncio.sleep(fault.delay)
            return answer
        case FaultKind.HANG:
            await request.read()
            await asyncio.Event().wait()
            return None
        case FaultKind.DRIP:
            return await _drip(await handler(request), request, fault.delay)


def scripted(fault: Fault) -> web.Response:
    """The answer a `status` fault dictates; nothing is added, so a 429 has the headers it is given and no others."""
    if fault.body is not None:
        return web.Response(
            status=fault.status, headers=fault.headers, text=fault.body, content_type=fault.content_type
        )
    if fault.status < 400:
        return web.Response(status=fault.status, headers=fault.headers)
    code, message = CODES.get(fault.status, SERVER_ERROR)
    return error_response(Refused(fault.status, code, message, headers=fault.headers))


def _cut(request: web.Request) -> None:
    """Close the connection with a reset (RST), not politely (FIN)."""
    transport = request.transport
    if transport is None:
        return
    sock = transport.get_extra_info("socket")
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    transport.abort()


async def _drip(answer: web.StreamResponse, request: web.Request, pause: float) -> web.StreamResponse:
    """Send `answer` one byte at a time. An empty one gets a blank, or there would be nothing to drip."""
    body = (answer.body if isinstance(answer, web.Response) and isinstance(answer.body, bytes) else b"") or b" "
    stream = web.StreamResponse(status=answer.status)
    stream.content_length = len(body)
    await stream.prepare(request)
    for index in range(len(body)):
        await asyncio.sleep(pause)
        await stream.write(body[index : index + 1])
    await stream.write_eof()
    return stream

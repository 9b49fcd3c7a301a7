"""The 200 of a webhook that is stored: the same bytes every time, but for the date.

aiohttp assembles an answer's headers anew for each request, which costs a sixth of the whole way of a webhook
(`bench/ingest.py`). On a connection that stays open, as every sender's does, one answer serves all.
"""

from __future__ import annotations

import time
from email.utils import formatdate

from aiohttp import HttpVersion11, web
from aiohttp.abc import AbstractStreamWriter

BODY = b'{"received":true}'
_TYPE = "application/json"


def acknowledgement(request: web.BaseRequest) -> web.StreamResponse:
    """The answer to `request`."""
    if request.version == HttpVersion11 and request.keep_alive:
        return _READY
    return web.Response(body=BODY, content_type=_TYPE)


class _Ready(web.StreamResponse):
    """Made once, and the same for all requests: it keeps nothing of any of them but the date of the last."""

    def __init__(self) -> None:
        super().__init__()
        self._second = 0
        self._bytes = b""

    @property
    def keep_alive(self) -> bool | None:
        return True

    async def prepare(self, request: web.BaseRequest) -> AbstractStreamWriter | None:
        """Send the whole answer; as aiohttp's own, it waits for a sender who does not read."""
        transport = request.transport
        if transport is None or transport.is_closing():
            raise ConnectionResetError("the sender has gone")
        transport.write(self._now())
        await request.writer.drain()
        return None

    async def write_eof(self, data: bytes = b"") -> None:
        """Nothing is left to send."""

    def _now(self) -> bytes:
        if self._second != (second := int(time.time())):
            head = f"HTTP/1.1 200 OK\r\nContent-Type: {_TYPE}\r\nContent-Length: {len(BODY)}\r\n"
            self._bytes = f"{head}Date: {formatdate(second, usegmt=True)}\r\n\r\n".encode() + BODY
            self._second = second
        return self._bytes


_READY = _Ready()

"""What a browser sends in a form, read within bounds. What a field means is for its page to say."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from urllib.parse import parse_qsl

from aiohttp import hdrs, web

FORM_LIMIT = 64 * 1024
FORM_DEADLINE_S = 10.0
FIELDS = 500


@dataclass(frozen=True, slots=True)
class Form:
    """The fields of a form. A field that was not sent is empty."""

    fields: tuple[tuple[str, str], ...] = ()

    def __getitem__(self, name: str) -> str:
        return next((value.strip() for key, value in self.fields if key == name), "")

    def all(self, name: str) -> tuple[str, ...]:
        """Every value of a field."""
        return tuple(value for key, value in self.fields if key == name)

    def exact(self, name: str) -> str:
        """A field as it was typed, with the blanks around it: a password, or YAML."""
        return next((value for key, value in self.fields if key == name), "")


async def read_form(request: web.Request, *, limit: int = FORM_LIMIT) -> Form | None:
    """What was sent, None where it is no form of at most `limit` bytes."""
    if request.content_type != "application/x-www-form-urlencoded":
        return None
    body = await bounded(request, limit, FORM_DEADLINE_S)
    if body is None:
        return None
    try:
        fields = parse_qsl(body.decode(), keep_blank_values=True, max_num_fields=FIELDS, errors="strict")
    except (ValueError, UnicodeDecodeError):
        return None
    return Form(tuple(fields))


async def bounded(request: web.Request, limit: int, deadline_s: float) -> bytes | None:
    """The whole body, None where it is larger than `limit`, encoded, too slow or broken off."""
    if request.headers.get(hdrs.CONTENT_ENCODING, "identity").lower() != "identity":
        return None
    if (request.content_length or 0) > limit:
        return None
    body = bytearray()
    try:
        async with asyncio.timeout(deadline_s):
            async for chunk in request.content.iter_any():
                body += chunk
                if len(body) > limit:
                    return None
    except (TimeoutError, ConnectionError, web.RequestPayloadError):
        return None
    return bytes(body)

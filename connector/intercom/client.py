"""Calls to Intercom's REST API over one aiohttp session: each ends in an `Answer`, whatever the network does.

What an answer means is `outcome`'s, how many calls there may be is `pace`'s, when to call again is the outbox's. The
one thing that only this module can know is whether a request that failed may have arrived.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from time import perf_counter
from typing import Final
from urllib.parse import quote

from aiohttp import (
    BytesPayload,
    ClientConnectorDNSError,
    ClientConnectorError,
    ClientError,
    ClientPayloadError,
    ClientResponse,
    ClientResponseError,
    ClientSession,
    ClientSSLError,
    ClientTimeout,
    ConnectionTimeoutError,
    DummyCookieJar,
    TCPConnector,
    hdrs,
)
from aiohttp.abc import AbstractStreamWriter
from multidict import CIMultiDict, istr
from yarl import URL

from connector.events import Identifier, IdentifierKind, MetadataValue
from connector.intercom.contact import Created, Found, NewContact, contacts_with_email, created, one_contact
from connector.intercom.me import Me, whose
from connector.intercom.outcome import Answer, Fault, request_id
from connector.intercom.rate_headers import RATE_HEADERS

BODY_LIMIT: Final = 65_536
"""Bytes of an answer that are read; who sends more is hung up on."""
TIMEOUT: Final = ClientTimeout(total=20, sock_connect=5, sock_read=15)
"""Seconds. A lease must outlast the total. (`connect` would be one more timer for each call, also on a connection
that is there.)"""

EVENTS_A_PAGE: Final = 10
"""So few that a page of the largest events stays below `BODY_LIMIT`."""

TOKENS_KEPT: Final = 10_000
"""Tokens whose headers are kept, so that they are not put together for every call."""

_HOSTS: Mapping[str, str] = {"eu": "https://api.eu.intercom.io", "au": "https://api.au.intercom.io"}
_KEPT: Final = tuple(istr(name) for name in (*RATE_HEADERS, "x-request-id", "link"))
_quoted: Final[Callable[[str], str]] = json.encoder.encode_basestring
"""Text as JSON has it, with all that is beyond ASCII as it is: what an encoder itself uses, without making one."""
_encoded: Final = json.JSONEncoder(ensure_ascii=False, allow_nan=False, separators=(",", ":")).encode


def base_url(region: str) -> str:
    """Where the API of `region` (us, eu, au) is. The first host also passes on what belongs to another region."""
    return _HOSTS.get(region, "https://api.intercom.io")


def make_session(limit: int, *, timeout: ClientTimeout = TIMEOUT) -> ClientSession:
    """A session for `IntercomClient` with at most `limit` connections; to be made inside the event loop, and closed.

    It keeps no cookies, takes no proxy or password from the environment, and inflates nothing: an answer of a few
    kilobytes could otherwise fill the memory.
    """
    return ClientSession(
        connector=TCPConnector(limit=limit, limit_per_host=limit, ttl_dns_cache=300, keepalive_timeout=30),
        cookie_jar=DummyCookieJar(),
        trust_env=False,
        auto_decompress=False,
        timeout=timeout,
    )


def event_body(name: str, created_at: int, identifier: Identifier, metadata: Mapping[str, MetadataValue]) -> bytes:
    """One event as Intercom takes it, the same bytes each time: `created_at` in Unix seconds, keys in their order.

    Exactly one of id, user_id and email goes out. Raises ValueError for another kind of identifier, NaN or infinity.
    """
    return event_body_around(name, created_at, identifier, _encoded(metadata))


def event_body_around(name: str, created_at: int, identifier: Identifier, metadata_json: str) -> bytes:
    """The same with metadata that is a compact JSON object already."""
    if not identifier.kind.addresses:
        raise ValueError(f"Intercom takes no {identifier.kind}")
    who = f'"{identifier.kind}":{_quoted(identifier.value)}'
    more = "" if metadata_json == "{}" else f',"metadata":{metadata_json}'
    text = f'{{"event_name":{_quoted(name)},"created_at":{created_at},{who}{more}}}'
    return text.encode("utf-8", "replace")


class IntercomClient:
    """Calls on behalf of any workspace: `region` and `token` come with each of them."""

    def __init__(self, session: ClientSession, *, version: str, base_url_for: Callable[[str], str] = base_url) -> None:
        """`version` is what goes out as Intercom-Version; `base_url_for` leads a region elsewhere, to a sandbox say."""
        self._session = session
        self._base_url_for = base_url_for
        self._events: dict[str, URL] = {}
        self._headers_by_token: dict[str, CIMultiDict[str]] = {}
        self._headers = CIMultiDict(
            {
                hdrs.ACCEPT: "application/json",
                hdrs.ACCEPT_ENCODING: "identity",
                hdrs.CONTENT_TYPE: "application/json",
                "Intercom-Version": version,
            }
        )

    async def submit_event(self, region: str, token: str, body: bytes) -> Answer:
        """POST /events; `body` is what `event_body` made. Never raises for what the network or Intercom does."""
        if (url := self._events.get(region)) is None:
            url = self._events[region] = self._url(region, "/events")
        return await self._call(hdrs.METH_POST, url, token, body)

    async def find_contacts(self, region: str, token: str, identifier: Identifier) -> Found | Answer:
        """Who has `identifier`; the answer itself where that cannot be told from it (`outcome.read` says why).

        New contacts may be missing from a search by e-mail for a few minutes. Raises ValueError for a kind of
        identifier that Intercom does not know.
        """
        value = quote(identifier.value, safe="", errors="replace").replace(".", "%2E")
        match identifier.kind:
            case IdentifierKind.ID:
                return one_contact(await self._get(region, token, f"/contacts/{value}"))
            case IdentifierKind.USER_ID:
                return one_contact(await self._get(region, token, f"/contacts/find_by_external_id/{value}"))
            case IdentifierKind.EMAIL:
                url, query = self._url(region, "/contacts/search"), search_body(identifier.value)
                return contacts_with_email(await self._call(hdrs.METH_POST, url, token, query), identifier.value)
        raise ValueError(f"Intercom knows no {identifier.kind}")

    async def create_contact(self, region: str, token: str, new: NewContact) -> Created | Answer:
        """Make a contact, or learn who is there with these details; the answer itself where it tells neither."""
        fields = {"role": new.role, "external_id": new.external_id, "email": new.email}
        body = _encoded({name: value for name, value in fields.items() if value is not None}).encode("utf-8", "replace")
        return created(await self._call(hdrs.METH_POST, self._url(region, "/contacts"), token, body))

    async def unarchive_contact(self, region: str, token: str, contact_id: str) -> Answer:
        """Bring an archived contact back; 200 where that was done."""
        path = f"/contacts/{quote(contact_id, safe='')}/unarchive"
        return await self._call(hdrs.METH_POST, self._url(region, path), token, b"{}")

    async def list_events(
        self, region: str, token: str, identifier: Identifier, *, before: int | None = None, summary: bool = False
    ) -> Answer:
        """One page of a contact's events of the last 90 days, the newest first, from `before` on (as the page before
        it said); with `summary` how often each name was sent, however long ago. Raises ValueError for another kind of
        identifier than id, user_id and email.
        """
        who = {IdentifierKind.ID: "intercom_user_id"}.get(identifier.kind, identifier.kind.value)
        if not identifier.kind.addresses:
            raise ValueError(f"Intercom knows no {identifier.kind}")
        query = f"type=user&{who}={quote(identifier.value, safe='', errors='replace')}"
        query += "&summary=true" if summary else f"&per_page={EVENTS_A_PAGE}"
        return await self._get(region, token, f"/events?{query}" + (f"&before={before}" if before else ""))

    async def submit_summary(self, region: str, token: str, summary: Mapping[str, object], user_id: str) -> Answer:
        """POST /events/summaries: `summary` (event_name, count, first, last) adds to what is counted of a user."""
        body = _encoded({"user_id": user_id, "event_summaries": summary}).encode("utf-8", "replace")
        return await self._call(hdrs.METH_POST, self._url(region, "/events/summaries"), token, body)

    async def me(self, region: str, token: str) -> Me | Answer:
        """Which workspace `token` opens; the answer itself where that cannot be told from it."""
        return whose(await self._get(region, token, "/me"))

    async def post(self, region: str, token: str, path: str, body: bytes) -> Answer:
        """POST a JSON body to any other path. Never raises for what the network or Intercom does."""
        return await self._call(hdrs.METH_POST, self._url(region, path), token, body)

    async def _get(self, region: str, token: str, path: str) -> Answer:
        return await self._call(hdrs.METH_GET, self._url(region, path), token, None)

    def _headers_with(self, token: str) -> CIMultiDict[str]:
        if (headers := self._headers_by_token.get(token)) is None:
            if len(self._headers_by_token) >= TOKENS_KEPT:
                self._headers_by_token.clear()
            headers = self._headers_by_token[token] = self._headers.copy()
            headers[hdrs.AUTHORIZATION] = f"Bearer {token}"
        return headers

    def _url(self, region: str, path: str) -> URL:
        return URL(self._base_url_for(region).rstrip("/") + path, encoded=True)

    async def _call(self, method: str, url: URL, token: str, body: bytes | None) -> Answer:
        started = perf_counter()
        headers = self._headers_with(token)
        payload = None if body is None else _Body(body)
        try:
            response = await self._session.request(method, url, data=payload, headers=headers, allow_redirects=False)
        except (ClientError, OSError) as error:
            fault = _fault(error, sent=payload is None or payload.sent)
            detail = str(error) or type(error).__name__
            return Answer(None, fault=fault, duration_ms=_since(started), detail=detail)
        return await _read(response, started)


class _Body(BytesPayload):
    """Bytes that remember whether they were handed to a socket: from then on the request may have arrived."""

    sent = False

    async def write_with_length(self, writer: AbstractStreamWriter, content_length: int | None) -> None:
        self.sent = True
        await super().write_with_length(writer, content_length)


async def _read(response: ClientResponse, started: float) -> Answer:
    """The answer with as much of its body as comes. A body that breaks off or drips leaves the status as it is."""
    body = bytearray()
    try:
        while len(body) < BODY_LIMIT and (chunk := await response.content.read(BODY_LIMIT - len(body))):
            body += chunk
    except (ClientError, OSError):
        pass
    finally:
        response.close()  # hangs up on what was not read to its end; one that was is back in the pool already
    headers = {str(name): value for name in _KEPT if (value := response.headers.get(name)) is not None}
    return Answer(
        response.status,
        headers,
        bytes(body),
        duration_ms=_since(started),
        request_id=request_id(headers, bytes(body)),
    )


def _fault(error: ClientError | OSError, *, sent: bool) -> Fault:
    match error:
        case ClientConnectorDNSError():
            return "dns"
        case ClientSSLError():
            return "tls"
        case ClientConnectorError():
            return "connect"
        case ConnectionTimeoutError():
            return "timeout_before_send"
        case _ if not sent:
            return "timeout_before_send" if isinstance(error, TimeoutError) else "connect"
        case ClientResponseError() | ClientPayloadError():
            return "bad_answer"
    return "no_answer"


def search_body(email: str) -> bytes:
    """Whether Intercom's search minds the case is not documented: asked for as written and in lower case."""
    filters = [{"field": "email", "operator": "=", "value": form} for form in dict.fromkeys((email, email.lower()))]
    query = filters[0] if len(filters) == 1 else {"operator": "OR", "value": filters}
    return _encoded({"query": query}).encode("utf-8", "replace")


def _since(started: float) -> int:
    return round((perf_counter() - started) * 1000)

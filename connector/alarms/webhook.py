"""An alert by webhook: signed as Standard Webhooks say, to a public address only, without following anybody anywhere.

The address is looked up once, judged, and the connection goes to what was judged: a name that leads to another place
the next time leads nowhere. https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md
"""

from __future__ import annotations

import hashlib
import hmac
import ipaddress
import socket
import time
from base64 import b64decode, b64encode
from collections.abc import Callable
from dataclasses import dataclass, field

from aiohttp import ClientError, ClientSession, ClientTimeout, DummyCookieJar, TCPConnector
from aiohttp.abc import AbstractResolver, ResolveResult
from aiohttp.resolver import ThreadedResolver
from yarl import URL

from connector.alarms.message import Message

PATIENCE = ClientTimeout(total=10, connect=5)
SENT = "sent"


class PrivateAddressError(OSError):
    """The name leads into a private network."""


@dataclass
class AlertWebhook:
    """Posts messages to one address."""

    url: str
    secret: str = field(repr=False)
    allow_private: bool = False
    name: str = "webhook"
    clock: Callable[[], float] = field(default=time.time, repr=False)

    async def send(self, message: Message) -> str:
        """`sent`, or one stable word for why it was not."""
        url = URL(self.url)
        if not self.allow_private and _is_private(url.host or ""):
            return "private_address"  # aiohttp asks no resolver about an address in figures
        try:
            async with (
                self._session() as session,
                session.post(
                    url, data=(body := message.body()), headers=self._headers(message.id, body), allow_redirects=False
                ) as response,
            ):
                return SENT if 200 <= response.status < 300 else f"status_{response.status}"
        except TimeoutError:
            return "timeout"
        except (ClientError, OSError) as error:
            return "private_address" if _leads_inside(error) else "no_connection"

    def _session(self) -> ClientSession:
        resolver = ThreadedResolver() if self.allow_private else PublicResolver(ThreadedResolver())
        connector = TCPConnector(resolver=resolver, limit=1, use_dns_cache=False, force_close=True)
        return ClientSession(connector=connector, cookie_jar=DummyCookieJar(), trust_env=False, timeout=PATIENCE)

    def _headers(self, message_id: str, body: bytes) -> dict[str, str]:
        timestamp = int(self.clock())
        return {
            "Content-Type": "application/json",
            "User-Agent": "connector-alerts",
            "webhook-id": message_id,
            "webhook-timestamp": str(timestamp),
            "webhook-signature": signature(message_id, timestamp, body, secret=self.secret),
        }


def signature(message_id: str, timestamp: int, body: bytes, *, secret: str) -> str:
    """`v1,` and the HMAC-SHA256, in base64, of id, timestamp and body; `secret` is base64, with or without whsec_."""
    key = b64decode(secret.removeprefix("whsec_"))
    signed = hmac.new(key, f"{message_id}.{timestamp}.".encode() + body, hashlib.sha256).digest()
    return f"v1,{b64encode(signed).decode()}"


class PublicResolver(AbstractResolver):
    """Passes on addresses that anybody on the internet may reach. One private among them refuses them all."""

    def __init__(self, inner: AbstractResolver) -> None:
        self._inner = inner

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        """Raises PrivateAddressError."""
        found = await self._inner.resolve(host, port, family)
        if any(_is_private(each["host"]) for each in found):
            raise PrivateAddressError("the name leads into a private network")
        return found

    async def close(self) -> None:
        """Let go of the resolver behind this one."""
        await self._inner.close()


def _is_private(host: str) -> bool:
    """Whether `host` is an address in figures that is not everybody's. A name is judged by what it leads to."""
    try:
        address = ipaddress.ip_address(host.partition("%")[0])
    except ValueError:
        return False
    if isinstance(address, ipaddress.IPv6Address):
        inner = address.ipv4_mapped or address.sixtofour or (address.teredo or (None, None))[1]
        if inner is not None:
            address = inner
        elif address in _NAT64:
            address = ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
    return not address.is_global or address.is_multicast


_NAT64 = ipaddress.ip_network("64:ff9b::/96")


def _leads_inside(error: BaseException | None) -> bool:
    while error is not None:
        if isinstance(error, PrivateAddressError) or isinstance(getattr(error, "os_error", None), PrivateAddressError):
            return True
        error = error.__cause__
    return False

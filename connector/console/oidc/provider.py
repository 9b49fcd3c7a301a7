"""The identity provider over HTTP: what it says of itself, its keys, and a code turned into an ID token.

https://openid.net/specs/openid-connect-discovery-1_0.html. Nothing is followed elsewhere, and no answer is read beyond
a bound.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import quote_plus, urlencode

from aiohttp import ClientError, ClientSession, ClientTimeout, DummyCookieJar, encode_basic_auth

from connector import strict_json
from connector.console.oidc.config import Config, is_safe
from connector.console.oidc.id_token import Keys, UnknownKey, checked
from connector.errors import ConnectorError

TIMEOUT: Final = ClientTimeout(total=10, sock_connect=4)
LARGEST: Final = 256 * 1024
KNOWN_S: Final = 3600.0
"""What the provider says of itself and its keys is asked for anew after an hour."""
LEFT_ALONE_S: Final = 5.0
"""After it did not answer: strangers who press the button must not make us wait for it again and again."""
EMPTY: Final[Mapping[str, str]] = {}
ASKED_AGAIN_S: Final = 60.0
"""At the earliest, where a token names a key that is not known."""


class NoProvider(ConnectorError):
    """The identity provider does not answer, or not as one does; the message says what, for the log."""


class CodeRefused(ConnectorError):
    """The provider does not take the code: it was used, or is too old."""


@dataclass(frozen=True, slots=True)
class Known:
    """What the provider says of itself; `at` is when it was asked, by the monotonic clock."""

    issuer: str
    authorization_endpoint: str
    token_endpoint: str
    basic: bool
    keys: Keys
    at: float


class Provider:
    """Remembers what it was told for a while."""

    def __init__(self, config: Config) -> None:
        self.config = config
        self._known: Known | None = None
        self._one_at_a_time = asyncio.Lock()
        self._left_alone_until = 0.0

    async def address(self, *, state: str, nonce: str, challenge: str) -> str:
        """Where a browser is sent to sign in. Raises NoProvider."""
        known = await self._asked(KNOWN_S)
        query = {
            "response_type": "code",
            "client_id": self.config.client_id,
            "redirect_uri": self.config.redirect_uri,
            "scope": self.config.scopes,
            "state": state,
            "nonce": nonce,
            "code_challenge": challenge,
            "code_challenge_method": "S256",
        }
        between = "&" if "?" in known.authorization_endpoint else "?"
        return f"{known.authorization_endpoint}{between}{urlencode(query)}"

    async def claims(self, code: str, *, verifier: str, nonce: str) -> dict[str, Any]:
        """Whose code this is. Raises NoProvider, CodeRefused, NotGood."""
        token = await self._exchanged(code, verifier)
        try:
            return self._checked(token, await self._asked(KNOWN_S), nonce)
        except UnknownKey:  # the provider may have changed its keys since it was asked
            return self._checked(token, await self._asked(ASKED_AGAIN_S), nonce)

    def _checked(self, token: str, known: Known, nonce: str) -> dict[str, Any]:
        return checked(token, keys=known.keys, issuer=known.issuer, client_id=self.config.client_id, nonce=nonce)

    async def _exchanged(self, code: str, verifier: str) -> str:
        known, config = await self._asked(KNOWN_S), self.config
        form = {
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": config.redirect_uri,
            "code_verifier": verifier,
        }
        headers, own = _who_we_are(config, basic=known.basic)
        status, said = await _call("POST", known.token_endpoint, headers=headers, data=form | own)
        if 400 <= status < 500:
            raise CodeRefused(f"the token endpoint answered {status} {str(said.get('error', ''))[:80]!r}")
        token = said.get("id_token")
        if status != 200 or not isinstance(token, str):
            raise NoProvider(f"the token endpoint answered {status} and no ID token")
        return token

    async def _asked(self, fresh_for_s: float) -> Known:
        """What is known, asked for anew where it is older than that; once, however many want to sign in."""
        async with self._one_at_a_time:
            if self._known is not None and time.monotonic() - self._known.at <= fresh_for_s:
                return self._known
            if time.monotonic() < self._left_alone_until:
                raise NoProvider("it did not answer a moment ago")
            try:
                self._known = await self._ask()
            except NoProvider:
                self._left_alone_until = time.monotonic() + LEFT_ALONE_S
                raise
            return self._known

    async def _ask(self) -> Known:
        said = await _read(f"{self.config.issuer}/.well-known/openid-configuration")
        issuer = str(said.get("issuer", ""))
        if issuer.rstrip("/") != self.config.issuer:
            raise NoProvider("its configuration names another issuer")
        endpoints = [str(said.get(name, "")) for name in ("authorization_endpoint", "token_endpoint", "jwks_uri")]
        if not all(map(is_safe, endpoints)):
            raise NoProvider("its configuration names an endpoint that is not safe, or none")
        keys = (await _read(endpoints[2])).get("keys")
        if not isinstance(keys, list):
            raise NoProvider("it shows no keys")
        methods = said.get("token_endpoint_auth_methods_supported", ["client_secret_basic"])
        usable = [each for each in keys if isinstance(each, dict)]
        return Known(issuer, endpoints[0], endpoints[1], "client_secret_basic" in methods, usable, time.monotonic())


def _who_we_are(config: Config, *, basic: bool) -> tuple[dict[str, str], dict[str, str]]:
    """How we say who asks, as headers and as fields of the form; by id alone where there is no secret."""
    if config.client_secret is None:
        return {}, {"client_id": config.client_id}
    if basic:  # both urlencoded: RFC 6749, 2.3.1
        said = encode_basic_auth(quote_plus(config.client_id), quote_plus(config.client_secret))
        return {"Authorization": said}, {}
    return {}, {"client_id": config.client_id, "client_secret": config.client_secret}


async def _read(address: str) -> Mapping[str, Any]:
    status, said = await _call("GET", address)
    if status != 200:
        raise NoProvider(f"it answered {status} to {address}")
    return said


async def _call(
    method: str, address: str, *, headers: Mapping[str, str] = EMPTY, data: Mapping[str, str] | None = None
) -> tuple[int, Mapping[str, Any]]:
    """Status and JSON; an empty object where the answer is none. Raises NoProvider."""
    sent = {"Accept": "application/json", "Accept-Encoding": "identity", **headers}
    try:
        async with (
            ClientSession(timeout=TIMEOUT, cookie_jar=DummyCookieJar()) as session,
            session.request(method, address, headers=sent, data=data, allow_redirects=False) as answer,
        ):
            body = bytearray()
            async for part in answer.content.iter_any():
                body += part
                if len(body) > LARGEST:
                    raise NoProvider(f"it answered more than {LARGEST} bytes")
            return answer.status, strict_json.parse_object(bytes(body))
    except strict_json.NotJson:
        return answer.status, {}
    except (ClientError, OSError, TimeoutError, ValueError) as error:
        raise NoProvider(f"it does not answer at {address}: {type(error).__name__} {error}") from None

"""/console/oidc: to the identity provider, and back from there into a session.

What a sign-in needs on its way back is made of one cookie: the state is good once, in the browser that has it, for ten
minutes; the nonce and PKCE's verifier are its digests. So a callback that somebody is sent, or one that comes twice,
opens nothing (https://datatracker.ietf.org/doc/html/rfc9700#section-2.1).
"""

from __future__ import annotations

import base64
import hashlib
import secrets
from dataclasses import dataclass, field
from urllib.parse import quote, unquote

from aiohttp import web

from connector.appstore import states
from connector.console import pages, sessions, users
from connector.console.access import cookie_name
from connector.console.entry import NOT_SAFE, back_to
from connector.console.oidc.config import CALLBACK, Config
from connector.console.oidc.id_token import NotGood
from connector.console.oidc.person import NotLetIn, Person, person
from connector.console.oidc.provider import CodeRefused, NoProvider, Provider
from connector.console.parts import Parts
from connector.errors import DatabaseError
from connector.telemetry.facts import StageFailed
from connector.web.safety import elsewhere, set_cookie

BEGIN = "/console/oidc"
SECURE_COOKIE, PLAIN_COOKIE = "__Host-connector-oidc", "connector-oidc"
LONGEST_COOKIE, LONGEST_CODE = 2_000, 4_096
OR_ELSE = "Try again, or sign in with a name and password of this console."
NO_PROVIDER = f"The identity provider does not answer as it should. {OR_ELSE}"
NOT_BEGUN = "It was not begun in this browser, is older than ten minutes, or was used already. Begin again."
NOT_GOOD = f"What the identity provider has sent does not prove who you are. {OR_ELSE}"
NOT_DONE = f"The identity provider has not let you in. {OR_ELSE}"


@dataclass(frozen=True, slots=True)
class Begun:
    """One sign-in on its way: a secret of this browser's, and the page that was wanted."""

    secret: str = field(repr=False)
    to: str

    @property
    def browser(self) -> str:
        """Whose state it is; no installation has such a one."""
        return f"console:{self.secret}"

    @property
    def nonce(self) -> str:
        return _digest("nonce", self.secret)

    @property
    def verifier(self) -> str:
        """PKCE's, of which the provider is shown the digest first."""
        return _digest("verifier", self.secret)

    @property
    def challenge(self) -> str:
        return _text(hashlib.sha256(self.verifier.encode()).digest())

    @property
    def cookie(self) -> str:
        return f"{self.secret}.{quote(self.to, safe='')}"[:LONGEST_COOKIE]


class SingleSignOn:
    """The two routes."""

    def __init__(self, parts: Parts, config: Config) -> None:
        self._parts = parts
        self._config = config
        self._provider = Provider(config)

    def open_routes(self) -> list[web.RouteDef]:
        """GET /console/oidc and the callback, for those who have no session yet."""
        return [web.get(BEGIN, self._begin), web.get(CALLBACK, self._back)]

    async def _begin(self, request: web.Request) -> web.StreamResponse:
        if cookie_name(request, self._parts.settings.base_url) is None:
            return pages.message(request, "Not over this connection", NOT_SAFE, status=403)
        begun = Begun(secrets.token_urlsafe(32), back_to(request.query.get("to", "")))
        try:
            made = await self._parts.database.transact(states.begin, browser=begun.browser, now=self._parts.now())
            address = await self._provider.address(state=made.state, nonce=begun.nonce, challenge=begun.challenge)
        except (NoProvider, DatabaseError, OSError) as error:
            return self._failed(request, error)
        response = elsewhere(address)
        self._keep(request, response, begun.cookie, states.LIFETIME_MS // 1000)
        return response

    async def _back(self, request: web.Request) -> web.StreamResponse:
        begun = _begun(request.cookies.get(self._cookie(request), ""))
        try:
            response = await self._came_back(request, begun)
        except CodeRefused as error:  # also where it does not know our secret
            self._parts.tell(StageFailed("console", error))
            response = pages.message(request, "That did not work", NOT_DONE, status=403)
        except NotGood as error:
            self._parts.tell(StageFailed("console", error))
            response = pages.message(request, "That did not work", NOT_GOOD, status=403)
        except (NoProvider, DatabaseError, OSError) as error:
            response = self._failed(request, error)
        self._keep(request, response, "", 0)
        return response

    async def _came_back(self, request: web.Request, begun: Begun) -> web.StreamResponse:
        parts, query = self._parts, request.query
        cookie = cookie_name(request, parts.settings.base_url)
        used = await parts.database.transact(
            states.use, state=query.get("state", ""), browser=begun.browser, now=parts.now()
        )
        if cookie is None or not used:
            return pages.message(request, "That sign-in is over", NOT_BEGUN, status=403)
        code = query.get("code", "")
        if "error" in query or not 0 < len(code) <= LONGEST_CODE:
            return pages.message(request, "That did not work", NOT_DONE, status=403)
        if query.get("iss", self._config.issuer).rstrip("/") != self._config.issuer:  # RFC 9207: another provider's
            return pages.message(request, "That did not work", NOT_GOOD, status=403)
        claims = await self._provider.claims(code, verifier=begun.verifier, nonce=begun.nonce)
        found = person(claims, role_claim=self._config.role_claim, roles=self._config.roles)
        return await self._let_in(request, found, begun.to, cookie)

    async def _let_in(self, request: web.Request, found: Person | NotLetIn, to: str, cookie: str) -> web.StreamResponse:
        parts = self._parts
        if isinstance(found, NotLetIn):
            await sessions.noted(parts, "console.sign-in.refused", found.name, request, how="oidc", why=found.why)
            return pages.message(request, "That is not for you", f"You are {found.name}, and {found.why}.", status=403)
        user = await parts.database.transact(users.from_outside, found.name, found.role, now=parts.now())
        session = await sessions.begin(parts, request, user, cookie, how="oidc")
        if session is None:
            return pages.message(request, "That did not work", OR_ELSE, status=403)
        # a page of ours that goes on by itself: a redirect would still count as the provider's, and not get the cookie
        response = pages.shown(request, "signed_in.html", {"title": "Signed in", "to": back_to(to)})
        sessions.give(response, cookie, session)
        return response

    def _failed(self, request: web.Request, error: Exception) -> web.Response:
        self._parts.tell(StageFailed("console", error))
        return pages.message(request, "Not just now", NO_PROVIDER, status=503)

    def _cookie(self, request: web.Request) -> str:
        name = cookie_name(request, self._parts.settings.base_url) or ""
        return SECURE_COOKIE if name.startswith("__Host-") else PLAIN_COOKIE

    def _keep(self, request: web.Request, response: web.StreamResponse, value: str, seconds: int) -> None:
        """For the way back, which comes from another site: Lax."""
        name = self._cookie(request)
        set_cookie(response, name, value, seconds=seconds, same_site="Lax", secure=name == SECURE_COOKIE)


def _begun(cookie: str) -> Begun:
    secret, _, to = cookie.partition(".")
    return Begun(secret, unquote(to))


def _digest(what: str, secret: str) -> str:
    return _text(hashlib.sha256(f"console oidc {what}:{secret}".encode()).digest())


def _text(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()

"""A small OpenID provider on loopback: lets everybody in at once, checks what a provider checks, and can misbehave."""

from __future__ import annotations

import base64
import hashlib
import json
import secrets
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlencode

import jwt
from aiohttp import encode_basic_auth, web
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from jwt.algorithms import ECAlgorithm, RSAAlgorithm

from tests.appstore.deployment import free_port

CLIENT_ID, CLIENT_SECRET = "connector at acme", "s3cret & ü, and so long that a signature can be made with it"
RSA_KEY, OTHER_KEY = (rsa.generate_private_key(public_exponent=65537, key_size=2048) for _ in range(2))
EC_KEY = ec.generate_private_key(ec.SECP256R1())


def public(key: Any, kid: str) -> dict[str, Any]:
    algorithm = RSAAlgorithm if isinstance(key, rsa.RSAPrivateKey) else ECAlgorithm
    return {**json.loads(algorithm.to_jwk(key.public_key())), "kid": kid, "use": "sig"}


@dataclass
class Asked:
    """What a browser brought to the authorization endpoint."""

    query: Mapping[str, str]


@dataclass
class Provider:
    """`claims` are laid over those of a good token (None takes one away); `sign` makes the token of the claims."""

    url: str
    claims: dict[str, Any] = field(default_factory=dict)
    keys: list[dict[str, Any]] = field(default_factory=lambda: [public(RSA_KEY, "one"), public(EC_KEY, "two")])
    key: Any = RSA_KEY
    algorithm: str | None = "RS256"
    headers: dict[str, Any] = field(default_factory=lambda: {"kid": "one"})
    configuration: dict[str, Any] = field(default_factory=dict)
    back: dict[str, str] = field(default_factory=dict)
    down: bool = False
    looks: int = 0
    """How often its configuration was asked for."""
    codes: dict[str, Asked] = field(default_factory=dict)
    asked: list[Mapping[str, str]] = field(default_factory=list)

    def token(self, nonce: str) -> str:
        now = int(time.time())
        good = {
            "iss": self.url,
            "sub": "user-7",
            "aud": CLIENT_ID,
            "exp": now + 300,
            "iat": now,
            "nonce": nonce,
            "email": "Ada@Northwind-Labs.io",
            "email_verified": True,
        }
        claims = {name: value for name, value in (good | self.claims).items() if value is not None}
        return jwt.encode(claims, self.key, self.algorithm, headers=self.headers)

    async def discovery(self, _request: web.Request) -> web.Response:
        self.looks += 1
        said = {
            "issuer": self.url,
            "authorization_endpoint": f"{self.url}/authorize",
            "token_endpoint": f"{self.url}/token",
            "jwks_uri": f"{self.url}/keys",
        }
        return self.answer(said | self.configuration)

    async def jwks(self, _request: web.Request) -> web.Response:
        return self.answer({"keys": self.keys})

    async def authorize(self, request: web.Request) -> web.Response:
        """The person says yes at once."""
        query = dict(request.query)
        self.asked.append(query)
        code = secrets.token_urlsafe(16)
        self.codes[code] = Asked(query)
        back = urlencode({"code": code, "state": query["state"], **self.back})
        return web.Response(status=302, headers={"Location": f"{query['redirect_uri']}?{back}"})

    async def exchange(self, request: web.Request) -> web.Response:
        form = await request.post()
        asked = self.codes.pop(str(form["code"]), None)
        if not self.knows(request, dict(form)):
            return self.answer({"error": "invalid_client"}, status=401)
        digest = hashlib.sha256(str(form["code_verifier"]).encode()).digest()
        challenge = base64.urlsafe_b64encode(digest).rstrip(b"=").decode()
        if asked is None or asked.query["code_challenge"] != challenge:
            return self.answer({"error": "invalid_grant"}, status=400)
        assert asked.query["code_challenge_method"] == "S256"
        assert form["redirect_uri"] == asked.query["redirect_uri"]
        return self.answer({"access_token": "x", "token_type": "Bearer", "id_token": self.token(asked.query["nonce"])})

    def knows(self, request: web.Request, form: Mapping[str, Any]) -> bool:
        """Whether it is our client that asks, in the one way that is taken."""
        given = request.headers.get("Authorization"), form.get("client_id"), form.get("client_secret")
        basic = encode_basic_auth(urlencode({"": CLIENT_ID})[1:], urlencode({"": CLIENT_SECRET})[1:])
        match self.configuration.get("token_endpoint_auth_methods_supported"):
            case ["client_secret_post"]:
                return given == (None, CLIENT_ID, CLIENT_SECRET)
            case ["none"]:
                return given == (None, CLIENT_ID, None)
        return given == (basic, None, None)

    def answer(self, said: object, *, status: int = 200) -> web.Response:
        return web.Response(status=503) if self.down else web.json_response(said, status=status)


@asynccontextmanager
async def provider() -> AsyncIterator[Provider]:
    port = free_port()
    made = Provider(f"http://127.0.0.1:{port}")
    app = web.Application()
    app.add_routes(
        [
            web.get("/.well-known/openid-configuration", made.discovery),
            web.get("/keys", made.jwks),
            web.get("/authorize", made.authorize),
            web.post("/token", made.exchange),
        ]
    )
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", port).start()
        yield made
    finally:
        await runner.cleanup()


def settings(made: Provider, address: str, **more: Any) -> dict[str, Any]:
    """What the service is told about it."""
    return {
        "base_url": address,
        "oidc_issuer": made.url,
        "oidc_client_id": CLIENT_ID,
        "oidc_client_secret": CLIENT_SECRET,
        "oidc_roles": "ada@northwind-labs.io=admin, @northwind-labs.io=viewer",
        **more,
    }

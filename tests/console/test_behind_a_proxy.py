"""The console over HTTPS, behind a proxy: the cookie is bound to the host, and forms to the address that people use."""

from __future__ import annotations

import ssl
from collections.abc import AsyncIterator
from dataclasses import dataclass
from http.cookies import Morsel, SimpleCookie
from pathlib import Path

import pytest
from aiohttp import ClientSession, CookieJar, DummyCookieJar, TCPConnector
from yarl import URL

from connector.console.access import PLAIN_COOKIE, SECURE_COOKIE
from tests.appstore.deployment import Browser, free_port
from tests.console.deployment import PASSWORD, Deployment, deployed, sign_in
from tests.console.proxy import certificate, https_proxy


@dataclass
class Behind:
    """A deployment, and the address at which people open it."""

    deployment: Deployment
    url: str
    http: ClientSession
    """Keeps no cookies."""
    browser: Browser

    async def sign_in(self, origin: str) -> tuple[int, Morsel[str] | None]:
        """The answer to a right password: its status, and the cookie that it sets."""
        async with self.http.post(
            f"{self.url}/console/sign-in",
            data={"name": "ada", "password": PASSWORD},
            headers={"Origin": origin},
            allow_redirects=False,
        ) as answer:
            found: SimpleCookie = SimpleCookie(answer.headers.get("Set-Cookie", ""))
            return answer.status, next(iter(found.values()), None)

    async def lets_in(self, cookie: str, value: str) -> bool:
        headers = {"Cookie": f"{cookie}={value}"}
        async with self.http.get(f"{self.url}/console/", headers=headers, allow_redirects=False) as answer:
            return answer.status == 200


@pytest.fixture
async def behind(sqlite_url: str, tmp_path: Path) -> AsyncIterator[Behind]:
    port = free_port()
    url, pem = f"https://localhost:{port}", certificate(tmp_path)
    trusting = ssl.create_default_context(cafile=str(pem))
    async with (
        deployed(sqlite_url, base_url=url) as deployment,
        https_proxy(deployment.address, pem, port),
        ClientSession(connector=TCPConnector(ssl=trusting), cookie_jar=DummyCookieJar()) as http,
        ClientSession(connector=TCPConnector(ssl=trusting), cookie_jar=CookieJar()) as jar,
    ):
        yield Behind(deployment, url, http, Browser(jar, url))


async def test_the_cookie_is_bound_to_the_host_and_to_https(behind: Behind):
    status, cookie = await behind.sign_in(behind.url)
    assert status == 303
    assert cookie is not None
    assert cookie.key == SECURE_COOKIE == "__Host-connector-console"
    said = {name: cookie[name] for name in ("secure", "httponly", "path", "domain", "samesite")}
    # what a browser asks of a name with __Host-: Secure, Path=/ and no Domain
    assert said == {"secure": True, "httponly": True, "path": "/", "domain": "", "samesite": "Strict"}


async def test_people_work_in_it_and_sign_out_of_it(behind: Behind):
    page = await sign_in(behind.browser, "ada")
    assert str(page.url) == f"{behind.url}/console/"
    await behind.browser.get("/console/workspace")
    page = await behind.browser.post("/console/workspace/pause")
    assert "Paused." in page.words
    assert await behind.deployment.mode() == "paused"
    await behind.browser.post("/console/sign-out")
    assert list(behind.browser.session.cookie_jar.filter_cookies(URL(behind.url))) == []
    assert "/console/sign-in" in str((await behind.browser.get("/console/")).url)


async def test_a_session_under_the_name_for_plain_http_lets_nobody_in(behind: Behind):
    """A neighbour on the same host, or somebody on the wire, can set that name; not the one with __Host-."""
    _, cookie = await behind.sign_in(behind.url)
    assert cookie is not None
    assert await behind.lets_in(SECURE_COOKIE, cookie.value)
    assert not await behind.lets_in(PLAIN_COOKIE, cookie.value)


@pytest.mark.parametrize("origin", ["http://localhost", "https://evil.example", "https://localhost", "null"])
async def test_a_password_is_taken_from_the_address_that_people_use_only(behind: Behind, origin: str):
    assert await behind.sign_in(origin) == (403, None)


async def test_past_the_proxy_a_form_is_not_taken(behind: Behind):
    """Whoever reaches the plain port sends that port's address as the origin."""
    page = await sign_in(behind.deployment.browser(), "ada")
    assert page.status == 403
    assert "That form was not taken" in page.words

"""Signing in at an identity provider, and everybody who should not get in that way."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any

import pytest
import sqlalchemy as sa
from yarl import URL

from connector.console import users
from connector.console.oidc import provider as over_http
from connector.console.oidc.config import configured, roles
from connector.console.oidc.person import NotLetIn, Person, person
from connector.console.roles import Role
from connector.database.tables import audit
from connector.errors import SettingsError, UsageError
from connector.settings import Settings, load
from tests.appstore.deployment import Browser, Page, free_port
from tests.console.deployment import Deployment, deployed, sign_in, token_in
from tests.console.oidc_provider import (
    CLIENT_ID,
    CLIENT_SECRET,
    EC_KEY,
    OTHER_KEY,
    RSA_KEY,
    Provider,
    provider,
    public,
    settings,
)

BEGIN = "/console/oidc?to=/console/audit"


@pytest.fixture
async def idp() -> AsyncIterator[Provider]:
    async with provider() as made:
        yield made


@asynccontextmanager
async def serving(database_url: str, idp: Provider, **more: Any) -> AsyncIterator[Deployment]:
    port = free_port()
    async with deployed(database_url, port, **settings(idp, f"http://127.0.0.1:{port}", **more)) as found:
        yield found


@pytest.fixture
async def deployment(sqlite_url: str, idp: Provider) -> AsyncIterator[Deployment]:
    async with serving(sqlite_url, idp) as found:
        yield found


async def callback(browser: Browser) -> str:
    """Begin, sign in at the provider, and stop before its answer is brought back: the address it leads to."""
    async with browser.session.get(browser.address + BEGIN, allow_redirects=False) as answer:
        assert answer.status == 303, await answer.text()
        away = answer.headers["Location"]
    async with browser.session.get(URL(away, encoded=True), allow_redirects=False) as answer:
        return answer.headers["Location"]


async def bring(browser: Browser, address: str) -> Page:
    return await browser._do("GET", address, allow_redirects=False)


async def refused(browser: Browser, deployment: Deployment, *, status: int = 403) -> str:
    """Sign in, and be let in nowhere; what the page says."""
    page = await bring(browser, await callback(browser))
    assert page.status == status, page.words
    assert token_in(browser) is None
    assert "/console/sign-in" in str((await browser.get("/console/")).url)
    made = await deployment.service.database.read(users.page, limit=50)
    assert [each.name for each in made] == ["ada", "otto", "vera"]
    return page.words


async def test_somebody_signs_in_at_the_provider_and_works(database_url: str, idp: Provider):
    async with serving(database_url, idp) as deployment:
        browser = deployment.browser()
        page = await browser.get("/console/sign-in?to=/console/audit")
        assert "Sign in at 127.0.0.1" in page.words
        assert 'href="/console/oidc?to=/console/audit"' in page.text
        page = await bring(browser, await callback(browser))
        assert page.status == 200
        assert 'http-equiv="refresh" content="0;url=/console/audit"' in page.text
        audit_page = await browser.get("/console/audit")
        assert "oidc:Ada@Northwind-Labs.io (admin)" in audit_page.words
        assert "oidc:Ada@Northwind-Labs.io (console) console.sign-in" in audit_page.words
        await browser.get("/console/workspace")
        await browser.post("/console/workspace/pause")
        assert await deployment.mode() == "paused"
        asked = idp.asked[-1]
        assert (asked["response_type"], asked["scope"]) == ("code", "openid email")


async def test_a_key_of_another_kind_signs_as_well(deployment: Deployment, idp: Provider):
    idp.key, idp.algorithm, idp.headers = EC_KEY, "ES256", {"kid": "two"}
    page = await bring(browser := deployment.browser(), await callback(browser))
    assert page.status == 200


@pytest.mark.parametrize(
    ("method", "secret"),
    [("client_secret_post", CLIENT_SECRET), ("none", None), ("client_secret_basic", CLIENT_SECRET)],
)
async def test_we_say_who_we_are_in_the_way_that_the_provider_takes(
    sqlite_url: str, idp: Provider, method: str, secret: str | None
):
    idp.configuration = {"token_endpoint_auth_methods_supported": [method]}
    async with serving(sqlite_url, idp, oidc_client_secret=secret) as deployment:
        page = await bring(browser := deployment.browser(), await callback(browser))
        assert page.status == 200


async def test_a_secret_that_the_provider_does_not_know_lets_nobody_in(sqlite_url: str, idp: Provider):
    async with serving(sqlite_url, idp, oidc_client_secret="another") as deployment:
        assert "has not let you in" in await refused(deployment.browser(), deployment)


BAD: dict[str, dict[str, Any]] = {
    "another key's signature": {"key": OTHER_KEY},
    "a key that is not the provider's": {"key": OTHER_KEY, "headers": {"kid": "three"}},
    "no signature": {"key": None, "algorithm": "none"},
    "the client's secret for a key": {"key": CLIENT_SECRET, "algorithm": "HS256"},
    "the public key for a secret": {"key": str(public(RSA_KEY, "one")["n"]), "algorithm": "HS256"},
    "another audience": {"claims": {"aud": "somebody-else"}},
    "no audience": {"claims": {"aud": None}},
    "several audiences and nobody it was issued to": {"claims": {"aud": [CLIENT_ID, "else"]}},
    "issued to another client": {"claims": {"azp": "somebody-else"}},
    "another issuer": {"claims": {"iss": "https://evil.example"}},
    "another nonce": {"claims": {"nonce": "of another sign-in"}},
    "no nonce": {"claims": {"nonce": None}},
    "expired": {"claims": {"exp": 1_700_000_000}},
    "no end": {"claims": {"exp": None}},
    "not begun": {"claims": {"nbf": 4_000_000_000}},
    "nobody": {"claims": {"sub": None}},
}


@pytest.mark.parametrize("bad", BAD)
async def test_a_token_that_proves_nothing_lets_nobody_in(deployment: Deployment, idp: Provider, bad: str):
    for name, value in BAD[bad].items():
        setattr(idp, name, value)
    words = await refused(deployment.browser(), deployment)
    assert "does not prove who you are" in words


NOBODY: dict[str, Mapping[str, Any]] = {
    "an address that is not verified": {"email_verified": False},
    "an address of which nothing is said": {"email_verified": None},
    "no address": {"email": None},
    "an address that is not listed": {"email": "ada@elsewhere.io"},
    "an address that only looks like one": {"email": "eve@evil.io@northwind-labs.io.evil.io"},
}


@pytest.mark.parametrize("who", NOBODY)
async def test_somebody_who_is_not_listed_is_told_so_and_not_let_in(deployment: Deployment, idp: Provider, who: str):
    idp.claims = dict(NOBODY[who])
    words = await refused(deployment.browser(), deployment)
    assert "That is not for you" in words
    query = sa.select(audit.c.action, audit.c.detail)
    deeds = await deployment.service.database.read(lambda connection: connection.execute(query).all())
    assert [action for action, _ in deeds] == ["console.sign-in.refused"]


async def test_a_callback_is_good_once(deployment: Deployment, idp: Provider):
    browser = deployment.browser()
    address = await callback(browser)
    flow = browser.session.cookie_jar.filter_cookies(URL(browser.address))["connector-oidc"].value
    assert (await bring(browser, address)).status == 200
    await browser.get("/console/workspace")
    await browser.post("/console/sign-out")
    browser.session.cookie_jar.update_cookies({"connector-oidc": flow}, URL(browser.address))
    page = await bring(browser, address)
    assert page.status == 403
    assert "was used already" in page.words
    assert token_in(browser) is None


async def test_a_callback_of_another_browser_signs_nobody_in(deployment: Deployment):
    """Whoever is sent a stranger's callback would otherwise work in the stranger's name."""
    stranger, victim, other = (deployment.browser() for _ in range(3))
    address = await callback(stranger)
    assert (await bring(victim, address)).status == 403
    assert token_in(victim) is None
    await callback(other)  # has begun one of its own
    assert (await bring(other, address)).status == 403
    assert token_in(other) is None


@pytest.mark.parametrize(
    "query", ["", "?state=x", "?state=x&code=y", "?error=access_denied&state=x", "?state=" + "x" * 500]
)
async def test_a_callback_that_nobody_began_is_refused(deployment: Deployment, query: str):
    page = await bring(deployment.browser(), f"{deployment.address}/console/oidc/callback{query}")
    assert page.status == 403
    assert "That sign-in is over" in page.words


async def test_a_provider_that_says_no_is_believed(deployment: Deployment, idp: Provider):
    idp.back = {"error": "access_denied", "error_description": "<script>alert(1)</script>"}
    page = await bring(browser := deployment.browser(), await callback(browser))
    assert page.status == 403
    assert "has not let you in" in page.words
    assert "alert" not in page.text


async def test_another_providers_answer_is_not_taken(deployment: Deployment, idp: Provider):
    idp.back = {"iss": "https://evil.example"}
    assert "does not prove" in await refused(deployment.browser(), deployment)


async def test_a_code_that_was_used_is_not_taken(deployment: Deployment, idp: Provider):
    browser = deployment.browser()
    address = await callback(browser)
    idp.codes.clear()
    page = await bring(browser, address)
    assert page.status == 403
    assert "has not let you in" in page.words


async def test_a_provider_that_is_down_is_left_alone_for_a_moment(
    deployment: Deployment, idp: Provider, monkeypatch: pytest.MonkeyPatch
):
    idp.down = True
    assert (await deployment.browser().get(BEGIN)).status == 503
    idp.down = False
    assert (await deployment.browser().get(BEGIN)).status == 503
    assert idp.looks == 1
    monkeypatch.setattr(over_http, "LEFT_ALONE_S", 0.0)
    deployment.service.console._single_sign_on._provider._left_alone_until = 0.0  # a moment later
    assert (await bring(browser := deployment.browser(), await callback(browser))).status == 200


async def test_with_the_provider_down_a_password_still_lets_in(deployment: Deployment, idp: Provider):
    idp.down = True
    browser = deployment.browser()
    page = await browser.get(BEGIN)
    assert page.status == 503
    assert "sign in with a name and password" in page.words
    assert (await sign_in(browser, "ada")).status == 200


@pytest.mark.parametrize(
    "configuration",
    [
        {"issuer": "https://evil.example"},
        {"token_endpoint": "http://evil.example/token"},
        {"jwks_uri": None},
        {"authorization_endpoint": "javascript:alert(1)"},
    ],
)
async def test_a_configuration_that_leads_elsewhere_is_not_followed(
    deployment: Deployment, idp: Provider, configuration: dict[str, Any]
):
    idp.configuration = configuration
    assert (await deployment.browser().get(BEGIN)).status == 503
    assert idp.asked == []


async def test_keys_that_were_changed_are_asked_for_anew(
    deployment: Deployment, idp: Provider, monkeypatch: pytest.MonkeyPatch
):
    assert (await bring(browser := deployment.browser(), await callback(browser))).status == 200
    idp.keys, idp.key, idp.headers = [public(OTHER_KEY, "three")], OTHER_KEY, {"kid": "three"}
    again = deployment.browser()
    assert (await bring(again, await callback(again))).status == 403  # not asked for more than once a minute
    monkeypatch.setattr(over_http, "ASKED_AGAIN_S", 0.0)
    assert (await bring(again, await callback(again))).status == 200


async def test_signing_in_gives_a_new_session_and_ends_the_one_before(deployment: Deployment):
    browser = deployment.browser()
    browser.session.cookie_jar.update_cookies({"connector-console": "a-token-that-somebody-planted"})
    await bring(browser, await callback(browser))
    first = token_in(browser)
    assert first not in (None, "a-token-that-somebody-planted")
    await bring(browser, await callback(browser))
    assert token_in(browser) != first
    stolen = deployment.browser()
    stolen.session.cookie_jar.update_cookies({"connector-console": first or ""})
    assert "/console/sign-in" in str((await stolen.get("/console/")).url)


async def test_a_role_that_was_taken_away_ends_the_other_sessions(sqlite_url: str, idp: Provider):
    own = {"oidc_role_claim": "groups", "oidc_roles": "platform=admin, everybody=viewer"}
    async with serving(sqlite_url, idp, **own) as deployment:
        idp.claims = {"groups": ["everybody", "platform", 7]}
        first, second = deployment.browser(), deployment.browser()
        await bring(first, await callback(first))
        assert "(admin)" in (await first.get("/console/")).words
        idp.claims = {"groups": ["everybody"]}
        await bring(second, await callback(second))
        assert "(viewer)" in (await second.get("/console/")).words
        assert "/console/sign-in" in str((await first.get("/console/")).url)


async def test_those_who_come_from_outside_have_no_password_and_take_no_local_name(deployment: Deployment):
    browser = deployment.browser()
    await bring(browser, await callback(browser))
    database, name = deployment.service.database, "oidc:Ada@Northwind-Labs.io"
    found = await database.read(users.find, name)
    assert found is not None
    assert (await sign_in(deployment.browser(), name, "")).status == 403
    with pytest.raises(UsageError, match="no password here"):
        await database.transact(users.set_password, name, found[1], now=1)
    with pytest.raises(UsageError, match="identity provider"):
        await database.transact(users.add, "oidc:eve", Role.ADMIN, found[1], now=1)
    await database.transact(users.remove, name)
    assert "/console/sign-in" in str((await browser.get("/console/")).url)


async def test_without_the_setting_there_is_nothing_of_it(sqlite_url: str):
    async with deployed(sqlite_url) as deployment:
        browser = deployment.browser()
        assert "Sign in at" not in (await browser.get("/console/sign-in")).words
        assert (await browser.get(BEGIN)).status == 404


def test_who_gets_which_role():
    listed = roles("Ada@x.io=admin, @x.io=viewer", of_addresses=True)

    def of(address: str) -> Person | NotLetIn:
        return person({"sub": "1", "email_verified": True, "email": address}, role_claim="email", roles=listed)

    assert of("ADA@x.io") == Person("oidc:ADA@x.io", Role.ADMIN)
    assert of("b@x.io") == Person("oidc:b@x.io", Role.VIEWER)
    assert isinstance(of("ada@x.io.evil.io"), NotLetIn)
    groups = roles("ops=operator, cn=it;ou=x=admin", of_addresses=False)
    assert person({"sub": "1", "groups": "ops"}, role_claim="groups", roles=groups) == Person("oidc:1", Role.OPERATOR)
    assert person({"sub": "1", "groups": ["cn=it;ou=x"]}, role_claim="groups", roles=groups) == Person(
        "oidc:1", Role.ADMIN
    )
    assert isinstance(person({"sub": "1", "groups": {"ops": 1}}, role_claim="groups", roles=groups), NotLetIn)


def test_a_name_that_is_too_long_or_cannot_be_shown_is_a_digest():
    found = person({"sub": "x" * 300, "groups": "ops"}, role_claim="groups", roles={"ops": Role.VIEWER})
    other = person({"sub": "x\x00", "groups": "ops"}, role_claim="groups", roles={"ops": Role.VIEWER})
    assert re.fullmatch(r"oidc:[0-9a-f]{32}", found.name)
    assert re.fullmatch(r"oidc:[0-9a-f]{32}", other.name)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"oidc_client_id": None}, "CONNECTOR_OIDC_CLIENT_ID is missing"),
        ({"oidc_roles": None}, "CONNECTOR_OIDC_ROLES is missing"),
        ({"base_url": None}, "CONNECTOR_BASE_URL is missing"),
        ({"oidc_issuer": "http://id.example.com"}, "https://"),
        ({"oidc_roles": "ada@x.io=boss"}, "viewer, operator or admin"),
        ({"oidc_roles": "ada@x.io"}, "value=role"),
        ({"oidc_roles": " , "}, "lets nobody in"),
        ({"oidc_scopes": "email"}, "CONNECTOR_OIDC_SCOPES"),
    ],
)
def test_a_setting_that_cannot_be_is_told_at_the_start(changes: dict[str, Any], words: str):
    given = {
        "base_url": "https://connector.example.com",
        "oidc_issuer": "https://id.example.com/",
        "oidc_client_id": "c",
        "oidc_roles": "@x.io=viewer",
    }
    assert configured(Settings(**given)) is not None
    with pytest.raises(SettingsError, match=words):
        configured(load(**given | changes))

"""Who gets in, and to what: signing in, sessions, roles, forms. Each test plays somebody who should not get through."""

from __future__ import annotations

import asyncio
import re

import pytest
import sqlalchemy as sa

from connector.console import passwords, users
from connector.console.entry import back_to
from connector.console.roles import Role
from connector.console.throttle import FREE, Throttle
from connector.database.engine import Database
from connector.database.tables import console_sessions, console_users
from tests.console.deployment import KEPT, PASSWORD, ROLES, Deployment, sign_in, token_in

FILLED = {"key": "0" * 32, "id": "0" * 32, "job": "1", "endpoint": "1", "action": "replay", "form": "csv"}


def concrete(path: str) -> str:
    """A route's path with something in its places."""
    path = path.replace("{form:csv|json}", "csv").replace("{id:[0-9a-f]{32}}", "0" * 32)
    return re.sub(r"\{(\w+)\}", lambda found: FILLED[found[1]], path)


async def test_every_route_is_open_to_those_who_may_and_closed_to_the_rest(one_deployment: Deployment):
    browsers = {name: await one_deployment.signed_in(name) for name in ROLES}
    stranger = one_deployment.browser()
    routes = [route for route in one_deployment.service.console.routes() if not route.path.endswith("sign-out")]
    assert len(routes) > 30
    for route in routes:
        path = concrete(route.path)
        assert "{" not in path
        for name, role in ROLES.items():
            browser = browsers[name]
            # a form without a token of its session: who may gets as far as being told so, and nothing is changed
            page = await (browser.get(path) if route.method == "GET" else browser.post(path, csrf="none"))
            refused_by_role = page.status == 403 and "not for your role" in page.words
            assert refused_by_role is not role.may(route.role), (name, route)
        page = await (stranger.get(path) if route.method == "GET" else stranger.post(path, csrf="none"))
        signed_out = "/console/sign-in" in str(page.url) if route.method == "GET" else page.status == 401
        assert signed_out, route


async def test_of_services_that_start_at_once_one_makes_the_first_user_and_none_fails(database: Database):
    starts = [database.transact(users.first, f"made up by {number}", now=number) for number in range(8)]
    made = await asyncio.gather(*starts)
    user, kept = await database.read(users.find, users.FIRST)
    assert [kept == f"made up by {number}" for number in range(8)] == made, "the password that is shown is the one kept"
    assert sum(made) == 1
    assert user.role == Role.ADMIN


async def test_of_services_that_start_at_once_each_gives_the_first_user_the_chosen_password(database: Database):
    await asyncio.gather(*(database.transact(users.set_first, "chosen", now=number) for number in range(8)))
    assert (await database.read(users.find, users.FIRST))[1] == "chosen"
    assert await database.read(users.count) == 1


async def test_every_route_of_the_console_is_guarded_or_known_to_be_open(one_deployment: Deployment):
    application = one_deployment.service.application()
    served = {(route.method, route.resource.canonical) for route in application.router.routes() if route.resource}
    ours = {each for each in served if each[1].startswith("/console") and each[0] != "HEAD"}
    guarded = {
        (route.method, re.sub(r":[^/]*\}", "}", route.path)) for route in one_deployment.service.console.routes()
    }
    guarded = {(method, path.replace("{id}]{32}}", "{id}")) for method, path in guarded}
    opened = {("GET", "/console/sign-in"), ("POST", "/console/sign-in"), ("GET", "/console")}
    opened.add(("GET", "/console/static/{file}"))
    assert ours == guarded | opened


async def test_a_form_is_taken_only_with_the_token_of_its_session_and_from_our_origin(one_deployment: Deployment):
    browser, other = await one_deployment.signed_in(), await one_deployment.signed_in("otto")
    foreign = (await other.get("/console/workspace")).csrf
    await browser.get("/console/workspace")
    csrf = browser.last.csrf if browser.last else ""
    for refused in (
        {"csrf": ""},
        {"csrf": foreign},
        {"csrf": csrf, "origin": "https://evil.example"},
        {"csrf": csrf, "origin": "null"},
    ):
        page = await browser.post("/console/workspace/pause", **refused)
        assert page.status == 403
        assert await one_deployment.mode() == "live"
    async with browser.session.post(one_deployment.address + "/console/workspace/pause", data={"csrf": csrf}) as answer:
        assert answer.status == 403  # no Origin at all
    async with browser.session.post(
        one_deployment.address + "/console/workspace/pause",
        json={"csrf": csrf},
        headers={"Origin": one_deployment.address},
    ) as answer:
        assert answer.status == 400
    assert (await browser.post("/console/workspace/pause", csrf=csrf)).status == 200
    assert await one_deployment.mode() == "paused"


async def test_signing_in_gives_a_new_session_and_ends_the_one_before(deployment: Deployment):
    browser = deployment.browser()
    browser.session.cookie_jar.update_cookies({"connector-console": "a-token-that-somebody-planted"})
    await sign_in(browser, "ada")
    first = token_in(browser)
    assert first not in (None, "a-token-that-somebody-planted")
    await sign_in(browser, "ada")
    second = token_in(browser)
    assert second != first
    stolen = deployment.browser()
    stolen.session.cookie_jar.update_cookies({"connector-console": first or ""})
    assert "/console/sign-in" in str((await stolen.get("/console/")).url)


async def test_the_cookie_is_kept_from_scripts_and_other_sites(one_deployment: Deployment):
    async with one_deployment.http.post(
        f"{one_deployment.address}/console/sign-in",
        data={"name": "ada", "password": PASSWORD},
        headers={"Origin": one_deployment.address},
        allow_redirects=False,
    ) as answer:
        cookie = answer.headers["Set-Cookie"]
    assert answer.status == 303
    assert "HttpOnly" in cookie
    assert "SameSite=Strict" in cookie
    assert "Path=/" in cookie
    assert "Domain" not in cookie


async def test_signing_out_ends_the_session_on_the_server(deployment: Deployment):
    browser = await deployment.signed_in()
    token = token_in(browser) or ""
    await browser.get("/console/")
    await browser.post("/console/sign-out")
    again = deployment.browser()
    again.session.cookie_jar.update_cookies({"connector-console": token})
    assert "/console/sign-in" in str((await again.get("/console/")).url)


async def test_what_the_database_holds_opens_nothing(deployment: Deployment):
    browser = await deployment.signed_in()
    token = token_in(browser) or ""

    def rows(connection: sa.Connection) -> str:
        found = [*connection.execute(sa.select(console_sessions)), *connection.execute(sa.select(console_users))]
        return repr([tuple(row) for row in found])

    kept = await deployment.service.database.read(rows)
    assert token not in kept
    assert PASSWORD not in kept


async def test_a_removed_user_and_a_changed_password_sign_out_at_once(deployment: Deployment):
    database = deployment.service.database
    ada, otto = await deployment.signed_in("ada"), await deployment.signed_in("otto")
    await database.transact(users.remove, "otto")
    await database.transact(users.set_password, "ada", passwords.stored("another good password"), now=1)
    for browser in (ada, otto):
        assert "/console/sign-in" in str((await browser.get("/console/")).url)


async def test_wrong_passwords_are_slowed_down_and_the_right_one_waits_its_turn(one_deployment: Deployment):
    browser = one_deployment.browser()
    for _ in range(FREE):
        assert (await sign_in(browser, "ada", "wrong wrong wrong")).status == 403
    page = await sign_in(browser, "ada")
    assert page.status == 429
    assert "Too many tries" in page.words
    assert (await sign_in(browser, "otto")).status == 200  # another name is not locked out


async def test_names_cannot_be_told_from_the_answer(one_deployment: Deployment):
    browser = one_deployment.browser()
    first = await sign_in(browser, "ada", "wrong wrong wrong")
    second = await sign_in(browser, "nobody", "wrong wrong wrong")
    assert first.status == second.status == 403
    assert first.words.replace("ada", "") == second.words.replace("nobody", "")


async def test_over_plain_http_from_elsewhere_no_password_is_asked_for(sqlite_url: str):
    from tests.console.deployment import deployed

    async with deployed(sqlite_url, base_url="http://connector.example") as found:
        page = await found.browser().get("/console/sign-in")
        assert page.status == 403
        assert "HTTPS" in page.words


async def test_every_answer_carries_the_headers(one_deployment: Deployment):
    browser = await one_deployment.signed_in()
    for path in ("/console/", "/console/sign-in", "/console/static/console.js", "/console/deliveries/" + "0" * 32):
        page = await browser.get(path)
        policy = page.headers["content-security-policy"]
        assert "default-src 'none'" in policy
        assert "unsafe" not in policy
        assert "frame-ancestors 'none'" in policy
        assert page.headers["x-content-type-options"] == "nosniff"


def test_no_page_has_script_or_style_of_its_own():
    from importlib import resources

    for template in resources.files("connector.console").joinpath("templates").iterdir():
        text = template.read_text()
        assert not re.search(r"<style|\sstyle=|\son\w+=|javascript:|\|\s*safe\b", text), template.name
        assert re.findall(r"<script(?! src=\"/console/static/console.js\" defer></script>)", text) == []


@pytest.mark.parametrize(
    "path", ["https://evil.example/", "//evil.example/console/", "/\\evil.example", "/setup", "/console/sign-out", ""]
)
def test_signing_in_leads_to_pages_of_the_console_only(path: str):
    assert back_to(path) == "/console/"


def test_signing_in_leads_back_to_what_was_wanted():
    assert back_to("/console/deliveries?state=dead&q=a%40b.io") == "/console/deliveries?state=dead&q=a%40b.io"


def test_a_password_matches_itself_and_nothing_else():
    assert passwords.matches(PASSWORD, KEPT)
    assert not passwords.matches(PASSWORD + " ", KEPT)
    assert not passwords.matches("", passwords.NOBODYS)
    assert passwords.stored(PASSWORD) != KEPT


def test_the_throttle_waits_longer_each_time_and_forgets():
    throttle, now = Throttle(), 1_000_000
    waits = []
    for _ in range(FREE + 4):
        waits.append(throttle.wait_ms("ada", "1.2.3.4", now=now))
        throttle.failed("ada", "1.2.3.4", now=now)
    assert waits == [0] * FREE + [1000, 2000, 4000, 8000]
    assert throttle.wait_ms("ada", "5.6.7.8", now=now) == 0
    assert throttle.wait_ms("ada", "1.2.3.4", now=now + 16_000) == 0


def test_roles_are_in_order():
    assert Role.ADMIN.may(Role.OPERATOR)
    assert Role.OPERATOR.may(Role.OPERATOR)
    assert not Role.VIEWER.may(Role.OPERATOR)

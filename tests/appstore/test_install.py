"""Installing over OAuth, with everything that can go wrong on the way."""

from __future__ import annotations

import asyncio

import pytest
import sqlalchemy as sa

from connector.appstore import states
from connector.database.engine import Database
from connector.database.tables import oauth_states, workspaces
from connector.workspaces import store
from connector.workspaces.modes import Mode
from tests.appstore.deployment import Deployment, query


async def count(database: Database, table: sa.Table) -> int:
    return await database.read(lambda connection: connection.scalar(sa.select(sa.func.count()).select_from(table)) or 0)


async def test_an_installation_ends_in_set_up_with_the_workspace_watching(deployment: Deployment):
    page = await deployment.browser().install("acme")
    assert (page.status, page.url.path) == (200, "/setup")
    assert "The app is installed" in page.words
    workspace = await deployment.workspace("acme")
    assert workspace is not None
    assert (workspace.mode, workspace.region, workspace.time_zone) == (Mode.WATCHING, "eu", "Europe/Berlin")
    assert (workspace.name, workspace.token) == ("Acme", "acme-token")
    assert await count(deployment.service.database, oauth_states) == 0


async def test_intercom_is_asked_with_the_client_id_and_a_state_and_nothing_secret(one_deployment: Deployment):
    browser = one_deployment.browser()
    async with browser.session.get(f"{browser.address}/install", allow_redirects=False) as answer:
        sent = query(answer.headers["Location"])
        cookie = answer.headers["Set-Cookie"]
    assert answer.status == 303
    assert set(sent) == {"client_id", "state"}
    assert len(sent["state"]) == 43
    assert cookie.startswith("__Host-connector-install=")
    assert all(word in cookie for word in ("Secure", "HttpOnly", "SameSite=Lax", "Path=/", "Max-Age=600"))
    assert "Domain" not in cookie
    assert sent["state"] not in cookie


async def test_a_code_that_ends_in_an_equals_sign_is_kept_whole(one_deployment: Deployment):
    browser = one_deployment.browser()
    address = await browser.callback_for("acme")
    assert address.split("code=")[1].split("&")[0].endswith("=")
    assert (await browser.get(address)).url.path == "/setup"


@pytest.mark.parametrize(
    "change",
    [
        lambda address: address.split("?")[0],
        lambda address: address.replace("state=", "state=x"),
        lambda address: address.replace("state=", "nostate="),
        lambda address: address + "&state=" + "a" * 5_000,
        lambda address: address.split("state=")[0] + "state=%00%ff",
    ],
    ids=["nothing", "another", "missing", "twice", "no text"],
)
async def test_a_state_that_is_not_ours_ends_on_a_page_that_says_what_to_do(one_deployment: Deployment, change):
    browser = one_deployment.browser()
    page = await browser.get(change(await browser.callback_for("acme")))
    if page.status == 200:
        pytest.fail("it was installed")
    assert page.status == 400
    assert "Not installed" in page.words
    assert "Begin again" in page.words
    assert await one_deployment.workspace("acme") is None


async def test_a_callback_opened_in_another_browser_installs_nothing(one_deployment: Deployment):
    address = await one_deployment.browser().callback_for("acme")
    stranger = one_deployment.browser()
    await stranger.get("/install")  # who has begun an installation of their own
    assert (await stranger.get(address)).status == 400
    assert await one_deployment.workspace("acme") is None


async def test_a_callback_that_is_opened_again_installs_nothing_a_second_time(one_deployment: Deployment):
    browser = one_deployment.browser()
    address = await browser.callback_for("acme")
    assert (await browser.get(address)).status == 200
    again = await browser.get(address)
    assert again.status == 400
    assert "is finished already" in again.words


async def test_a_state_is_good_for_ten_minutes_only(database: Database):
    begun = await database.transact(states.begin, browser=None, now=1_000)
    late = {"state": begun.state, "browser": begun.cookie, "now": 1_000 + states.LIFETIME_MS}
    assert not await database.transact(states.use, **late)
    assert await database.transact(states.use, **late | {"now": 999 + states.LIFETIME_MS})
    assert not await database.transact(states.use, **late | {"now": 1_001})


async def test_old_states_are_forgotten_when_others_begin(database: Database):
    for now in (1, 2, states.LIFETIME_MS + 2):
        await database.transact(states.begin, browser=None, now=now)
    assert await count(database, oauth_states) == 1


async def test_one_browser_may_begin_twice_and_finish_either(one_deployment: Deployment):
    browser = one_deployment.browser()
    first, second = await browser.callback_for("acme"), await browser.callback_for("bolt")
    assert (await browser.get(first)).status == 200
    assert (await browser.get(second)).status == 200


async def test_who_denies_it_is_told_that_nothing_was_installed(one_deployment: Deployment):
    page = await one_deployment.browser().install("")
    assert page.status == 400
    assert "not allowed" in page.words
    assert "install_success=false" in page.text


@pytest.mark.parametrize(
    ("path", "status", "says"),
    [
        ("/auth/eagle/token", 503, "did not answer"),
        ("/auth/eagle/token", 401, "too old"),
        ("/me", 500, "which workspace"),
    ],
)
async def test_when_intercom_does_not_play_along_nothing_is_stored(
    one_deployment: Deployment, path: str, status: int, says: str
):
    one_deployment.sandbox.fail(path=path, status=status)
    page = await one_deployment.browser().install("acme")
    assert page.status in (400, 502)
    assert says in page.words
    assert await one_deployment.workspace("acme") is None


async def test_installing_again_takes_the_new_token_and_resumes_what_was_refused(deployment: Deployment):
    await deployment.browser().install("acme")
    workspace = await deployment.workspace("acme")
    assert workspace is not None
    database = deployment.service.database
    await database.transact(store.set_mode, workspace.id, Mode.LIVE, now=1)
    await database.transact(store.set_mode, workspace.id, Mode.NEEDS_REAUTHORIZATION, now=2)
    deployment.sandbox.configure("acme", token="another-token")
    page = await deployment.browser().install("acme")
    again = await deployment.workspace("acme")
    assert again is not None
    assert (again.id, again.mode, again.token) == (workspace.id, Mode.LIVE, "another-token")
    assert "no longer accepts" not in page.words


async def test_two_people_who_install_one_workspace_at_once_make_one_workspace(deployment: Deployment):
    browsers = [deployment.browser() for _ in range(6)]
    addresses = [await each.callback_for("acme") for each in browsers]
    pages = await asyncio.gather(*(each.get(address) for each, address in zip(browsers, addresses, strict=True)))
    assert [page.status for page in pages] == [200] * 6
    assert await count(deployment.service.database, workspaces) == 1


async def test_without_an_app_there_is_nothing_to_install(sqlite_url: str, sandbox):
    from tests.appstore.deployment import deployed

    async with deployed(sqlite_url, sandbox, intercom_client_id=None) as deployment:
        for path in ("/install", "/oauth/callback?code=1&state=2"):
            page = await deployment.browser().get(path)
            assert page.status == 404
            assert "CONNECTOR_INTERCOM_CLIENT_ID" in page.words
        assert (await deployment.intercom("/intercom/uninstall", {"app_id": "acme"}))[0] == 404

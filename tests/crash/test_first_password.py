"""The console's first password: said once, to a person and into no log, and never again."""

from __future__ import annotations

import re

import pytest
from aiohttp import ClientSession, CookieJar
from yarl import URL

from tests.appstore.deployment import Browser
from tests.crash.deployment import Deployment, Service

pytestmark = pytest.mark.crash

SAYS = re.compile(r"console: sign in at (\S+) as `admin` with the password (\S+)$")


async def said(service: Service) -> list[tuple[str, str]]:
    """(address, password), as often as it was said by the time that the service runs."""
    await service.process.said('"running"')
    return [found.groups() for line in service.process.lines if (found := SAYS.match(line))]  # type: ignore[misc]


async def lets_in(url: str, password: str) -> bool:
    jar = CookieJar(unsafe=True, treat_as_secure_origin=URL(url))
    async with ClientSession(cookie_jar=jar) as http:
        page = await Browser(http, url).post("/console/sign-in", csrf="", name="admin", password=password)
        return page.status == 200 and "Overview" in page.words


async def test_the_first_password_is_said_once_works_and_is_never_said_again(any_deployment: Deployment) -> None:
    deployment = any_deployment
    first = await deployment.start()
    ((address, password),) = await said(first)
    assert address == f"{first.url}/console/"
    assert len(password) >= 20
    assert await lets_in(first.url, password)
    assert not await lets_in(first.url, password[:-1] + "!")
    logged = [line for line in first.process.lines if line.startswith("{")]
    assert logged
    assert not any(password in line for line in logged)
    await deployment.stop(within_s=30)
    assert sum(password in line for line in first.process.lines) == 1

    second = await deployment.start()
    assert await said(second) == []
    assert not any(password in line for line in second.process.lines)
    assert await lets_in(second.url, password)


async def test_of_two_that_start_at_once_only_one_makes_the_password(postgres_deployment: Deployment) -> None:
    one, other = await postgres_deployment.start(), await postgres_deployment.start()
    ((_, password),) = [*await said(one), *await said(other)]
    for service in (one, other):
        assert await lets_in(service.url, password)


async def test_a_password_that_the_operator_chose_is_not_said_at_all(deployment: Deployment) -> None:
    chosen = "correct horse battery"
    service = await deployment.start(CONNECTOR_CONSOLE_PASSWORD=chosen)
    assert await said(service) == []
    assert await lets_in(service.url, chosen)
    await deployment.stop(within_s=30)
    assert not any(chosen in line for line in service.process.lines)

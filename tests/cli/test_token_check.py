"""Whose a token is, asked of a real (sandbox) Intercom."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from connector.cli.token_check import Checked, check
from connector.sandbox import Sandbox, SandboxSettings, WorkspaceSettings
from connector.settings import Settings, load
from connector.workspaces.modes import Region

ACME = WorkspaceSettings(app_id="acme", token="good", name="Acme", region="EU", timezone="Europe/Paris")


@pytest.fixture
async def sandbox() -> AsyncIterator[Sandbox]:
    async with Sandbox(SandboxSettings(workspaces=(ACME,))) as sandbox:
        yield sandbox


@pytest.fixture
def settings(sandbox: Sandbox) -> Settings:
    return load(intercom_api_url=sandbox.url)


async def test_a_good_token_is_verified_and_tells_what_intercom_knows(settings: Settings) -> None:
    assert await check(settings, "acme", "good", None) == Checked(True, None, Region.EU, "Acme", "Europe/Paris")


async def test_a_token_of_another_workspace_is_not_verified_and_named(settings: Settings) -> None:
    checked = await check(settings, "other", "good", Region.US)
    assert checked.verified is False
    assert "this token opens 'acme', not 'other'" in str(checked.remark)


async def test_a_refused_token_is_not_verified(settings: Settings) -> None:
    checked = await check(settings, "acme", "bad", None)
    assert (checked.verified, "refuses this token" in str(checked.remark)) == (False, True)


@pytest.mark.parametrize("status", [429, 500, 302])
async def test_any_other_answer_says_nothing_about_the_token(sandbox: Sandbox, settings: Settings, status: int) -> None:
    sandbox.fail(status=status, path="/me")
    checked = await check(settings, "acme", "good", None)
    assert (checked.verified, str(status) in str(checked.remark)) == (None, True)


async def test_no_answer_says_nothing_about_the_token(sandbox: Sandbox, settings: Settings) -> None:
    await sandbox.stop()
    assert (await check(settings, "acme", "good", None)).verified is None

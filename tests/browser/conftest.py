"""A real browser: the system's own Chromium, driven by Playwright. None is ever downloaded.

    async def test_something(browser_page): ...

Where there is no Chromium these tests are skipped, by name; with CONNECTOR_REQUIRE_BROWSER=1 they fail instead.
Pages are shown at a phone's, a tablet's and a desktop's width with `SIZES`; `screenshot` keeps one in the folder that
CONNECTOR_SCREENSHOTS names, for people to look at.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

SIZES = {"phone": (360, 740), "tablet": (820, 1100), "desktop": (1280, 900)}
FLAGS = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
]
REQUIRED = os.environ.get("CONNECTOR_REQUIRE_BROWSER") == "1"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker(pytest.mark.browser)


def _missing(why: str) -> None:
    if REQUIRED:
        pytest.fail(f"CONNECTOR_REQUIRE_BROWSER=1, and {why}")
    pytest.skip(why)


def chromium() -> str:
    """Where the browser is; the test is skipped where it is not."""
    found = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
    if found is None:
        _missing("there is no Chromium on this machine")
    return str(found)


@pytest.fixture
async def chrome() -> AsyncIterator[Any]:
    """A browser without a window."""
    try:
        from playwright.async_api import async_playwright
    except ImportError:
        _missing("Playwright is not installed")
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=chromium(), args=FLAGS)
        yield browser
        await browser.close()


@pytest.fixture
async def browser_page(chrome: Any) -> AsyncIterator[Any]:
    """One tab. Whatever the pages themselves complain of (their content policy, say) fails the test."""
    context = await chrome.new_context()
    page = await context.new_page()
    complaints: list[str] = []
    page.on("console", lambda message: complaints.append(message.text) if message.type == "error" else None)
    page.on("pageerror", lambda error: complaints.append(str(error)))
    yield page
    await context.close()
    # a status that a test asked for is no complaint
    assert [each for each in complaints if "Failed to load resource" not in each] == []


async def screenshot(page: Any, name: str) -> None:
    """Keep what is seen, where somebody wants to look at it."""
    if folder := os.environ.get("CONNECTOR_SCREENSHOTS"):
        await page.screenshot(path=str(Path(folder) / f"{name}.png"), full_page=True)


async def fits(page: Any) -> bool:
    """Whether nothing has to be scrolled sideways."""
    return bool(await page.evaluate("document.documentElement.scrollWidth <= document.documentElement.clientWidth"))

"""Segment's own libraries, as published, deliver through the tracking API: nothing of them is changed but the host."""

from __future__ import annotations

import asyncio
import os
import shutil
from pathlib import Path

import pytest

from tests.inbox.test_tracking import BROWSER, SERVER, Api, api

__all__ = ["api"]
NODE = Path(__file__).parent.parent / "node"


@pytest.mark.parametrize("packed", [False, True], ids=["plain", "gzip"])
async def test_segments_python_library_delivers(api: Api, packed: bool):
    library = pytest.importorskip("segment.analytics.client", reason="segment-analytics-python is not installed")
    failed: list[object] = []

    def send() -> None:
        client = library.Client(
            SERVER, host=api.host, gzip=packed, on_error=lambda *error: failed.append(error), max_retries=1
        )
        client.identify("ada", {"email": "ada@example.com"})
        client.track("ada", "Order Completed", {"order_id": "p-1", "revenue": 39.5, "currency": "EUR"})
        client.page("ada", "Shop", "Pricing")
        client.group("ada", "acme")
        client.shutdown()

    await asyncio.to_thread(send)
    assert failed == []
    assert sorted(event.type for event in await api.stored()) == [
        "group",
        "identify",
        "page Pricing",
        "track Order Completed",
    ]


@pytest.mark.parametrize("key", [SERVER, BROWSER], ids=["server", "browser"])
async def test_segments_node_library_delivers(api: Api, key: str):
    node = shutil.which("node")
    if node is None:
        pytest.skip("node is not on this machine")
    folder = Path(os.environ.get("CONNECTOR_NODE_MODULES", NODE / "node_modules"))
    if not (folder / "@segment" / "analytics-node").is_dir():
        pytest.skip("@segment/analytics-node is not installed: npm install --prefix tests/node --no-package-lock")
    running = await asyncio.create_subprocess_exec(
        node,
        str(NODE / "track.js"),
        api.deployment.address,
        f"{api.endpoint.path}/v1/batch",
        key,
        env={**os.environ, "NODE_PATH": str(folder)},
        stderr=asyncio.subprocess.PIPE,
    )
    _, said = await running.communicate()
    assert running.returncode == 0, said.decode()
    assert sorted(event.type for event in await api.stored()) == [
        "group",
        "identify",
        "page Pricing",
        "track Order Completed",
    ]

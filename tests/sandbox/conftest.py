"""A sandbox on a clock that the test moves, and a caller that shows each answer whole."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import pytest
from aiohttp import ClientSession
from multidict import CIMultiDictProxy

from connector.sandbox import Sandbox

NOW = 1795225780.0
"""Where the clock starts: the first second of a rate-limit window, in November 2026."""


class Clock:
    """Unix seconds, moved by hand."""

    def __init__(self) -> None:
        self.now = NOW

    def __call__(self) -> float:
        return self.now

    def advance(self, seconds: float) -> None:
        self.now += seconds


@dataclass(frozen=True)
class Answer:
    """What came back. `body` is the JSON, the text where it is none, or None where it is empty."""

    status: int
    body: Any
    headers: CIMultiDictProxy[str]

    @property
    def error(self) -> tuple[int, str, str]:
        """Status, code and message of an `error.list`."""
        assert self.body["type"] == "error.list"
        (error,) = self.body["errors"]
        return self.status, error["code"], error["message"]


class Caller:
    """Calls one server; with a token as its Authorization."""

    def __init__(self, session: ClientSession) -> None:
        self.session = session

    async def __call__(self, method: str, path: str, body: object = None, **headers: str) -> Answer:
        data = body if isinstance(body, bytes) else None
        given = {name.replace("_", "-"): value for name, value in headers.items()}
        payload = None if data is not None else body
        async with self.session.request(
            method, path, json=payload, data=data, headers=given, allow_redirects=False
        ) as response:
            text = await response.text()
            return Answer(response.status, _read(text), response.headers)


def _read(text: str) -> Any:
    try:
        return json.loads(text) if text else None
    except ValueError:
        return text


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
async def sandbox(clock: Clock) -> AsyncIterator[Sandbox]:
    async with Sandbox(clock=clock) as sandbox:
        yield sandbox


@pytest.fixture
def calling():
    """`async with calling(url, token) as call`; without a token nothing authorises the calls."""

    @asynccontextmanager
    async def calling(url: str, token: str | None = None) -> AsyncIterator[Caller]:
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        async with ClientSession(url, headers=headers) as session:
            yield Caller(session)

    return calling


@pytest.fixture
async def call(sandbox: Sandbox, calling) -> AsyncIterator[Caller]:
    async with calling(sandbox.url, sandbox.token) as call:
        yield call


@pytest.fixture
def submit(call: Caller):
    """POST /events for Ada, unless told otherwise: submit("paid-invoice", email="bob@example.com")."""

    async def submit(name: str = "paid-invoice", created_at: object = int(NOW), **more: object) -> Answer:
        who = {} if {"id", "user_id", "email"} & more.keys() else {"user_id": "ada"}
        return await call("POST", "/events", {"event_name": name, "created_at": created_at, **who, **more})

    return submit


@pytest.fixture
def ada(sandbox: Sandbox):
    return sandbox.add_contact(external_id="ada", email="ada@example.com", name="Ada")

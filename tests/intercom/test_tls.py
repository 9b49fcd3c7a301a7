"""Certificates that have expired or are another host's: the call ends before the token is shown, and is tried again."""

from __future__ import annotations

import ssl
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from aiohttp import ClientSession, TCPConnector

from connector.intercom.client import IntercomClient
from connector.intercom.outcome import read
from connector.outbox.retry import Again, History, decide
from tests.certificates import HOST, Authority
from tests.intercom.conftest import request_of
from tests.intercom.test_client import BODY

BAD = {"expired": {"days": -1}, "of-another-host": {"host": "api.example.com"}}
WORDS = {"expired": "certificate has expired", "of-another-host": "certificate is not valid for 'localhost'"}


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    return Authority(tmp_path)


@pytest.fixture
async def session(authority: Authority) -> AsyncIterator[ClientSession]:
    """One that trusts our authority."""
    async with ClientSession(connector=TCPConnector(ssl=authority.trusting())) as session:
        yield session


async def submit(session: ClientSession, port: int):
    client = IntercomClient(session, version="2.14", base_url_for=lambda _region: f"https://{HOST}:{port}")
    return await client.submit_event("us", "dG9rOnRlc3Q=", BODY)


@pytest.mark.parametrize("kind", BAD)
async def test_a_bad_certificate_is_a_fault_of_its_own_that_is_tried_again_until_it_is_renewed(
    far_side, session: ClientSession, authority: Authority, kind: str
):
    requests = []

    async def accept(reader, writer):
        requests.append(await request_of(reader))
        writer.write(b"HTTP/1.1 202 Accepted\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")

    context: ssl.SSLContext = authority.server()
    side = await far_side(accept, ssl=context)
    authority.use(context, **BAD[kind])
    answer = await submit(session, side.port)
    outcome = read(answer, now_ms=0)
    assert answer.fault == "tls"
    assert (outcome.name, outcome.ambiguous, outcome.trouble) == ("tls_failed", False, True)
    assert WORDS[kind] in outcome.words
    assert not requests, "the token was shown to somebody who could not say who he is"
    for history in (History(), History(attempts=40, unknowns=4, claims=1)):
        assert isinstance(decide(outcome, history, now_ms=0, random=lambda: 0.5), Again)
    authority.use(context)
    assert (await submit(session, side.port)).status == 202

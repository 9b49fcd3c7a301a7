"""Segment's tracking API: every call, every way to show a key, and what is sent by those who mean ill."""

from __future__ import annotations

import base64
import gzip
import json
import zlib
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

import pytest
from aiohttp import ClientSession
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from connector.events import ReceivedState, Trust
from connector.inbox import store
from connector.inbox.sources import tracking
from connector.inbox.sources.source import Accepted, Refused
from connector.inbox.sources.tracking import CALLS, Kind, happened, inflated
from connector.inbox.store import ReceivedEvent
from connector.sandbox import Sandbox
from connector.workspaces import endpoints
from connector.workspaces import store as workspaces
from connector.workspaces.endpoints import TRACKING, Endpoint, NewEndpoint
from tests.appstore.deployment import Deployment, deployed, sandbox_settings

SERVER, BROWSER = "server-key-of-acme", "browser-key-of-acme"


@dataclass
class Api:
    """The tracking address of one endpoint."""

    deployment: Deployment
    endpoint: Endpoint
    http: ClientSession

    @property
    def host(self) -> str:
        return self.deployment.address + self.endpoint.path

    async def post(self, call: str, body: Any, **headers: str) -> tuple[int, Any]:
        raw = body if isinstance(body, bytes) else json.dumps(body).encode()
        given = {name.replace("_", "-"): value for name, value in headers.items()}
        async with self.http.post(f"{self.host}/v1/{call}", data=raw, headers=given) as answer:
            assert answer.headers["Access-Control-Allow-Origin"] == "*"
            return answer.status, await answer.json(content_type=None)

    async def stored(self) -> list[ReceivedEvent]:
        return await self.deployment.service.database.read(store.page, store.Filter(), limit=100)

    async def bodies(self) -> list[dict[str, Any]]:
        found = []
        for each in await self.stored():
            _, body = await self.deployment.service.database.read(store.find, each.workspace_id, each.key) or (0, b"")
            found.append(json.loads(body or b"{}"))
        return found


@pytest.fixture
async def api(sqlite_url: str) -> AsyncIterator[Api]:
    async with Sandbox(sandbox_settings()) as sandbox, deployed(sqlite_url, sandbox) as deployment:
        vault = deployment.service.front.health_check.parts.vault

        def make(connection: Any) -> Endpoint:
            workspace = workspaces.add(connection, vault, workspaces.Installation("acme", "acme-token"), now=1)
            new = NewEndpoint(workspace.id, TRACKING, "App", signing_secret=SERVER, browser_key=BROWSER)
            return endpoints.add(connection, vault, new, now=1)

        endpoint = await deployment.service.database.transact(make)
        await deployment.service.directory.reload()
        yield Api(deployment, endpoint, deployment.http)


def basic(key: str) -> str:
    return "Basic " + base64.b64encode(f"{key}:".encode()).decode()


MESSAGE = {"userId": "ada", "event": "Order Completed", "messageId": "m-1", "properties": {"revenue": 5}}


@pytest.mark.parametrize("call", CALLS)
async def test_each_call_is_answered_exactly_200_and_success(api: Api, call: str):
    body = MESSAGE if call in tracking.SINGLE else {"batch": [{**MESSAGE, "type": "track"}]}
    assert await api.post(call, body, Authorization=basic(SERVER)) == (200, {"success": True})
    (event,) = await api.stored()
    assert event.source == "segment"
    assert event.type.split()[0] == tracking.SINGLE.get(call, "track")


@pytest.mark.parametrize("call", CALLS)
def test_the_issue_names_fourteen_calls_and_this_is_one(call: str):
    named = "track identify page screen group alias batch import t i p s g a b"
    assert call in named.split()
    assert len(CALLS) == len(named.split())


@pytest.mark.parametrize(
    ("headers", "in_body", "trust"),
    [
        ({"Authorization": basic(SERVER)}, {}, Trust.SIGNED),
        ({"Authorization": f"Bearer {SERVER}"}, {}, Trust.SIGNED),
        ({}, {"writeKey": SERVER}, Trust.SIGNED),
        ({"Authorization": basic(BROWSER)}, {}, Trust.UNSIGNED),
        ({"Authorization": basic(BROWSER), "Origin": "https://shop.example"}, {}, Trust.UNSIGNED),
        ({"Content_Type": "text/plain"}, {"writeKey": BROWSER}, Trust.UNSIGNED),
    ],
)
async def test_a_key_may_be_shown_in_three_ways_and_whose_it_is_decides_the_trust(
    api: Api, headers: dict[str, str], in_body: dict[str, str], trust: Trust
):
    assert (await api.post("track", {**MESSAGE, **in_body}, **headers))[0] == 200
    (event,) = await api.stored()
    assert event.trust is trust
    (body,) = await api.bodies()
    assert "writeKey" not in body


@pytest.mark.parametrize(
    ("headers", "body"),
    [
        ({}, MESSAGE),
        ({"Authorization": basic("wrong")}, MESSAGE),
        ({"Authorization": "Basic %%%"}, MESSAGE),
        ({"Authorization": "Basic"}, MESSAGE),
        ({"Authorization": "Digest abc"}, MESSAGE),
        ({}, {**MESSAGE, "writeKey": 7}),
        ({}, {**MESSAGE, "writeKey": ""}),
        ({}, {**MESSAGE, "writeKey": "x" * 100_000}),
    ],
)
async def test_without_a_key_of_ours_nothing_is_stored(api: Api, headers: dict[str, str], body: dict[str, Any]):
    status, answer = await api.post("track", body, **headers)
    assert (status, answer) == (401, {"success": False, "message": "write_key"})
    assert await api.stored() == []


async def test_a_servers_key_that_comes_out_of_a_browser_is_refused(api: Api):
    status, answer = await api.post("track", MESSAGE, Authorization=basic(SERVER), Origin="https://shop.example")
    assert (status, answer["message"]) == (403, "server_key_in_a_browser")


async def test_the_tracking_token_is_no_webhooks_and_a_webhooks_is_no_tracking_token(api: Api):
    async with api.http.post(f"{api.deployment.address}/webhooks/segment/{api.endpoint.token}", data=b"{}") as answer:
        assert answer.status == 404
    async with api.http.post(f"{api.deployment.address}/segment/{'x' * 43}/v1/track", data=b"{}") as answer:
        assert answer.status == 404
    assert (await api.post("nothing", MESSAGE, Authorization=basic(SERVER)))[0] == 404


async def test_a_browser_asks_before_it_sends(api: Api):
    headers = {"Origin": "https://shop.example", "Access-Control-Request-Method": "POST"}
    async with api.http.options(f"{api.host}/v1/t", headers=headers) as answer:
        assert answer.status == 204
        assert "Authorization" in answer.headers["Access-Control-Allow-Headers"]
        assert answer.headers["Access-Control-Allow-Methods"] == "POST"


async def test_a_batch_shares_its_context_and_the_senders_clock_is_corrected(api: Api):
    batch = {
        "sentAt": "2020-01-01T00:00:10.000Z",
        "context": {"library": {"name": "x"}, "locale": "de"},
        "integrations": {"All": False},
        "batch": [
            {**MESSAGE, "type": "track", "timestamp": "2020-01-01T00:00:04.000Z", "context": {"locale": "en"}},
            {"type": "identify", "userId": "ada", "traits": {"email": "ada@example.com"}},
        ],
    }
    assert (await api.post("batch", batch, Authorization=basic(SERVER)))[0] == 200
    track, identify = sorted(await api.bodies(), key=lambda body: body["type"], reverse=True)
    assert track["context"] == {"library": {"name": "x"}, "locale": "en"}
    assert identify["context"]["locale"] == "de"
    assert track["integrations"] == {"All": False}
    assert track["originalTimestamp"] == "2020-01-01T00:00:04.000Z"
    assert track["receivedAt"] > track["timestamp"] > "2026"
    assert identify["messageId"].startswith("api-")


def test_the_clock_is_corrected_as_segment_does_it_and_never_into_the_future():
    now = 1_800_000_000_000
    assert happened("2020-01-01T00:00:04Z", "2020-01-01T00:00:10Z", now) == now - 6_000
    assert happened("2020-01-01T00:00:10Z", "2020-01-01T00:00:04Z", now) == now
    assert happened("2020-01-01T00:00:04", None, now) == 1_577_836_804_000
    assert happened(None, "2020-01-01T00:00:10Z", now) == now
    assert happened("soon", 7, now) == now


async def test_what_is_sent_again_is_stored_once_with_or_without_a_message_id(api: Api):
    for body in (MESSAGE, {**MESSAGE, "messageId": None}, {"userId": "b", "event": "X"}):
        for _ in range(2):
            assert (await api.post("track", body, Authorization=basic(SERVER)))[0] == 200
    assert len(await api.stored()) == 3


async def test_gzip_is_unpacked_but_no_further_than_its_bound(api: Api):
    good = gzip.compress(json.dumps(MESSAGE).encode())
    assert (await api.post("track", good, Authorization=basic(SERVER), Content_Encoding="gzip"))[0] == 200
    for bad in (
        gzip.compress(b" " * (tracking.LARGEST_INFLATED + 1)),
        good[:-9],
        b"not gzip",
        b"",
        good + good,
        zlib.compress(b"{}"),
    ):
        status, answer = await api.post("track", bad, Authorization=basic(SERVER), Content_Encoding="gzip")
        assert (status, answer["message"]) == (400, "gzip")
    assert (await api.post("track", b"{}", Authorization=basic(SERVER), Content_Encoding="br"))[0] == 400
    assert inflated(gzip.compress(b"x" * 100), 100) == b"x" * 100
    assert inflated(gzip.compress(b"x" * 101), 100) is None


@pytest.mark.parametrize(
    ("call", "body", "why"),
    [
        ("track", b"", "json"),
        ("track", b"[]", "json"),
        ("track", b"\xff\xfe", "json"),
        ("track", b'{"a":NaN}', "json"),
        ("track", b"[" * 100_000, "json"),
        ("track", b" " * (1024 * 1024 + 1), "too_large"),
        ("batch", b"{}", "no_batch"),
        ("batch", b'{"batch": {}}', "no_batch"),
        ("batch", json.dumps({"batch": [{}] * 2_501}).encode(), "too_many_messages"),
    ],
)
async def test_what_cannot_be_read_is_a_400_with_one_word(api: Api, call: str, body: bytes, why: str):
    status, answer = await api.post(call, body, Authorization=basic(SERVER))
    assert (status, answer) == (400, {"success": False, "message": why})


async def test_what_is_no_message_in_a_batch_is_kept_and_stops_none_of_the_others(api: Api):
    batch = {"batch": [None, 7, "text", [], {"type": 4}, {**MESSAGE, "type": "track"}]}
    assert (await api.post("batch", batch, Authorization=basic(SERVER)))[0] == 200
    states = sorted(each.state for each in await api.stored())
    assert states.count(ReceivedState.UNPARSEABLE) == 5


async def test_when_it_cannot_be_stored_the_library_is_told_when_to_come_back(api: Api, monkeypatch):
    from connector.errors import Unavailable

    async def refuse(*_: Any, **__: Any) -> None:
        raise Unavailable("full")

    monkeypatch.setattr(type(api.deployment.service.database), "write", refuse)
    async with api.http.post(f"{api.host}/v1/track", json=MESSAGE, headers={"Authorization": basic(SERVER)}) as answer:
        assert (answer.status, answer.headers["Retry-After"]) == (503, "5")


async def test_a_removed_endpoint_goes_on_answering_200_and_drops(api: Api):
    await api.deployment.service.database.transact(endpoints.remove, api.endpoint.id, now=5)
    await api.deployment.service.directory.reload()
    assert await api.post("track", MESSAGE, Authorization=basic(SERVER)) == (200, {"success": True})
    assert await api.stored() == []


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=12,
)
FIELDS = st.sampled_from(["batch", "type", "messageId", "timestamp", "sentAt", "context", "integrations", "event"])


@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(call=st.sampled_from(CALLS), posted=st.dictionaries(FIELDS, JSON, max_size=6))
def test_any_json_at_all_is_read_or_refused_and_never_breaks(call: str, posted: dict[str, Any]):
    read = tracking.read(call, posted, kind=Kind.BROWSER, now_ms=1_800_000_000_000)
    match read:
        case Accepted(events):
            assert all(event.trust is Trust.UNSIGNED or event.state is not ReceivedState.RECEIVED for event in events)
        case Refused(status):
            assert status == 400

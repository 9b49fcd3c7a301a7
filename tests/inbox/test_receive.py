"""The webhook routes over real HTTP: every answer they may give, and that there is never another one."""

from __future__ import annotations

import asyncio
import gzip
import json
import threading
from collections.abc import AsyncIterator, Coroutine, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import pytest
from aiohttp import ClientSession, web
from hypothesis import given, settings
from hypothesis import strategies as st

from connector.database.engine import Database, open_database
from connector.database.group_commit import Limits
from connector.database.migrate import migrate
from connector.inbox import store
from connector.inbox.receive import Receiver, put_ahead
from connector.workspaces import endpoints
from connector.workspaces import store as workspaces
from connector.workspaces.directory import Directory
from connector.workspaces.endpoints import Endpoint, NewEndpoint
from connector.workspaces.vault import Key, Vault, new_key
from tests.signing import segment_headers, stripe_headers

SECRET = "whsec_receive"


@dataclass
class Inbox:
    """A receiver on a real port."""

    host: str
    port: int
    database: Database
    directory: Directory
    vault: Vault
    stripe: Endpoint
    segment: Endpoint
    told: list[object]
    rung: list[None]

    @property
    def url(self) -> str:
        return f"http://{self.host}:{self.port}"

    async def send(
        self,
        body: bytes,
        endpoint: Endpoint | None = None,
        *,
        method: str = "POST",
        path: str | None = None,
        **headers: str,
    ) -> tuple[int, dict[str, object]]:
        endpoint = endpoint or self.stripe
        signed = stripe_headers(body, SECRET) if endpoint.source == "stripe" else segment_headers(body, SECRET)
        async with (
            ClientSession(auto_decompress=False) as session,
            session.post(self.url + (path or endpoint.path), data=body, headers=signed | headers) as answer,
        ):
            return answer.status, json.loads(await answer.read() or b"{}")

    async def stored(self) -> list[store.ReceivedEvent]:
        return await self.database.read(store.page, store.Filter(), limit=1000)


@pytest.fixture
async def inbox(database: Database) -> AsyncIterator[Inbox]:
    async with _inbox(database) as found:
        yield found


class _inbox:  # noqa: N801 - used like a function
    def __init__(self, database: Database) -> None:
        self.database = database

    async def __aenter__(self) -> Inbox:
        database, vault = self.database, Vault([Key.parse(new_key())])
        installed = await database.transact(workspaces.add, vault, workspaces.Installation("app", "token"), now=1)
        made = [
            await database.transact(
                endpoints.add, vault, NewEndpoint(installed.id, source, signing_secret=SECRET), now=1
            )
            for source in ("stripe", "segment")
        ]
        directory = Directory(database, vault)
        await directory.reload()
        told: list[object] = []
        rung: list[None] = []
        receiver = Receiver(database, directory, tell=told.append, bell=lambda: rung.append(None))
        app = web.Application(client_max_size=9 * 1024 * 1024)
        app.add_routes(receiver.routes())
        self.runner = web.AppRunner(app, access_log=None, auto_decompress=False)
        await self.runner.setup()
        put_ahead(self.runner, receiver)
        await web.TCPSite(self.runner, "127.0.0.1", 0).start()
        host, port = self.runner.addresses[0]
        return Inbox(host, port, database, directory, vault, made[0], made[1], told, rung)

    async def __aexit__(self, *_: object) -> None:
        await self.runner.cleanup()


def event(number: int = 1, **more: object) -> bytes:
    return json.dumps(
        {"id": f"evt_{number}", "object": "event", "type": "invoice.paid", "created": 1, "data": {"object": {}}} | more
    ).encode()


async def test_a_signed_event_is_stored_before_it_is_acknowledged(inbox: Inbox):
    assert await inbox.send(event()) == (200, {"received": True})
    (stored,) = await inbox.stored()
    assert (stored.external_key, stored.type, stored.state) == ("evt_1", "invoice.paid", "received")
    found = await inbox.database.read(store.find, stored.workspace_id, stored.key)
    assert found is not None
    assert found[1] == event()
    assert inbox.rung


async def test_the_acknowledgement_is_whole_whatever_the_connection(inbox: Inbox):
    body = event()
    head = f"POST {inbox.stripe.path} HTTP/%s\r\nHost: x\r\nContent-Length: {len(body)}\r\n%s"
    signature = f"Stripe-Signature: {stripe_headers(body, SECRET)['Stripe-Signature']}\r\n\r\n"
    reader, writer = await asyncio.open_connection(inbox.host, inbox.port)
    for version, more, stays in (("1.1", "", True), ("1.1", "Connection: close\r\n", False), ("1.0", "", False)):
        if not stays:
            writer.close()
            reader, writer = await asyncio.open_connection(inbox.host, inbox.port)
        writer.write((head % (version, more) + signature).encode() + body)
        answer = (await reader.readuntil(b"\r\n\r\n")).decode()
        assert " 200 OK\r\n" in answer
        assert "\r\nContent-Type: application/json\r\n" in answer
        assert "\r\nDate: " in answer
        assert await reader.readexactly(17) == b'{"received":true}'
        if stays:  # two requests at once are answered twice, in order
            writer.write(((head % (version, more) + signature).encode() + body) * 2)
            assert (await reader.readuntil(b"}")).count(b"200 OK") == 1
            assert (await reader.readuntil(b"}")).count(b"200 OK") == 1
        else:
            assert await reader.read() == b""
    writer.close()


async def test_a_repeat_is_acknowledged_and_stored_once_with_its_first_body(inbox: Inbox):
    for body in (event(), event(), event(extra=1)):
        assert (await inbox.send(body))[0] == 200
    (stored,) = await inbox.stored()
    found = await inbox.database.read(store.find, stored.workspace_id, stored.key)
    assert found is not None
    assert found[1] == event()


async def test_live_and_test_mode_are_kept_apart(inbox: Inbox):
    await inbox.send(event(livemode=True))
    await inbox.send(event(livemode=False))
    assert len(await inbox.stored()) == 2


async def test_a_bad_signature_is_401_and_stores_nothing(inbox: Inbox):
    signature = stripe_headers(event(2), SECRET)["Stripe-Signature"]
    assert await inbox.send(event(), **{"Stripe-Signature": signature}) == (401, {"error": "bad_signature"})
    assert await inbox.stored() == []


async def test_two_signature_headers_are_401(inbox: Inbox):
    good = stripe_headers(event(), SECRET)["Stripe-Signature"]
    async with (
        ClientSession() as session,
        session.post(
            inbox.url + inbox.stripe.path,
            data=event(),
            headers=[("Stripe-Signature", good), ("Stripe-Signature", good)],
        ) as answer,
    ):
        assert answer.status == 401


@pytest.mark.parametrize("path", ["/webhooks/stripe/unknown", "/webhooks/stripe/%00", "/webhooks/stripe/" + "x" * 4000])
async def test_an_unknown_token_is_404(inbox: Inbox, path: str):
    assert (await inbox.send(event(), path=path))[0] == 404


@pytest.mark.parametrize("spelt", ["{path}?from=stripe", "{path}?", "/webhooks/%73tripe/{token}"])
async def test_an_address_in_another_spelling_is_the_same_address(inbox: Inbox, spelt: str):
    path = spelt.format(path=inbox.stripe.path, token=inbox.stripe.token)
    assert await inbox.send(event(), path=path) == (200, {"received": True})
    assert (await inbox.send(event(2), path=path, **{"Stripe-Signature": "t=1,v1=00"}))[0] == 401
    assert len(await inbox.stored()) == 1


async def test_a_token_of_another_source_is_404(inbox: Inbox):
    path = inbox.segment.path.replace("/segment/", "/stripe/")
    assert (await inbox.send(event(), path=path))[0] == 404


async def test_other_methods_are_405(inbox: Inbox):
    async with ClientSession() as session:
        for method in ("GET", "PUT", "DELETE", "PATCH"):
            async with session.request(method, inbox.url + inbox.stripe.path) as answer:
                assert answer.status == 405


@pytest.mark.parametrize("encoding", ["gzip", "deflate", "br", "zstd", "gzip, gzip"])
async def test_an_encoded_body_is_415(inbox: Inbox, encoding: str):
    body = gzip.compress(event())
    assert (await inbox.send(body, **{"Content-Encoding": encoding}))[0] == 415


@pytest.mark.parametrize(("size", "status"), [(1024 * 1024, 200), (1024 * 1024 + 1, 413)])
async def test_a_stripe_body_holds_up_to_a_mebibyte(inbox: Inbox, size: int, status: int):
    padding = size - len(event(pad=""))
    assert (await inbox.send(event(pad="x" * padding)))[0] == status


async def test_a_chunked_body_has_the_same_limit(inbox: Inbox):
    async def chunks(count: int) -> AsyncIterator[bytes]:
        for _ in range(count):
            yield b" " * 65536

    async with ClientSession() as session:
        for count, status in ((16, 401), (17, 413)):
            async with session.post(inbox.url + inbox.stripe.path, data=chunks(count)) as answer:
                assert answer.status == status


async def test_a_segment_batch_is_stored_message_by_message(inbox: Inbox):
    messages = [{"type": "track", "event": "X", "messageId": f"m{n}", "userId": "u"} for n in range(1000)]
    body = json.dumps([*messages, 5]).encode()
    assert (await inbox.send(body, inbox.segment))[0] == 200
    assert (await inbox.send(body, inbox.segment))[0] == 200
    found = await inbox.database.read(store.count_by_state)
    assert found == {"received": 1000, "unparseable": 1}


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"null",
        b"[]",
        b'"text"',
        b"{",
        b'{"id":1,"type":"x"}',
        b'{"id":"evt_1","object":"event","type":"x","created":1,"n":NaN}',
        b'{"id":"evt_1","object":"event","type":"x","created":1,"n":' + b"[" * 100_000 + b"]" * 100_000 + b"}",
        b'{"a":' * 100_000,
        b"\xef\xbb\xbf{}",
    ],
    ids=lambda body: repr(body[:20]),
)
async def test_what_cannot_be_read_is_kept_as_unparseable(inbox: Inbox, body: bytes):
    assert (await inbox.send(body))[0] == 200
    (stored,) = await inbox.stored()
    assert stored.state == "unparseable"
    assert stored.reason


@pytest.mark.parametrize(
    "more",
    [
        {"id": "evt_" + "x" * 5000},
        {"id": "evt_\x00"},
        {"type": "\ud800"},
        {"created": 10**30},
        {"created": -5},
        {"created": 1.5},
        {"api_version": None},
        {"api_version": 7},
        {"livemode": "yes"},
        {"n": 10**4000},
        {"object": "v2.core.event", "created": "2026-01-01T00:00:00Z"},
    ],
    ids=lambda more: next(iter(more)) + ":" + str(next(iter(more.values())))[:12].encode("ascii", "replace").decode(),
)
async def test_an_odd_envelope_is_stored(inbox: Inbox, more: dict[str, object]):
    assert (await inbox.send(event(**more)))[0] == 200
    (stored,) = await inbox.stored()
    assert stored.state in ("received", "ignored")


async def test_a_thin_event_is_kept_and_ignored(inbox: Inbox):
    await inbox.send(event(object="v2.core.event"))
    (stored,) = await inbox.stored()
    assert (stored.state, stored.reason) == ("ignored", "thin")


async def test_duplicate_keys_are_read_as_the_mapping_will_read_them(inbox: Inbox):
    await inbox.send(b'{"id":"evt_first","object":"event","type":"a","created":1,"id":"evt_last","type":"b"}')
    (stored,) = await inbox.stored()
    assert (stored.external_key, stored.type) == ("evt_last", "b")


async def test_a_late_webhook_of_a_removed_endpoint_is_acknowledged_and_dropped(inbox: Inbox):
    await inbox.database.transact(endpoints.remove, inbox.stripe.id, now=2)
    await inbox.directory.reload()
    assert (await inbox.send(event()))[0] == 200
    assert await inbox.stored() == []


async def test_what_cannot_be_stored_is_503_with_a_time_to_come_back(sqlite_url: str):
    database = await open_database(sqlite_url, owner=True, limits=Limits(waiting_rows=0))
    normal = await open_database(sqlite_url)
    await migrate(normal)
    async with _inbox(normal) as inbox:
        full = Receiver(database, inbox.directory, tell=inbox.told.append, bell=lambda: None)
        app = web.Application()
        app.add_routes(full.routes())
        runner = web.AppRunner(app, access_log=None)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        host, port = runner.addresses[0]
        body = event()
        async with (
            ClientSession() as session,
            session.post(
                f"http://{host}:{port}{inbox.stripe.path}", data=body, headers=stripe_headers(body, SECRET)
            ) as answer,
        ):
            assert answer.status == 503
            assert int(answer.headers["Retry-After"]) > 0
        await runner.cleanup()
    await normal.close()
    await database.close()


async def test_a_sender_that_hangs_up_does_not_undo_what_it_sent(inbox: Inbox):
    body = event()
    head = "".join(f"{name}: {value}\r\n" for name, value in stripe_headers(body, SECRET).items())
    _, writer = await asyncio.open_connection(inbox.host, inbox.port)
    writer.write(
        f"POST {inbox.stripe.path} HTTP/1.1\r\nHost: x\r\nContent-Length: {len(body)}\r\n{head}\r\n".encode() + body
    )
    await writer.drain()
    writer.close()
    async with asyncio.timeout(5):
        while not await inbox.stored():
            await asyncio.sleep(0.01)


async def test_no_answer_names_a_secret_or_a_token(inbox: Inbox):
    for headers in ({}, {"Stripe-Signature": "x"}, {"Content-Encoding": "gzip"}):
        _, answer = await inbox.send(event(), **headers)
        assert SECRET not in str(answer)
        assert inbox.stripe.token not in str(answer)
    assert inbox.stripe.token not in repr(inbox.told)


ALLOWED = {200, 400, 401, 404, 405, 413, 415, 503}
NAMES = (b"Stripe-Signature", b"X-Signature", b"Authorization", b"Content-Type", b"Content-Encoding", b"Expect", b"X")
values = st.binary(max_size=40).map(lambda raw: raw.translate(None, b"\r\n\0"))


@pytest.fixture(scope="module")
def threaded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[asyncio.AbstractEventLoop, Inbox]]:
    """One inbox for many examples, on an event loop of its own."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever)
    thread.start()

    def run(work: Coroutine[Any, Any, Any]) -> Any:
        return asyncio.run_coroutine_threadsafe(work, loop).result(30)

    database = run(open_database(f"sqlite:///{tmp_path_factory.mktemp('inbox') / 'inbox.db'}"))
    run(migrate(database))
    opened = _inbox(database)
    yield loop, run(opened.__aenter__())
    run(opened.__aexit__())
    run(database.close())
    loop.call_soon_threadsafe(loop.stop)
    thread.join()
    loop.close()


@settings(max_examples=300, deadline=None)
@given(
    body=st.binary(max_size=400),
    headers=st.lists(st.tuples(st.sampled_from(NAMES), values), max_size=4),
    signed=st.booleans(),
    segment=st.booleans(),
)
def test_no_bytes_and_no_headers_give_any_other_answer(
    threaded: tuple[asyncio.AbstractEventLoop, Inbox],
    body: bytes,
    headers: list[tuple[bytes, bytes]],
    signed: bool,
    segment: bool,
):
    """As raw bytes on a socket, because a client library would refuse to send most of them."""
    loop, inbox = threaded
    endpoint = inbox.segment if segment else inbox.stripe
    signatures = segment_headers(body, SECRET) if segment else stripe_headers(body, SECRET)
    lines = [f"{name}: {value}".encode() for name, value in signatures.items()] if signed else []
    lines += [name + b": " + value for name, value in headers]
    status = asyncio.run_coroutine_threadsafe(_raw(inbox, endpoint.path, body, lines), loop).result(30)
    assert status in ALLOWED


async def _raw(inbox: Inbox, path: str, body: bytes, lines: Sequence[bytes]) -> int:
    reader, writer = await asyncio.open_connection(inbox.host, inbox.port)
    length = b"Content-Length: %d" % len(body)
    head = [f"POST {path} HTTP/1.1".encode(), b"Host: x", b"Connection: close", length, *lines]
    writer.write(b"\r\n".join(head) + b"\r\n\r\n" + body)
    await writer.drain()
    answer = await asyncio.wait_for(reader.read(), 5)
    writer.close()
    while answer.startswith(b"HTTP/1.1 100"):
        answer = answer.partition(b"\r\n\r\n")[2]
    return int(answer.split(b" ", 2)[1])

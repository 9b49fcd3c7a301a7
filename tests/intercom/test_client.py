"""The client against sockets that misbehave: every call ends in an answer, in bounded time and memory."""

from __future__ import annotations

import asyncio
import gzip
import socket
import ssl
import struct
import tracemalloc
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from aiohttp import ClientSession, ClientTimeout, DummyCookieJar, TCPConnector
from aiohttp.abc import AbstractResolver
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from connector.events import Identifier, IdentifierKind
from connector.intercom.client import BODY_LIMIT, IntercomClient, base_url, event_body, make_session
from connector.intercom.outcome import read
from tests.intercom.conftest import request_of

BODY = event_body("paid-invoice", 1785369600, Identifier(IdentifierKind.EMAIL, "ada@example.com"), {"plan": "Pro"})
ACCEPTED = b"HTTP/1.1 202 Accepted\r\nContent-Length: 0\r\n\r\n"


async def submit(client: IntercomClient):
    """One event; the answer, and what it means."""
    answer = await client.submit_event("us", "dG9rOnRlc3Q=", BODY)
    return answer, read(answer, now_ms=0)


async def test_an_accepted_event_is_delivered_with_what_pacing_and_support_need(far_side, client_of):
    async def accept(reader, writer):
        await request_of(reader)
        writer.write(
            b"HTTP/1.1 202 Accepted\r\nDate: Fri, 21 Nov 2025 01:16:01 GMT\r\nX-RateLimit-Limit: 166\r\n"
            b"X-RateLimit-Remaining: 165\r\nX-RateLimit-Reset: 1763687770\r\nX-Request-Id: 0049qvcv\r\n"
            b"Set-Cookie: a=b\r\nServer: nginx\r\nContent-Length: 0\r\n\r\n"
        )

    answer, outcome = await submit(client_of((await far_side(accept)).url))
    assert outcome.name == "delivered"
    assert answer.request_id == "0049qvcv"
    assert answer.headers == {
        "date": "Fri, 21 Nov 2025 01:16:01 GMT",
        "x-ratelimit-limit": "166",
        "x-ratelimit-remaining": "165",
        "x-ratelimit-reset": "1763687770",
        "x-request-id": "0049qvcv",
    }


async def test_a_request_on_the_wire_is_the_body_as_given_and_no_more_than_intercom_asks_for(far_side, client_of):
    requests = []

    async def accept(reader, writer):
        while True:
            requests.append(await request_of(reader))
            writer.write(b"HTTP/1.1 202 Accepted\r\nSet-Cookie: a=b\r\nContent-Length: 0\r\n\r\n")

    side = await far_side(accept)
    client = client_of(side.url)
    await submit(client)
    await submit(client)
    head, _, body = requests[1].partition(b"\r\n\r\n")
    line, *headers = head.decode().split("\r\n")
    sent = dict(header.split(": ", 1) for header in headers)
    assert line == "POST /events HTTP/1.1"
    assert body == BODY
    assert sent.pop("User-Agent").startswith("Python/")
    assert sent == {
        "Host": f"127.0.0.1:{side.port}",
        "Accept": "application/json",
        "Accept-Encoding": "identity",
        "Content-Type": "application/json",
        "Intercom-Version": "2.14",
        "Authorization": "Bearer dG9rOnRlc3Q=",
        "Content-Length": str(len(BODY)),
    }
    assert side.connections == 1


async def test_a_refused_connection_is_definite(client_of):
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        answer, outcome = await submit(client_of(f"http://127.0.0.1:{unused.getsockname()[1]}"))
    assert (answer.status, answer.fault) == (None, "connect")
    assert (outcome.name, outcome.ambiguous) == ("connect_failed", False)
    assert "Cannot connect to host 127.0.0.1" in outcome.words


async def test_a_side_that_hangs_up_before_reading_may_have_the_request(far_side, client_of):
    async def hang_up(_reader, writer):
        writer.close()

    answer, outcome = await submit(client_of((await far_side(hang_up)).url))
    assert (answer.fault, outcome.ambiguous) == ("no_answer", True)


async def test_a_side_that_reads_all_and_hangs_up_may_have_the_request(far_side, client_of):
    async def read_and_hang_up(reader, writer):
        await request_of(reader)
        writer.close()

    answer, outcome = await submit(client_of((await far_side(read_and_hang_up)).url))
    assert (answer.fault, outcome.ambiguous) == ("no_answer", True)


async def test_a_connection_that_is_reset_may_have_carried_the_request(far_side, client_of):
    async def reset(reader, writer):
        await request_of(reader)
        writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        writer.transport.abort()

    answer, outcome = await submit(client_of((await far_side(reset)).url))
    assert (answer.fault, outcome.ambiguous) == ("no_answer", True)


async def test_a_side_that_reads_all_and_says_nothing_is_left_in_time(far_side, client_of):
    async def hang(reader, _writer):
        await request_of(reader)
        await asyncio.Event().wait()

    answer, outcome = await submit(client_of((await far_side(hang)).url))
    assert (answer.fault, outcome.ambiguous) == ("no_answer", True)
    assert 300 < answer.duration_ms < 1_500


async def test_a_pooled_connection_that_ends_instead_of_answering_leaves_it_open_whether_the_event_arrived(
    far_side, client_of
):
    async def answer_once(reader, writer):
        await request_of(reader)
        writer.write(ACCEPTED)
        await request_of(reader)
        writer.close()

    side = await far_side(answer_once)
    client = client_of(side.url)
    _, first = await submit(client)
    answer, second = await submit(client)
    assert first.name == "delivered"
    assert (answer.fault, second.ambiguous) == ("no_answer", True)
    assert side.connections == 1  # and nothing was sent a second time behind our back


async def test_a_pooled_connection_that_was_closed_meanwhile_is_replaced(far_side, client_of, session):
    async def answer_and_close(reader, writer):
        await request_of(reader)
        writer.write(ACCEPTED)
        writer.close()

    side = await far_side(answer_and_close)
    client = client_of(side.url)
    _, first = await submit(client)
    async with asyncio.timeout(1):
        while any(protocol.is_connected() for pool in session.connector._conns.values() for protocol, _ in pool):
            await asyncio.sleep(0)
    _, second = await submit(client)
    assert (first.name, second.name, side.connections) == ("delivered", "delivered", 2)


async def test_a_head_that_drips_for_ever_is_left_in_time(far_side, client_of):
    async def drip(reader, writer):
        await request_of(reader)
        writer.write(b"HTTP/1.1 202 Accepted\r\nX-Drip: ")
        while True:
            writer.write(b".")
            await asyncio.sleep(0.02)

    answer, outcome = await submit(client_of((await far_side(drip)).url))
    assert (answer.fault, outcome.ambiguous) == ("no_answer", True)
    assert 400 < answer.duration_ms < 1_500


@pytest.mark.parametrize(("status", "name"), [(b"202 Accepted", "delivered"), (b"400 Bad Request", "refused")])
async def test_a_body_that_drips_for_ever_is_left_in_time_and_the_status_stands(far_side, client_of, status, name):
    async def drip(reader, writer):
        await request_of(reader)
        writer.write(b"HTTP/1.1 " + status + b"\r\nContent-Length: 1000000\r\n\r\n")
        while True:
            writer.write(b".")
            await asyncio.sleep(0.02)

    answer, outcome = await submit(client_of((await far_side(drip)).url))
    assert outcome.name == name
    assert answer.body.strip(b".") == b""
    assert 400 < answer.duration_ms < 1_500


async def test_of_ten_gigabytes_no_more_is_read_than_the_limit(far_side, client_of):
    async def flood(reader, writer):
        await request_of(reader)
        writer.write(b"HTTP/1.1 500 Internal Server Error\r\nContent-Length: 10000000000\r\n\r\n")
        while True:
            writer.write(b"x" * 65_536)
            await writer.drain()

    side = await far_side(flood)
    tracemalloc.start()
    answer, outcome = await submit(client_of(side.url))
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert (outcome.name, len(answer.body)) == ("server_error", BODY_LIMIT)
    assert peak < 8_000_000


async def test_a_compressed_bomb_is_not_inflated(far_side, client_of):
    bomb = gzip.compress(bytes(50_000_000))

    async def explode(reader, writer):
        await request_of(reader)
        head = f"HTTP/1.1 400 Bad Request\r\nContent-Encoding: gzip\r\nContent-Length: {len(bomb)}\r\n\r\n"
        writer.write(head.encode() + bomb)
        await writer.drain()

    answer, outcome = await submit(client_of((await far_side(explode)).url))
    assert outcome.name == "refused"
    assert bomb.startswith(answer.body)
    assert 0 < len(answer.body) <= BODY_LIMIT


@pytest.mark.parametrize(
    "reply",
    [
        b"220 smtp.example.com ESMTP\r\n",
        b"HTTP/1.1 banana\r\n\r\n",
        b"HTTP/1.1 202 Accepted\r\nX-Long: " + b"x" * 20_000 + b"\r\n\r\n",
        b"HTTP/1.1 202 Accepted\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n",
        b"HTTP/1.1 202 Accepted\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
    ],
    ids=["another protocol", "no status", "a header of 20 kB", "two lengths", "chunks of no length"],
)
async def test_an_answer_that_is_not_http_is_ambiguous(far_side, client_of, reply):
    async def babble(reader, writer):
        await request_of(reader)
        writer.write(reply)
        await writer.drain()

    answer, outcome = await submit(client_of((await far_side(babble)).url))
    assert (answer.status, answer.fault) == (None, "bad_answer")
    assert (outcome.name, outcome.ambiguous) == ("bad_answer", True)


async def test_a_202_whose_body_breaks_off_is_delivered(far_side, client_of):
    async def break_off(reader, writer):
        await request_of(reader)
        writer.write(b"HTTP/1.1 202 Accepted\r\nContent-Length: 100\r\n\r\nshort")
        writer.close()

    answer, outcome = await submit(client_of((await far_side(break_off)).url))
    assert (outcome.name, answer.body) == ("delivered", b"short")


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
async def test_a_redirect_is_not_followed_and_the_token_goes_nowhere(far_side, client_of, status):
    async def take(reader, _writer):
        await request_of(reader)

    elsewhere = await far_side(take)

    async def redirect(reader, writer):
        await request_of(reader)
        writer.write(f"HTTP/1.1 {status} Moved\r\nLocation: {elsewhere.url}/\r\nContent-Length: 0\r\n\r\n".encode())

    _, outcome = await submit(client_of((await far_side(redirect)).url))
    assert outcome.name == "redirected"
    assert elsewhere.connections == 0


async def test_a_call_that_gets_no_connection_in_time_was_not_sent(far_side):
    async def hang(reader, _writer):
        await request_of(reader)
        await asyncio.Event().wait()

    side = await far_side(hang)
    timeout = ClientTimeout(total=2, connect=0.1)
    async with make_session(1, timeout=timeout) as session:
        client = IntercomClient(session, version="2.14", base_url_for=lambda _region: side.url)
        first = asyncio.create_task(submit(client))
        async with asyncio.timeout(1):
            while side.connections == 0:
                await asyncio.sleep(0)
        answer, outcome = await submit(client)
        first.cancel()
    assert answer.fault == "timeout_before_send"
    assert (outcome.name, outcome.ambiguous) == ("not_sent_in_time", False)


async def test_a_cancelled_call_is_cancelled_and_its_connection_not_used_again(far_side, client_of, session):
    async def hang(reader, _writer):
        await request_of(reader)
        read_all.set()
        await asyncio.Event().wait()

    read_all = asyncio.Event()
    call = asyncio.create_task(submit(client_of((await far_side(hang)).url)))
    await asyncio.wait_for(read_all.wait(), 1)
    call.cancel()
    with pytest.raises(asyncio.CancelledError):
        await call
    assert not session.connector._acquired
    assert not any(session.connector._conns.values())


async def test_a_host_without_an_address_is_told_apart():
    class NoAddress(AbstractResolver):
        async def resolve(self, host, port=0, family=socket.AF_INET):
            raise OSError(None, "Name or service not known")

        async def close(self):
            pass

    connector = TCPConnector(resolver=NoAddress())
    async with ClientSession(connector=connector, cookie_jar=DummyCookieJar()) as session:
        answer, outcome = await submit(IntercomClient(session, version="2.14"))
    assert answer.fault == "dns"
    assert (outcome.name, outcome.ambiguous) == ("dns_failed", False)


async def test_a_certificate_that_nobody_vouches_for_ends_the_call_before_the_token_is_shown(
    far_side, client_of, tmp_path
):
    received = []

    async def take(reader, _writer):
        received.append(await reader.read())

    side = await far_side(take, ssl=self_signed(tmp_path))
    answer, outcome = await submit(client_of(side.url))
    assert answer.fault == "tls"
    assert (outcome.name, outcome.ambiguous) == ("tls_failed", False)
    assert "certificate" in outcome.words.lower()
    assert not any(received)


def self_signed(folder: Path) -> ssl.SSLContext:
    """A server's TLS context with a certificate for 127.0.0.1 that it signed itself."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "127.0.0.1")])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .sign(key, hashes.SHA256())
    )
    both = folder / "both.pem"
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    both.write_bytes(private + certificate.public_bytes(serialization.Encoding.PEM))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(both)
    return context


@pytest.mark.parametrize(
    ("region", "url"),
    [
        ("us", "https://api.intercom.io"),
        ("eu", "https://api.eu.intercom.io"),
        ("au", "https://api.au.intercom.io"),
        ("mars", "https://api.intercom.io"),
    ],
)
def test_each_region_has_its_own_host(region: str, url: str):
    assert base_url(region) == url

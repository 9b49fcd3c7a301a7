"""A proxy that speaks HTTPS in front of a service, as docs/self-host.md asks for one: it passes the Host header on."""

from __future__ import annotations

import datetime as dt
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from aiohttp import ClientSession, DummyCookieJar, web
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

HOP_BY_HOP = {"connection", "content-length", "keep-alive", "transfer-encoding"}


def certificate(folder: Path) -> Path:
    """A key and a certificate for `localhost` that nobody has signed, in one file."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "localhost")])
    now = dt.datetime.now(dt.UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - dt.timedelta(days=1))
        .not_valid_after(now + dt.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
        .sign(key, hashes.SHA256())
    )
    encoding, plain = serialization.Encoding.PEM, serialization.NoEncryption()
    file = folder / "localhost.pem"
    private = key.private_bytes(encoding, serialization.PrivateFormat.PKCS8, plain)
    file.write_bytes(private + made.public_bytes(encoding))
    return file


@asynccontextmanager
async def https_proxy(target: str, pem: Path, port: int) -> AsyncIterator[None]:
    """Answers at https://localhost:{port} with what `target` answers."""

    async def passed_on(request: web.Request) -> web.Response:
        headers = [(name, value) for name, value in request.headers.items() if name.lower() not in HOP_BY_HOP]
        async with http.request(
            request.method, target + request.raw_path, headers=headers, data=await request.read(), allow_redirects=False
        ) as answer:
            back = [(name, value) for name, value in answer.headers.items() if name.lower() not in HOP_BY_HOP]
            body = await answer.read()
        made = web.Response(status=answer.status, body=body)
        made.headers.clear()
        made.headers.extend(back)
        return made

    app = web.Application(client_max_size=8 * 1024 * 1024)
    app.router.add_route("*", "/{path:.*}", passed_on)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(pem)
    runner = web.AppRunner(app, access_log=None)
    async with ClientSession(cookie_jar=DummyCookieJar(), auto_decompress=False) as http:
        await runner.setup()
        try:
            await web.TCPSite(runner, "127.0.0.1", port, ssl_context=context).start()
            yield
        finally:
            await runner.cleanup()

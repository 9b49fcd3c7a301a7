"""What keeps a page to itself: the headers it is sent with, its cookies, and where a form comes from."""

from __future__ import annotations

from collections.abc import Mapping
from urllib.parse import urlsplit

from aiohttp import hdrs, web

NO_SCRIPT = (
    "default-src 'none'; style-src 'self'; img-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
OWN_SCRIPT = f"{NO_SCRIPT}; script-src 'self'; connect-src 'self'"
"""For pages with scripts in files of our own; inline ones stay refused."""

HEADERS: Mapping[str, str] = {
    "Content-Security-Policy": NO_SCRIPT,
    "Cache-Control": "no-store",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=(), payment=()",
    "Referrer-Policy": "same-origin",  # with no-referrer a browser would not say where a form comes from
    "X-Content-Type-Options": "nosniff",
}


def from_own_origin(request: web.Request, base_url: str | None) -> bool:
    """Whether a browser says that the form comes from a page of this very origin; `base_url` is ours, if it is set."""
    came_from = request.headers.getall(hdrs.ORIGIN, [])
    if len(came_from) != 1:
        return False
    origin = urlsplit(came_from[0])
    if base_url is not None:
        expected = urlsplit(base_url)
        return (origin.scheme, origin.netloc) == (expected.scheme, expected.netloc)
    return origin.scheme in ("http", "https") and origin.netloc == request.host


def elsewhere(address: str) -> web.Response:
    """On to another page, with a GET."""
    return web.Response(status=303, headers={**HEADERS, hdrs.LOCATION: address})


def set_cookie(
    response: web.StreamResponse, name: str, value: str, *, seconds: int, same_site: str = "Lax", secure: bool = True
) -> None:
    """A cookie that only this host gets, only over HTTPS unless it is not `secure`, and that no script reads."""
    response.set_cookie(name, value, max_age=seconds, path="/", secure=secure, httponly=True, samesite=same_site)

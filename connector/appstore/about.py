"""/about/…: support, privacy, terms, security and data deletion, as the listing links to them; and our one style sheet.

Made of app.json, so that what a store is told and what people read is the same. Anybody may read them.
"""

from __future__ import annotations

from importlib import resources

from aiohttp import web

from connector.appstore import web as pages
from connector.appstore.parts import Parts

TITLES = {
    "support": "Support",
    "privacy": "Privacy",
    "terms": "Terms",
    "security": "Security",
    "data-deletion": "Deleting data",
}


class About:
    """The pages."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts
        self._style = resources.files("connector.appstore").joinpath("static/setup.css").read_bytes()

    def routes(self) -> list[web.AbstractRouteDef]:
        """GET /about/{page} for each, and the style sheet."""
        shown = [web.get(f"/about/{page}", self._page) for page in TITLES]
        return [*shown, web.get("/setup/static/setup.css", self._css)]

    async def _page(self, request: web.Request) -> web.StreamResponse:
        page = request.path.rpartition("/")[2]
        settings = self._parts.settings
        context = {
            "title": TITLES[page],
            "page": page,
            "pages": TITLES,
            "app": self._parts.manifest,
            "operator": settings.operator,
            "support_email": settings.support_email,
            "kept": settings,
        }
        return pages.shown(request, "about.html", context)

    async def _css(self, _request: web.Request) -> web.StreamResponse:
        headers = {**pages.HEADERS, "Cache-Control": "public, max-age=300"}
        return web.Response(body=self._style, content_type="text/css", charset="utf-8", headers=headers)

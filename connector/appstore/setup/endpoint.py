"""/setup/endpoints/{id}: one connection with its address; rotate its secret, disconnect it.

Only of the session's own workspace: another's id is answered like one that there is not.
"""

from __future__ import annotations

from aiohttp import web

from connector.appstore.setup.desk import Desk, go
from connector.appstore.setup.overview import KINDS
from connector.appstore.setup.segment import new_secret
from connector.appstore.setup.stripe import SIGNING_SECRET
from connector.appstore.uninstall import delete_endpoints
from connector.appstore.web import Door, Visit
from connector.errors import UsageError
from connector.stripe_api.account import PERMISSIONS
from connector.workspaces import endpoints, write_keys
from connector.workspaces.endpoints import TRACKING, Endpoint

SHOWN_MS = 10 * 60 * 1000
"""How long a generated secret is shown: long enough to copy it to the sender."""
HIGHEST_ID = 2**31 - 1


class EndpointPage:
    """One connection."""

    def __init__(self, desk: Desk, door: Door) -> None:
        self._desk = desk
        self._door = door

    def routes(self) -> list[web.AbstractRouteDef]:
        """GET /setup/endpoints/{id} and its three actions."""
        page, path = self._door.page, r"/setup/endpoints/{id:\d{1,10}}"
        return [
            web.get(path, page(self._show)),
            web.post(f"{path}/rotate", page(self._rotate)),
            web.post(f"{path}/drop-old", page(self._drop)),
            web.post(f"{path}/disconnect", page(self._disconnect)),
        ]

    async def _show(self, visit: Visit) -> web.StreamResponse:
        endpoint = await self._own(visit)
        return _none(self._desk, visit) if endpoint is None else self._page(visit, endpoint)

    def _page(self, visit: Visit, endpoint: Endpoint, error: str | None = None) -> web.Response:
        parts = self._desk.parts
        lacking = set(visit.request.query.get("missing", "").split(","))
        changed_at = endpoint.rotated_at or endpoint.created_at
        ours = endpoint.source != "stripe"
        return self._desk.show(
            visit,
            "endpoint.html",
            endpoint.label,
            error=error,
            endpoint=endpoint,
            kind=KINDS[endpoint.source],
            url=parts.settings.public_url + endpoint.path,
            secret=endpoint.signing_secrets[0] if ours and parts.now() - changed_at < SHOWN_MS else None,
            tracking=endpoint.source == TRACKING,
            missing=[each for each in PERMISSIONS if each.name in lacking],
        )

    async def _rotate(self, visit: Visit) -> web.StreamResponse:
        endpoint = await self._own(visit)
        if endpoint is None:
            return _none(self._desk, visit)
        if visit.form["which"] == "browser" and endpoint.source == TRACKING:
            await self._rotate_browser_key(visit, endpoint)
            return go(f"/setup/endpoints/{endpoint.id}", "rotated")
        secret = visit.form["secret"] if endpoint.source == "stripe" else new_secret()
        if endpoint.source == "stripe" and not SIGNING_SECRET.fullmatch(secret):
            return self._page(visit, endpoint, "That is no signing secret of Stripe's: it begins with whsec_.")
        return await self._changed(visit, endpoint, new=secret, drop_old=False, done="rotated")

    async def _rotate_browser_key(self, visit: Visit, endpoint: Endpoint) -> None:
        parts = self._desk.parts
        await parts.database.transact(
            write_keys.rotate_browser, parts.vault, endpoint, new=new_secret(), now=parts.now()
        )
        await self._desk.changed(visit, "rotated", endpoint=endpoint.id, which="browser")

    async def _drop(self, visit: Visit) -> web.StreamResponse:
        endpoint = await self._own(visit)
        if endpoint is None:
            return _none(self._desk, visit)
        if len(endpoint.browser_keys) > 1:
            await self._desk.parts.database.transact(write_keys.drop_old, self._desk.parts.vault, endpoint)
        if len(endpoint.signing_secrets) > 1:
            return await self._changed(visit, endpoint, new=None, drop_old=True, done="dropped")
        await self._desk.changed(visit, "dropped", endpoint=endpoint.id)
        return go(f"/setup/endpoints/{endpoint.id}", "dropped")

    async def _changed(
        self, visit: Visit, endpoint: Endpoint, *, new: str | None, drop_old: bool, done: str
    ) -> web.Response:
        parts = self._desk.parts
        try:
            await parts.database.transact(
                endpoints.rotate, parts.vault, endpoint, new=new, drop_old=drop_old, now=parts.now()
            )
        except UsageError:
            return self._page(visit, endpoint, "It has exactly this secret already.")
        await self._desk.changed(visit, done, endpoint=endpoint.id)
        return go(f"/setup/endpoints/{endpoint.id}", done)

    async def _disconnect(self, visit: Visit) -> web.StreamResponse:
        endpoint = await self._own(visit)
        if endpoint is None:
            return _none(self._desk, visit)
        if visit.form["sure"] != "yes":
            return self._page(visit, endpoint, "Tick the box to say that you mean it.")
        parts = self._desk.parts
        await parts.database.transact(endpoints.remove, endpoint.id, now=parts.now())
        await self._desk.changed(visit, "disconnected", endpoint=endpoint.id, source=endpoint.source)
        await delete_endpoints(parts, visit.workspace.id)
        return go("/setup", "disconnected")

    async def _own(self, visit: Visit) -> Endpoint | None:
        number = int(visit.request.match_info["id"])
        if number > HIGHEST_ID:
            return None
        parts = self._desk.parts
        try:
            found = await parts.database.read(endpoints.get, parts.vault, number)
        except UsageError:
            return None
        return found if found.workspace_id == visit.workspace.id and not found.removed else None


def _none(desk: Desk, visit: Visit) -> web.Response:
    return desk.show(visit, "nothing.html", "No such connection", status=404)

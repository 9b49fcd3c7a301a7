"""/setup/stripe: connect an account by a restricted key, or by the signing secret of an endpoint made by hand."""

from __future__ import annotations

import asyncio
import re
from collections import defaultdict

from aiohttp import web

from connector.appstore import stripe_account
from connector.appstore.setup.desk import Desk, go
from connector.appstore.stripe_account import Connected
from connector.appstore.web import Door, Visit
from connector.errors import UsageError
from connector.stripe_api.account import PERMISSIONS
from connector.stripe_api.client import VERSION
from connector.workspaces import endpoints
from connector.workspaces.endpoints import NewEndpoint
from connector.workspaces.modes import EndpointMode

LONGEST_LABEL = 60
SIGNING_SECRET = re.compile(r"whsec_[A-Za-z0-9+/=_-]{8,200}", re.ASCII)


class StripePage:
    """The form, in two ways."""

    def __init__(self, desk: Desk, door: Door) -> None:
        self._desk = desk
        self._door = door
        self._turns: defaultdict[int, asyncio.Lock] = defaultdict(asyncio.Lock)
        """One connecting at a time for each workspace: two would each find no endpoint and make one."""

    def routes(self) -> list[web.AbstractRouteDef]:
        """GET|POST /setup/stripe."""
        page = self._door.page
        return [
            web.get("/setup/stripe", page(self._show)),
            web.post("/setup/stripe", page(self._connect)),
            web.post("/setup/stripe/secret", page(self._paste)),
        ]

    async def _show(self, visit: Visit) -> web.StreamResponse:
        return self._page(visit)

    def _page(self, visit: Visit, error: str | None = None, missing: object = ()) -> web.Response:
        types = stripe_account.types(self._desk.parts, visit.workspace)
        return self._desk.show(
            visit,
            "stripe.html",
            "Connect Stripe",
            error=error,
            missing=missing,
            permissions=PERMISSIONS,
            types=types,
            version=VERSION,
            modes=tuple(EndpointMode),
        )

    async def _connect(self, visit: Visit) -> web.StreamResponse:
        key, label = visit.form["key"], visit.form["label"]
        if not key:
            return self._page(visit, "Paste the restricted key.")
        if why := wrong_label(label, required=False):
            return self._page(visit, why)
        async with self._turns[visit.workspace.id]:
            connecting = await stripe_account.connect(self._desk.parts, visit.workspace, key, label)
        if not isinstance(connecting, Connected):
            return self._page(visit, connecting.why, connecting.missing)
        endpoint = connecting.endpoint
        await self._desk.changed(visit, "stripe_connected", endpoint=endpoint.id, done=connecting.done)
        done = "stripe_connected" if connecting.done in ("made", "replaced") else "stripe_found"
        missing = ",".join(each.name for each in connecting.missing)
        return go(f"/setup/endpoints/{endpoint.id}", done + (f"&missing={missing}" if missing else ""))

    async def _paste(self, visit: Visit) -> web.StreamResponse:
        secret, label, mode = visit.form["secret"], visit.form["label"], visit.form["mode"]
        if not SIGNING_SECRET.fullmatch(secret):
            return self._page(visit, "That is no signing secret of Stripe's: it begins with whsec_.")
        if why := wrong_label(label):
            return self._page(visit, why)
        if mode not in tuple(EndpointMode):
            return self._page(visit, "Choose which of Stripe's modes count.")
        new = NewEndpoint(visit.workspace.id, "stripe", label, EndpointMode(mode), signing_secret=secret)
        parts = self._desk.parts
        try:
            endpoint = await parts.database.transact(endpoints.add, parts.vault, new, now=parts.now())
        except UsageError:
            return self._page(visit, "There is a connection with this name already: choose another one.")
        await self._desk.changed(visit, "webhook_added", endpoint=endpoint.id, source="stripe")
        return go(f"/setup/endpoints/{endpoint.id}", "webhook_added")


def wrong_label(label: str, *, required: bool = True) -> str | None:
    """What is wrong with a connection's name; None where nothing is."""
    if not label:
        return "Give it a name, so that you can tell it from others." if required else None
    if len(label) > LONGEST_LABEL or not label.isprintable():
        return f"A name has 1 to {LONGEST_LABEL} characters that can be printed."
    return None

"""Asking Stripe what a product, a price or a coupon is called, where no webhook has said so.

Nothing waits for it: an event whose plan cannot be named is mapped with its next fallback at once, and the next one has
the name (docs/decisions/0020). So that this is rare, all names of an account are asked for when it is connected.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from connector import names
from connector.database.clock import wall
from connector.database.engine import Database
from connector.events import DISPLAY_LENGTH, Key, digest, display
from connector.names import Name, Names
from connector.stripe_api import names as stripe_names
from connector.stripe_api import objects
from connector.stripe_api.answers import Found, Missing, Refused, TryLater
from connector.stripe_api.client import StripeApi
from connector.stripe_api.objects import Thing
from connector.sync import asked, state
from connector.sync.state import Place
from connector.telemetry.facts import StripeAsked, Tell

MOST_PAGES = 20
"""Of each kind: two thousand products that are all in use are named one by one."""
KINDS = ("product", "price", "coupon")


@dataclass
class Naming:
    """Finds out names; `known` is this process's memory of them."""

    database: Database
    api: StripeApi
    known: Names
    tell: Tell

    async def find(self, workspace_id: int, object_ids: Sequence[str], key: str) -> None:
        """Ask for what these are called, if nobody has lately."""
        for object_id in object_ids:
            if 0 < len(object_id) <= DISPLAY_LENGTH and await self._may_ask(workspace_id, object_id):
                await self._ask(workspace_id, object_id, key)

    async def find_all(self, place: Place, key: str) -> None:
        """Ask for the names of everything in the account, once."""
        products: dict[str, str] = {}
        for kind in KINDS:
            await self._list(place.workspace_id, kind, key, products)
        await self.database.transact(state.save_named, place, now=wall())

    async def _may_ask(self, workspace_id: int, object_id: str) -> bool:
        return await self.database.transact(asked.claim, workspace_id, _name(object_id), now=wall())

    async def _ask(self, workspace_id: int, object_id: str, key: str) -> None:
        answer = await stripe_names.ask(self.api, key, object_id)
        outcome, again_at = "found", None
        match answer:
            case Found(name):
                await self._keep(workspace_id, {object_id: name})
            case Missing():
                outcome = "missing"
            case Refused(reason):
                outcome = reason
            case TryLater(at, why):
                outcome, again_at = why, at
        await self.database.transact(
            asked.settle, workspace_id, _name(object_id), outcome, now=wall(), again_at=again_at
        )
        self.tell(StripeAsked(workspace_id, stripe_names.kind_of(object_id), outcome))

    async def _list(self, workspace_id: int, kind: str, key: str, products: dict[str, str]) -> None:
        """Keep all names of one kind; a kind that the key may not read is named by nobody."""
        after = None
        for _ in range(MOST_PAGES):
            answer = await objects.page(self.api, key, kind, since=0, until=wall() // 1000, after=after)
            if not isinstance(answer, Found):
                self.tell(StripeAsked(workspace_id, kind, getattr(answer, "reason", "not_listed")))
                return
            called = {each.id: name for each in answer.value.things if (name := _called(each, products))}
            if kind == "product":
                products |= called
            await self._keep(workspace_id, called)
            if not answer.value.more or not answer.value.things:
                return
            after = answer.value.things[-1].id

    async def _keep(self, workspace_id: int, called: dict[str, str]) -> None:
        if called:
            found = [Name(workspace_id, object_id, display(name)) for object_id, name in called.items()]
            await self.database.transact(names.record, found, now=wall())
            self.known.forget(workspace_id)


def _called(thing: Thing, products: dict[str, str]) -> str | None:
    own = thing.values.get(stripe_names.NAMED[thing.kind])
    if isinstance(own, str) and own:
        return own
    product = thing.values.get("product")
    return products.get(product) if isinstance(product, str) else None


def _name(object_id: str) -> Key:
    return digest("name", object_id)

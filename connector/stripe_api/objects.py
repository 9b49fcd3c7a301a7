"""Things of a Stripe account by their id, and lists of them, as JSON objects in our pinned version."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from connector.stripe_api.answers import Answer, Found, Missing, mapping
from connector.stripe_api.client import PATIENCE_S, StripeApi, path_of

PATHS = {
    "charge": "charges",
    "checkout.session": "checkout/sessions",
    "coupon": "coupons",
    "customer": "customers",
    "dispute": "disputes",
    "invoice": "invoices",
    "payment_intent": "payment_intents",
    "plan": "plans",
    "price": "prices",
    "product": "products",
    "promotion_code": "promotion_codes",
    "refund": "refunds",
    "subscription": "subscriptions",
}
"""What Stripe calls a thing in `object`, and the path of such things below /v1/."""

PAGE = 100


@dataclass(frozen=True, slots=True)
class Thing:
    """One object; `values` is its JSON."""

    kind: str
    id: str
    values: Mapping[str, Any]

    @property
    def created(self) -> int:
        """Unix seconds."""
        return int(self.values.get("created") or 0)


@dataclass(frozen=True, slots=True)
class ThingPage:
    """Some things, newest first; `more` says whether there are older ones."""

    things: tuple[Thing, ...]
    more: bool


async def one(api: StripeApi, key: str, kind: str, object_id: str, *, patience_s: float = PATIENCE_S) -> Answer[Thing]:
    """The thing of that kind and id; a deleted customer counts as missing, because nothing is told of it any more."""
    if (path := path_of(PATHS[kind], object_id)) is None:
        return Missing()
    answer = await api.get(key, path, patience_s=patience_s)
    if not isinstance(answer, Found):
        return answer
    values = answer.value.values
    return Missing() if values.get("deleted") is True else Found(Thing(kind, object_id, values))


async def page(
    api: StripeApi,
    key: str,
    kind: str,
    *,
    since: int,
    until: int,
    after: str | None = None,
    params: Mapping[str, Any] | None = None,
    patience_s: float = PATIENCE_S,
) -> Answer[ThingPage]:
    """Things of that kind created in these seconds (both inclusive): the newest, or those just older than `after`."""
    given: dict[str, Any] = {"limit": PAGE, "created": {"gte": since, "lte": until}, **(params or {})}
    if after:
        given["starting_after"] = after
    answer = await api.get(key, PATHS[kind], given, patience_s=patience_s)
    if not isinstance(answer, Found):
        return answer
    values = answer.value.values
    found = [mapping(each) for each in values.get("data") or ()]
    return Found(
        ThingPage(tuple(Thing(kind, str(each.get("id")), each) for each in found), bool(values.get("has_more")))
    )

"""What a product, a price, a plan or a coupon is called, where nobody but Stripe can tell."""

from __future__ import annotations

from connector.stripe_api import objects
from connector.stripe_api.answers import Answer, Found, Missing
from connector.stripe_api.client import StripeApi

NAMED = {"product": "name", "price": "nickname", "plan": "nickname", "coupon": "name"}
"""Kinds of things that have names, and the field that holds it."""
_PREFIXES = {"prod_": "product", "price_": "price", "plan_": "plan"}


def kind_of(object_id: str) -> str:
    """Most ids say what they are of; a coupon's is whatever its merchant wrote, as is a plan's of old."""
    return next((kind for prefix, kind in _PREFIXES.items() if object_id.startswith(prefix)), "coupon")


async def ask(api: StripeApi, key: str, object_id: str) -> Answer[str]:
    """What the thing is called; Missing where it is not there or has no name.

    A price without a nickname is called by its product's name, which is how Stripe's own pages show it.
    """
    kind = kind_of(object_id)
    answer = await objects.one(api, key, kind, object_id)
    if not isinstance(answer, Found):
        return answer
    values = answer.value.values
    if isinstance(name := values.get(NAMED[kind]), str) and name:
        return Found(name)
    if kind in ("price", "plan") and isinstance(product := values.get("product"), str):
        return await ask(api, key, product) if kind_of(product) == "product" else Missing()
    return Missing()

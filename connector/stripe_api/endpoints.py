"""Our webhook endpoint at Stripe: exactly one for each of our endpoints and mode, found again by its metadata.

An account may have sixteen (https://docs.stripe.com/webhooks), so none is ever made beside one that is there. Stripe
tells a signing secret once, when the endpoint is made: one whose secret we do not have is replaced. So is one of
another API version, because that cannot be changed.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeAlias

from connector.stripe_api.answers import Answer, Found, Missing, NoAnswer, Refused, TryLater, later, mapping
from connector.stripe_api.client import VERSION, Body, StripeApi, path_of

OWNER = "connector_endpoint"
"""The key of the metadata that says whose it is."""
DESCRIPTION = "Sends events to Intercom. Made by the connector, which also updates and deletes it."
MOST_PAGES = 5


@dataclass(frozen=True, slots=True)
class Wanted:
    """The endpoint that should be there. `owner` names our endpoint, and stays the same for as long as it lives."""

    owner: str
    url: str = field(repr=False)
    types: tuple[str, ...] = ()
    version: str = VERSION


@dataclass(frozen=True, slots=True)
class StripeEndpoint:
    """One that is there. `secret` only when it has just been made."""

    id: str
    url: str = field(repr=False)
    enabled: bool
    types: tuple[str, ...]
    version: str | None
    live: bool
    owner: str | None
    created: int
    secret: str | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class Ensured:
    """What is there now; `done` is found, updated, made or replaced."""

    endpoint: StripeEndpoint
    done: str


Ensuring: TypeAlias = Ensured | Refused | TryLater


async def ensure(api: StripeApi, key: str, wanted: Wanted, *, secret_known: bool) -> Ensuring:
    """See to it that `wanted` is there, once. To be called by one process at a time for each owner."""
    found = await owned(api, key, wanted.owner)
    if not isinstance(found, Found):
        return _no(found)
    good = [each for each in found.value if secret_known and each.version == wanted.version]
    kept = good[0] if good else None
    others = [each for each in found.value if each is not kept]
    if kept is not None:
        ensured = await _updated(api, key, kept, wanted)
    else:
        ensured = await _made(api, key, wanted, others)
    if isinstance(ensured, Ensured):
        for each in others:
            await delete(api, key, each.id)
    return ensured


async def owned(api: StripeApi, key: str, owner: str) -> Answer[tuple[StripeEndpoint, ...]]:
    """Those that are `owner`'s, the oldest first."""
    found = await everyone(api, key)
    if not isinstance(found, Found):
        return found
    return Found(tuple(each for each in found.value if each.owner == owner))


async def everyone(api: StripeApi, key: str) -> Answer[tuple[StripeEndpoint, ...]]:
    """All that the account has in the key's mode, whoever made them, the oldest first."""
    found: list[StripeEndpoint] = []
    params: dict[str, Any] = {"limit": 100}
    for _ in range(MOST_PAGES):
        answer = await api.get(key, "webhook_endpoints", params)
        if not isinstance(answer, Found):
            return answer
        page = [_endpoint(mapping(each)) for each in answer.value.values.get("data") or ()]
        found += page
        if not page or not answer.value.values.get("has_more"):
            break
        params["starting_after"] = page[-1].id
    return Found(tuple(sorted(found, key=lambda each: (each.created, each.id))))


async def status(api: StripeApi, key: str, endpoint_id: str) -> Answer[StripeEndpoint]:
    """How one is: enabled or not, its types, its version."""
    if (path := path_of("webhook_endpoints", endpoint_id)) is None:
        return Missing()
    return _one(await api.get(key, path))


async def set_types(api: StripeApi, key: str, endpoint_id: str, types: Iterable[str]) -> Answer[StripeEndpoint]:
    """Have it send just these types."""
    return await _change(api, key, endpoint_id, {"enabled_events": sorted(set(types))})


async def delete(api: StripeApi, key: str, endpoint_id: str) -> Answer[None]:
    """Delete one; Missing where it is gone already."""
    if (path := path_of("webhook_endpoints", endpoint_id)) is None:
        return Missing()
    answer = await api.delete(key, path)
    return Found(None) if isinstance(answer, Found) else answer


def types_in_use(mapped: Iterable[str], learnt: Iterable[str]) -> tuple[str, ...]:
    """What to have sent: the types that entries ask for, and those that teach who is who and what is called what."""
    types = {*mapped, *learnt}
    return ("*",) if "*" in types else tuple(sorted(types))


async def _updated(api: StripeApi, key: str, kept: StripeEndpoint, wanted: Wanted) -> Ensuring:
    changes: dict[str, Any] = {}
    if kept.url != wanted.url:
        changes["url"] = wanted.url
    if set(kept.types) != set(wanted.types):
        changes["enabled_events"] = list(wanted.types)
    if not kept.enabled:
        changes["disabled"] = "false"
    if not changes:
        return Ensured(kept, "found")
    answer = await _change(api, key, kept.id, changes)
    return Ensured(answer.value, "updated") if isinstance(answer, Found) else _no(answer)


async def _change(api: StripeApi, key: str, endpoint_id: str, changes: Mapping[str, Any]) -> Answer[StripeEndpoint]:
    if (path := path_of("webhook_endpoints", endpoint_id)) is None:
        return Missing()
    return _one(await api.post(key, path, changes))


async def _made(api: StripeApi, key: str, wanted: Wanted, others: Sequence[StripeEndpoint]) -> Ensuring:
    """Made before those that it replaces are deleted, so that nothing is missed; after, where there is no room."""
    params = {
        "url": wanted.url,
        "enabled_events": list(wanted.types),
        "api_version": wanted.version,
        "description": DESCRIPTION,
        "metadata": {OWNER: wanted.owner},
    }
    answer = _one(await api.post(key, "webhook_endpoints", params))
    if isinstance(answer, Refused) and others:
        for each in others:
            await delete(api, key, each.id)
        answer = _one(await api.post(key, "webhook_endpoints", params))
    if not isinstance(answer, Found):
        return _no(answer)
    return Ensured(answer.value, "replaced" if others else "made")


def _one(answer: Answer[Body]) -> Answer[StripeEndpoint]:
    return Found(_endpoint(answer.value.values)) if isinstance(answer, Found) else answer


def _endpoint(values: Mapping[str, Any]) -> StripeEndpoint:
    return StripeEndpoint(
        id=str(values.get("id")),
        url=str(values.get("url")),
        enabled=values.get("status") == "enabled",
        types=tuple(map(str, values.get("enabled_events") or ())),
        version=values.get("api_version"),
        live=bool(values.get("livemode")),
        owner=mapping(values.get("metadata")).get(OWNER),
        created=int(values.get("created") or 0),
        secret=values.get("secret"),
    )


def _no(answer: NoAnswer) -> Refused | TryLater:
    """Somebody else has deleted it between two calls: the next try finds that."""
    return later("gone_meanwhile") if isinstance(answer, Missing) else answer

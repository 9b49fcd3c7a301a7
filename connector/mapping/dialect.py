"""What a mapping has to know of each source: how its events are called, what stands at their top, its unit of money.

One line a source in `DIALECTS`; reading the source's bytes is `connector.inbox.sources`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from typing import Any

from connector.mapping.context import Unit
from connector.mapping.dates import exact_seconds, segment_moment
from connector.mapping.problem import Mistake, did_you_mean
from connector.mapping.stripe_types import stripe_types

ANY = "*"


@dataclass(frozen=True, slots=True)
class Dialect:
    """How one source writes.

    `shape` lists what stands at the top of its payloads, and whether there is more below; `within` is where its
    fields really are, for advice. `happened` is when an event happened (Unix seconds), from its payload and the
    second of its receipt. `normal` makes triggers that mean the same the same, `wider` are the catch-alls that also
    cover one, narrowest first, and `misspelt` says what is wrong with one. `type_of` is the type of a payload, and
    `known` are all types there are, where there is such a list.
    """

    source: str
    unit: Unit
    shape: Mapping[str, bool]
    within: str
    happened: Callable[[Mapping[str, Any], int], float | None]
    normal: Callable[[str], str]
    wider: Callable[[str], tuple[str, ...]]
    misspelt: Callable[[str], Mistake | None]
    type_of: Callable[[Mapping[str, Any]], str]
    known: Callable[[], Collection[str]] = tuple


_STRIPE_TYPE = re.compile(r"[a-z0-9_]+(\.[a-z0-9_]+)+")
_STRIPE_SCALARS = (
    "id",
    "object",
    "api_version",
    "created",
    "livemode",
    "pending_webhooks",
    "type",
    "account",
    "user_id",
)
_SEGMENT_SCALARS = (
    "anonymousId", "channel", "event", "groupId", "messageId", "name", "category", "originalTimestamp", "previousId",
    "projectId", "receivedAt", "sentAt", "timestamp", "type", "userId", "version", "writeKey",
)  # fmt: skip
_SEGMENT_OBJECTS = ("context", "integrations", "properties", "traits", "_metadata")
_NAMED_CALLS = {"track": "event", "page": "name", "screen": "name"}
_CALLS = (*_NAMED_CALLS, "identify", "group", "alias", "delete")
_FILLING = re.compile(r"[\s_\-]+")


def _stripe_happened(payload: Mapping[str, Any], _received_at: int) -> float | None:
    return exact_seconds(payload.get("created"))


def _stripe_misspelt(trigger: str) -> Mistake | None:
    if trigger == ANY or _STRIPE_TYPE.fullmatch(trigger):
        return None
    if ANY in trigger:
        return Mistake(f"`{trigger}`: only `*` alone stands for other events", "list the types: [invoice.paid, …]")
    return Mistake(f"`{trigger}` is no Stripe event type", "write it as Stripe does, such as `invoice.paid`")


def _stripe_type(payload: Mapping[str, Any]) -> str:
    return str(payload.get("type") or "")


def _segment_normal(trigger: str) -> str:
    call, _, name = trigger.strip().partition(" ")
    return f"{call.casefold()} {_FILLING.sub('', name).casefold()}".rstrip()


def _segment_wider(trigger: str) -> tuple[str, ...]:
    return (f"{trigger.partition(' ')[0]} {ANY}", ANY)


def _segment_misspelt(trigger: str) -> Mistake | None:
    call, _, name = trigger.strip().partition(" ")
    if trigger.strip() == ANY:
        return None
    if call.casefold() not in _CALLS:
        meant = did_you_mean(call, _CALLS)
        better = f"{meant} {name}".strip() if meant and name else f"track {trigger.strip()}"
        return Mistake(f"`{trigger}` does not begin with a call such as track", f"write `{better}`")
    if name and call.casefold() not in _NAMED_CALLS:
        return Mistake(f"`{call}` has no names to tell apart", f"write `{call}`")
    if call.casefold() == "track" and not name:
        return Mistake("`track` without a name", "write `track Order Completed`, or `track *` for all others")
    return None


def _segment_type(payload: Mapping[str, Any]) -> str:
    call = str(payload.get("type") or "")
    name = payload.get(_NAMED_CALLS.get(call, ""))
    return f"{call} {name}" if isinstance(name, str) and name else call


DIALECTS = {
    dialect.source: dialect
    for dialect in (
        Dialect(
            "stripe",
            "minor",
            {**dict.fromkeys(_STRIPE_SCALARS, False), "data": True, "request": True, "context": True},
            "data.object",
            _stripe_happened,
            str,
            lambda _trigger: (ANY,),
            _stripe_misspelt,
            _stripe_type,
            stripe_types,
        ),
        Dialect(
            "segment",
            "major",
            {**dict.fromkeys(_SEGMENT_SCALARS, False), **dict.fromkeys(_SEGMENT_OBJECTS, True)},
            "properties",
            segment_moment,
            _segment_normal,
            _segment_wider,
            _segment_misspelt,
            _segment_type,
        ),
    )
}

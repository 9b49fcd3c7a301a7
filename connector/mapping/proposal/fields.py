"""What is worth knowing of an event: its fields as typed metadata, each with a weight, the most useful first."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from connector.mapping.context import Json
from connector.mapping.dates import MILLISECONDS
from connector.mapping.event_name import words_of
from connector.mapping.keys import mistake_in_key, usable_key
from connector.mapping.metadata import DATE_ENDING, MetadataType, key_type
from connector.mapping.money import exact
from connector.mapping.proposal.private import (
    is_persons_name,
    is_private_name,
    is_private_object,
    is_private_value,
)
from connector.mapping.text import MAX_TEXT, is_url, sound

DEEPEST = 5
MOST_LOOKED_AT = 2000
"""Values of one payload that are looked at: a thousand lines of an order say the same as the first."""
LONGEST_EXPRESSION = 200

_MOST_OF_A_KIND = {
    MetadataType.MONEY: 3, MetadataType.DATE: 3, MetadataType.LINK: 2, MetadataType.RICH_LINK: 2, MetadataType.IMAGE: 1,
}  # fmt: skip
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_MONEY = re.compile(
    r"(?:.*_)?(amount|total|subtotal|price|balance|fee|tax|revenue|value|shipping|discount|cost)(?:_.*)?"
)
_MAIN_MONEY = (
    "amount_paid", "amount_refunded", "amount_due", "amount_received", "amount_total", "revenue", "total", "amount",
    "unit_amount", "value", "price",
)  # fmt: skip
_DATE_NAME = re.compile(r"(?:.*_)?(at|date|end|start|by|on|until|time|created|due|expires|timestamp|expiry)")
_ISO = re.compile(r"[12][0-9]{3}-[01][0-9]-[0-3][0-9]([T ][0-2][0-9]:[0-5][0-9].*)?")
_IMAGE = re.compile(r".*\.(png|jpe?g|gif|webp|svg)(\?.*)?", re.IGNORECASE)
_IMAGE_NAMES = frozenset({"image", "img", "photo", "picture", "thumbnail", "logo", "icon"})
_STRIPE_ID = re.compile(r"[a-z]{2,8}_(?=[a-z]*[A-Z0-9])[A-Za-z0-9]{8,}")
_STRIPE_DATA = {"in": "stripe_invoice", "ch": "stripe_charge", "py": "stripe_charge", "cus": "stripe_customer"}
_NAMED_THINGS = {"prod": "product", "price": "price"}
_UUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}", re.IGNORECASE)
_NOISE = frozenset(
    "object livemode api_version created currency id has_more method sent_at received_at original_timestamp".split()  # noqa: SIM905
)
_GENERAL = frozenset(
    "name id type status number value url description title amount count code kind label".split()  # noqa: SIM905
)
"""Names that say nothing without what they are of."""

_CALLED = {"nickname": "plan"}
"""What people call a field otherwise than Stripe does."""

_TEXT_WEIGHTS = {
    "name": 84, "title": 84, "nickname": 84, "plan": 83, "plan_name": 83, "product": 82, "product_name": 82,
    "reason": 80, "billing_reason": 80, "failure_message": 80, "status": 76, "number": 74, "description": 72,
    "order_id": 70, "order_number": 70, "category": 66, "type": 62, "coupon": 62, "code": 60, "brand": 58,
    "interval": 56, "collection_method": 50,
}  # fmt: skip
_ALSO_WITHIN = 80
"""From this weight on a text says something wherever it stands; the others only at the top of their thing."""

_COUNTS = re.compile(
    r"(?:.*_)?(quantity|seats?|count|attempts?|units|number|rating|step|score|percent\w*|days)(?:_.*)?"
)
_PAGES = frozenset({"url", "uri", "href", "link", "page", "pdf"})
_DASHBOARD = {
    "invoice": "invoices", "subscription": "subscriptions", "customer": "customers", "charge": "payments",
    "payment_intent": "payments", "dispute": "disputes", "quote": "quotes", "product": "products", "coupon": "coupons",
    "credit_note": "credit_notes", "subscription_schedule": "subscription_schedules",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Candidate:
    """A metadata key with how it is written in YAML; the higher its `weight` the more useful it is."""

    key: str
    type: MetadataType
    form: Json
    weight: int


@dataclass(frozen=True, slots=True)
class _Spot:
    """A value on the way through a payload: its expression, its name, and the objects it stands in, inmost first."""

    expression: str
    name: str
    value: Json
    around: tuple[tuple[str, Mapping[str, Any]], ...]
    depth: int

    @property
    def words(self) -> str:
        return "_".join(words_of(self.name))

    @property
    def kind(self) -> str:
        """The kind of thing that it stands in."""
        return str(self.around[0][1].get("object", self.around[0][0]))

    @property
    def key(self) -> str:
        """What it is called, with what it is of where its own name says too little."""
        if self.words in _CALLED:
            return _CALLED[self.words]
        owner = "_".join(words_of(self.around[0][0].rpartition(".")[2].partition("[")[0])) if self.depth > 1 else ""
        return usable_key(f"{owner}_{self.words}" if owner and self.words in _GENERAL else self.words)


def metadata_of(
    source: str, payload: Mapping[str, Any], *, limit: int, taken: Mapping[str, MetadataType] | None = None
) -> dict[str, Json]:
    """At most `limit` keys and how each is written, the most useful first; `taken` are types that keys have already."""
    chosen: dict[str, Candidate] = {}
    kinds: dict[MetadataType, int] = {}
    for found in sorted(_candidates(source, payload), key=lambda each: -each.weight):
        if len(chosen) == limit or not _fits(found, chosen, taken or {}):
            continue
        if kinds.get(found.type, 0) < _MOST_OF_A_KIND.get(found.type, limit):
            chosen[found.key] = found
            kinds[found.type] = kinds.get(found.type, 0) + 1
    return {key: found.form for key, found in chosen.items()}


def _fits(found: Candidate, chosen: Mapping[str, Candidate], taken: Mapping[str, MetadataType]) -> bool:
    """Whether the key is free, one that Intercom takes, and of the type it has elsewhere."""
    key = found.key
    if not key or mistake_in_key(key) or key in chosen or taken.get(key.casefold(), found.type) is not found.type:
        return False
    if key_type(key) not in (None, found.type):
        return False
    stem, _, ending = key.rpartition("_")
    stands_in = ending in ("amount", "currency") and stem in chosen
    return not stands_in and not any(f"{key}_{ending}" in chosen for ending in ("amount", "currency"))


def _candidates(source: str, payload: Mapping[str, Any]) -> Iterator[Candidate]:
    if source == "stripe":
        data = payload.get("data")
        thing = data.get("object") if isinstance(data, Mapping) else None
        if isinstance(thing, Mapping):
            yield from _of_the_thing(thing)
            yield from _with_main_money(_looked_through("data.object", "", thing, _stripe_leaf))
        return
    call = payload.get("type")
    within = "traits" if call in ("identify", "group") else "properties"
    properties = payload.get(within)
    if isinstance(properties, Mapping):
        yield from _with_main_money(_looked_through(within, str(call), properties, _segment_leaf))


def _of_the_thing(thing: Mapping[str, Any]) -> Iterator[Candidate]:
    """The thing itself: its id where Intercom links it, its page at Stripe."""
    kind, identity = thing.get("object"), thing.get("id")
    if not isinstance(kind, str) or not isinstance(identity, str):
        return
    if stripe_key := _STRIPE_DATA.get(identity.partition("_")[0]):
        yield Candidate(stripe_key, MetadataType.STRIPE, "data.object.id", 90)
    if page := _DASHBOARD.get(kind):
        address = {"template": f"https://dashboard.stripe.com/{page}/{{data.object.id}}"}
        form = {"link": address, "title": {"constant": "Open in Stripe"}}
        yield Candidate(f"{kind}_page", MetadataType.RICH_LINK, form, 52)


def _with_main_money(found: Iterator[tuple[_Spot, Candidate]]) -> Iterator[Candidate]:
    """The amount that matters most is `price`, as in the shipped catalogue."""
    every = list(found)
    amounts = [pair for pair in every if pair[1].type is MetadataType.MONEY]
    main = min(amounts, key=lambda pair: _main_rank(pair[0]), default=None)
    for pair in every:
        yield replace(pair[1], key="price", weight=100) if pair is main else pair[1]


def _main_rank(spot: _Spot) -> tuple[bool, int, int]:
    rank = _MAIN_MONEY.index(spot.words) if spot.words in _MAIN_MONEY else len(_MAIN_MONEY)
    return (not exact(spot.value), spot.depth, rank)


_Leaf = Callable[[_Spot], Candidate | None]


def _looked_through(start: str, kind: str, thing: Mapping[str, Any], leaf: _Leaf) -> Iterator[tuple[_Spot, Candidate]]:
    """All fields below `thing`, nearest first, that are worth a key."""
    waiting = list(_below(start, kind, thing, (), 1))
    for spot in waiting:
        if len(waiting) < MOST_LOOKED_AT and spot.depth < DEEPEST and len(spot.expression) <= LONGEST_EXPRESSION:
            waiting += _further(spot)
        if (found := _candidate(spot, leaf)) is not None:
            yield spot, replace(found, weight=found.weight - 7 * (spot.depth - 1))


def _below(
    expression: str, name: str, thing: Mapping[str, Any], around: tuple[tuple[str, Mapping[str, Any]], ...], depth: int
) -> Iterator[_Spot]:
    for key, value in thing.items():
        if key and not is_private_name(key):
            step = key if _NAME.fullmatch(key) else json.dumps(key)
            yield _Spot(f"{expression}.{step}", key, value, ((name, thing), *around), depth)


def _further(spot: _Spot) -> Iterator[_Spot]:
    """What is below an object, or below the first of a list of objects such as Stripe's lines."""
    value = spot.value
    if is_private_object(spot.name):
        return
    if isinstance(value, Mapping):
        yield from _below(spot.expression, spot.name, value, spot.around, spot.depth + 1)
    elif isinstance(value, list) and spot.name == "data" and value and isinstance(value[0], Mapping):
        owner = spot.around[0][0]
        yield from _below(f"{spot.expression}[0]", owner, value[0], spot.around, spot.depth + 1)


def _candidate(spot: _Spot, leaf: _Leaf) -> Candidate | None:
    if len(spot.expression) > LONGEST_EXPRESSION or not sound(spot.expression) or spot.words in _NOISE:
        return None
    if is_private_value(spot.value) or is_persons_name(spot.name, spot.kind):
        return None
    if isinstance(spot.value, list):
        return _listed(spot)
    return leaf(spot)


def _listed(spot: _Spot) -> Candidate | None:
    """The names of a list's things, or its texts."""
    items = spot.value[:20]
    if items and all(isinstance(item, str) and not is_private_value(item) and len(item) <= MAX_TEXT for item in items):
        return Candidate(spot.key, MetadataType.TEXT, {"join": spot.expression, "max": 3}, 45)
    for name in ("name", "title"):
        if items and all(isinstance(item, Mapping) and isinstance(item.get(name), str) for item in items):
            return Candidate(spot.key, MetadataType.TEXT, {"join": f"{spot.expression}[].{name}", "max": 3}, 78)
    return None


def _stripe_leaf(spot: _Spot) -> Candidate | None:
    value = spot.value
    if isinstance(value, int) and not isinstance(value, bool):
        if _is_moment(spot):
            return _date(spot)
        currency = _currency(spot)
        if _MONEY.fullmatch(spot.words) or spot.words.startswith("amount"):
            form = {"money": spot.expression, "currency": currency}
            return Candidate(spot.key, MetadataType.MONEY, form, 44) if currency else None
    if isinstance(value, str) and _STRIPE_ID.fullmatch(value):
        return _stripe_data(spot, value.partition("_")[0])
    return _plain_leaf(spot)


def _stripe_data(spot: _Spot, prefix: str) -> Candidate | None:
    """An id that Intercom links, or the name of a product or price; other ids tell a person nothing."""
    if key := _STRIPE_DATA.get(prefix):
        return Candidate(key, MetadataType.STRIPE, spot.expression, 64)
    if key := _NAMED_THINGS.get(prefix):
        return Candidate(f"{key}_name", MetadataType.TEXT, f"stripe_name({spot.expression})", 73)
    return None


def _segment_leaf(spot: _Spot) -> Candidate | None:
    value = spot.value
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    if _MONEY.fullmatch(spot.words) and (is_number or (isinstance(value, str) and exact(value) is not None)):
        currency = [found, "'usd'"] if (found := _currency(spot)) else {"constant": "usd"}
        return Candidate(spot.key, MetadataType.MONEY, {"money": spot.expression, "currency": currency}, 44)
    if is_number and _is_moment(spot):
        return _date(spot)
    return _plain_leaf(spot)


def _currency(spot: _Spot) -> str | None:
    """The currency beside an amount, or beside what it stands in."""
    expression = spot.expression
    for _name, thing in spot.around:
        expression = expression.rpartition(".")[0]
        if isinstance(code := thing.get("currency"), str) and len(code) == 3 and code.isalpha():
            return f"{expression}.currency"
    return None


def _is_moment(spot: _Spot) -> bool:
    value = spot.value
    return bool(_DATE_NAME.fullmatch(spot.words)) and 10**9 <= value < 100 * MILLISECONDS


def _date(spot: _Spot) -> Candidate:
    stem = re.sub(r"_?(at|on|by|date|time|timestamp)$", "", spot.words, count=1) or "event"
    return Candidate(usable_key(stem + DATE_ENDING), MetadataType.DATE, spot.expression, 55)


def _plain_leaf(spot: _Spot) -> Candidate | None:
    match spot.value:
        case bool():
            form = {"text": spot.expression, "translate": {"true": "Yes", "false": "No"}}
            return Candidate(spot.key, MetadataType.TEXT, form, 26)
        case int() | float() if abs(spot.value) <= 2**53:
            return Candidate(spot.key, MetadataType.NUMBER, {"number": spot.expression}, _number_weight(spot))
        case str() if spot.value.strip() and sound(spot.value):
            return _text(spot, spot.value.strip())
        case _:
            return None


def _number_weight(spot: _Spot) -> int:
    return 60 if _COUNTS.fullmatch(spot.words) else 30


def _text(spot: _Spot, text: str) -> Candidate | None:
    if is_url(text):
        return _address(spot, text)
    if _ISO.fullmatch(text):
        return _date(spot)
    if _UUID.fullmatch(text) or len(text) > MAX_TEXT:
        return None
    known = _TEXT_WEIGHTS.get(spot.words, 0)
    weight = known if known >= _ALSO_WITHIN or (known and spot.depth == 1) else 36 if len(text) <= 80 else 20
    if spot.words.endswith("_id") and spot.words not in _TEXT_WEIGHTS:
        weight = 22
    return Candidate(spot.key, MetadataType.TEXT, spot.expression, weight)


def _address(spot: _Spot, text: str) -> Candidate | None:
    """A picture, a link, or a link that is shown as what it leads to is called."""
    if len(text) > MAX_TEXT and not _title(spot):
        return None
    if _IMAGE.fullmatch(text) or _IMAGE_NAMES & set(words_of(spot.name)):
        return (
            Candidate(spot.key, MetadataType.IMAGE, {"image": spot.expression}, 46) if len(text) <= MAX_TEXT else None
        )
    if title := _title(spot):
        key = usable_key("_".join(word for word in words_of(spot.name) if word not in ("url", "uri", "href", "hosted")))
        return Candidate(key or "page", MetadataType.RICH_LINK, {"link": spot.expression, "title": title}, 68)
    return Candidate(spot.key, MetadataType.LINK, {"link": spot.expression}, 50)


def _title(spot: _Spot) -> str | None:
    """What an address may be shown as: the number or name beside it, where it is the address of that very thing."""
    if not _PAGES & set(words_of(spot.name)):
        return None
    beside = spot.around[0][1]
    name = next((name for name in ("number", "title", "name", "order_id") if isinstance(beside.get(name), str)), None)
    if name is None or is_private_value(beside[name]) or is_persons_name(name, spot.kind):
        return None
    return f"{spot.expression.rpartition('.')[0]}.{name}"

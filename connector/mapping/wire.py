"""What Intercom can tell of a value's type: the shape of the JSON and what the key says, nothing else.

Text, link and image are one and the same here: a JSON text, which Intercom shows by what is in it. A key keeps the
type that it was first sent with (https://developers.intercom.com/docs/references/rest-api/api.intercom.io/data-events);
what does not fit it is said in that type where that loses nothing, and else left out.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache

from connector.events import MetadataValue
from connector.mapping.metadata import MetadataType, key_type
from connector.mapping.text import MAX_TEXT, is_url

_LIKE_TEXT = (MetadataType.LINK, MetadataType.IMAGE)


def declared_type(kind: MetadataType) -> str:
    """A metadata type of the mapping language as Intercom sees it."""
    return MetadataType.TEXT.value if kind in _LIKE_TEXT else kind.value


def seen_type(key: str, value: MetadataValue) -> str:
    """The type that Intercom sees in `value` under `key`."""
    return _read_key(key)[1] or _shape(value)


@lru_cache(maxsize=4096)
def _read_key(key: str) -> tuple[str, str | None]:
    """The key as Intercom compares it, and the type that it alone says."""
    kind = key_type(key)
    return key.casefold(), None if kind is None else kind.value


_TEXT, _NUMBER = MetadataType.TEXT.value, MetadataType.NUMBER.value


_PLAIN: Mapping[type, str] = {str: _TEXT, int: _NUMBER, float: _NUMBER}


def _shape(value: MetadataValue) -> str:
    if isinstance(value, str):
        return _TEXT
    if isinstance(value, int | float):
        return _NUMBER
    return (MetadataType.MONEY if "amount" in value else MetadataType.RICH_LINK).value


@dataclass(frozen=True, slots=True)
class Kept:
    """Metadata that fits the frozen types; `drifted` are the keys that did not: (their type, the frozen one)."""

    metadata: Mapping[str, MetadataValue]
    drifted: Mapping[str, tuple[str, str]]


def fits(metadata: Mapping[str, MetadataValue], frozen: Mapping[str, str]) -> bool:
    """Whether every key is known and has its type: what is true of nearly everything, and quick to see."""
    for key, value in metadata.items():
        name, kind = _read_key(key)
        if frozen.get(name) != (kind or _PLAIN.get(type(value)) or _shape(value)):
            return False
    return True


def keep_types(metadata: Mapping[str, MetadataValue], frozen: Mapping[str, str]) -> Kept:
    """`metadata` without what would change a key's type. `frozen` are types by key in lower case."""
    kept: dict[str, MetadataValue] = {}
    drifted: dict[str, tuple[str, str]] = {}
    for key, value in metadata.items():
        there, here = frozen.get(key.casefold()), seen_type(key, value)
        if there is None or there == here:
            kept.setdefault(key, value)
            continue
        drifted[key] = (here, there)
        for other, said in _said_otherwise(key, value, there).items():
            if frozen.get(other.casefold(), type_ := seen_type(other, said)) == type_:
                kept.setdefault(other, said)
    return Kept(kept, drifted)


def _said_otherwise(key: str, value: MetadataValue, frozen: str) -> Mapping[str, MetadataValue]:
    """`value` in a form that fits `frozen`, or beside the key; nothing where there is none."""
    match value:
        case int() | float() if frozen == MetadataType.TEXT:
            return {key: str(value)}
        case str() if frozen == MetadataType.RICH_LINK and is_url(value):
            return {key: {"url": value, "value": value}}
        case {"url": str(url)} if frozen == MetadataType.TEXT and len(url) <= MAX_TEXT:
            return {key: url}
        case {"amount": int(hundredths), "currency": str(currency)}:
            units = hundredths // 100 if hundredths % 100 == 0 else hundredths / 100
            return {f"{key}_amount": units, f"{key}_currency": currency}
    return {}

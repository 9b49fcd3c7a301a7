"""A payload that notes what is looked at, and what is left of it when all else is cut away."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from connector.mapping.context import Json


class TracedDict(dict[str, Any]):
    """An object that notes which of its fields are read; `read` may be cleared."""

    def __init__(self, values: dict[str, Any]) -> None:
        super().__init__({key: traced(value) for key, value in values.items()})
        self.read: set[str] = set()

    def __getitem__(self, key: str) -> Json:
        self.read.add(key)
        return super().__getitem__(key)

    def get(self, key: str, default: Json = None) -> Json:
        """As a dictionary's, and noted."""
        self.read.add(key)
        return super().get(key, default)

    def values(self) -> Any:  # noqa: ANN401 - a view of any values
        """All of them, which are noted."""
        self.read.update(self)
        return super().values()


class TracedList(list[Any]):
    """A list that notes how far it is read."""

    def __init__(self, items: list[Any]) -> None:
        super().__init__(traced(item) for item in items)
        self.length = 0

    def __getitem__(self, index: Any) -> Json:  # noqa: ANN401 - an index or a slice
        self.length = max(self.length, index + 1) if isinstance(index, int) and index >= 0 else len(self)
        return super().__getitem__(index)

    def __iter__(self) -> Iterator[Any]:
        self.length = len(self)
        return super().__iter__()


def traced(value: Json) -> Json:
    """`value` as one that notes what is looked at."""
    match value:
        case dict():
            return TracedDict(value)
        case list():
            return TracedList(value)
        case _:
            return value


def looked_at(value: Json) -> Json:
    """What of a traced value was looked at, as plain values."""
    match value:
        case TracedDict():
            kept = {key: looked_at(dict.__getitem__(value, key)) for key in dict.keys(value) if key in value.read}
            return {key: child for key, child in kept.items() if child != {}}
        case TracedList():
            return [looked_at(list.__getitem__(value, index)) for index in range(value.length)]
        case _:
            return value

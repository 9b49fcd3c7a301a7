"""What one translation knows besides its payload, and the notes it takes."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

from jmespath.visitor import TreeInterpreter

from connector.events import MetadataValue

Json: TypeAlias = Any
"""A JSON value: text, number, boolean, None, list or dictionary of such."""

Names: TypeAlias = Callable[[str], str | None]
"""The cached name of a Stripe product, price or coupon, by its id; None where it is not known."""

Unit: TypeAlias = Literal["minor", "major"]
"""What a sender counts money in: cents (Stripe), or whole units such as 19.99 (Segment)."""

METADATA_KEYS = 10
"""How many keys of an event Intercom keeps, where its documents agree."""

MAX_NOTES = 50
"""Notes kept of one translation: a payload of a thousand odd values says the same after fifty."""

_NOTE_LENGTH = 200


@dataclass(frozen=True, slots=True)
class Options:
    """What a workspace decides about its events.

    `metadata_keys` is how many keys Intercom keeps (10, where its documents agree; 20 by its help centre);
    `time_zone` (IANA) and `language` (`en`, `de`, …) are for texts; `zero_decimal_money` is how yen and their like
    go: as hundredths like all money, or as a plain number and a currency.
    """

    metadata_keys: int = METADATA_KEYS
    time_zone: str = "UTC"
    language: str = "en"
    zero_decimal_money: Literal["hundredths", "fallback"] = "hundredths"


class Context:
    """Shared by all expressions of one translation. `received_at` is Unix seconds; `metadata` grows as it is found."""

    __slots__ = ("interpreter", "metadata", "names", "notes", "options", "payload", "received_at", "unit")

    def __init__(
        self, payload: Mapping[str, Any], received_at: int, names: Names, options: Options, unit: Unit
    ) -> None:
        self.payload = payload
        self.received_at = received_at
        self.names = names
        self.options = options
        self.unit = unit
        self.notes: list[str] = []
        self.metadata: dict[str, MetadataValue] = {}
        self.interpreter: TreeInterpreter | None = None

    def note(self, about: str, what: str) -> None:
        """Keep a sentence about `about` (a metadata key, `when`, …) for the one who asks later."""
        if len(self.notes) < MAX_NOTES:
            self.notes.append(f"{about}: {what}"[:_NOTE_LENGTH])

"""A mistake in a mapping file: where it stands, what is wrong, and what to write instead."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from difflib import get_close_matches

_LONGEST_TYPO = 100


@dataclass(frozen=True, slots=True)
class Mistake:
    """What is wrong and what to write instead; `offset` is where in its text, None for all of it."""

    what: str
    remedy: str
    offset: int | None = None


@dataclass(frozen=True, slots=True)
class Place:
    """A spot in a file; lines and columns count from 1."""

    file: str
    line: int
    column: int


@dataclass(frozen=True, slots=True, order=True)
class Problem:
    """One mistake at its place. A warning is worth reading, and the file is used all the same."""

    file: str
    line: int
    column: int
    what: str
    remedy: str
    warning: bool = False

    @classmethod
    def at(cls, place: Place, what: str, remedy: str, *, warning: bool = False) -> Problem:
        return cls(place.file, place.line, place.column, what, remedy, warning)

    def __str__(self) -> str:
        kind = "warning: " if self.warning else ""
        return f"{self.file}:{self.line}:{self.column}: {kind}{self.what}: {self.remedy}"


def did_you_mean(word: str, candidates: Iterable[str], likeness: float = 0.6) -> str | None:
    """The one of `candidates` that `word` was probably meant to be; `likeness` is 1 for equal words."""
    if len(word) > _LONGEST_TYPO:
        return None
    known = {candidate.casefold(): candidate for candidate in candidates}
    close = get_close_matches(word.casefold(), known, n=1, cutoff=likeness)
    return known[close[0]] if close else None


def listing(words: Iterable[str]) -> str:
    """Words as a sentence names them: `a`, `b`, `c`."""
    return ", ".join(f"`{word}`" for word in words)

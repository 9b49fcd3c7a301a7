"""A mapping file that somebody writes in the console: checked, laid over the set in use, and tried on stored events.

Nothing here changes anything. What it says is what `connector mappings check`, `diff` and `deploy` say.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from connector import strict_json
from connector.catalogues.built import Built, build
from connector.catalogues.changed import Change, changes
from connector.catalogues.mapping_set import MOST_BYTES, MappingSet
from connector.database.engine import Database
from connector.errors import UsageError
from connector.inbox import coverage, store
from connector.inbox.store import ReceivedEvent
from connector.mapping.context import Options
from connector.mapping.difference import Comparison, Difference
from connector.mapping.entry import Entry
from connector.mapping.excerpt import excerpt
from connector.mapping.problem import Problem
from connector.mapping.proposal import propose, proposed_name
from connector.mapping.review import Checks
from connector.mapping_files import shipped_folder
from connector.outbox.preview import preview

NEW_FILE = "console.yaml"
"""Where an entry goes that is added here."""
LOOKED_AT, SHOWN = 500, 20
EXAMPLE = """version: 1
source: segment
contact: {user_id: userId}
events:
  - trigger: track Class Booked
    name: booked-class
    metadata: {seats: {number: properties.seats}}"""
"""What an empty editor shows in grey."""
MOST_KEYS = 10
_NAME = re.compile(r"[\w][\w./-]{0,120}\.ya?ml")


@dataclass(frozen=True, slots=True)
class Tried:
    """What would become otherwise of the newest stored events; `examples` are the first."""

    looked_at: int
    found: int
    examples: tuple[tuple[ReceivedEvent, Difference], ...]


@dataclass(frozen=True, slots=True)
class Draft:
    """A file as it would be; `problems` concern it, `built` is the whole set with it."""

    name: str
    text: str
    built: Built
    problems: tuple[Problem, ...]
    changes: tuple[Change, ...]

    @property
    def ok(self) -> bool:
        return all(problem.warning for problem in self.problems)


def draft(before: Built, name: str, text: str, *, metadata_keys: int) -> Draft:
    """`text` in the place of the file `name` of the set in use. Raises UsageError. Takes a while."""
    if not _NAME.fullmatch(name) or ".." in name:
        raise UsageError("a file's name is like mine.yaml or stripe/mine.yaml")
    text = text.replace("\r\n", "\n")
    documents = {**before.set.documents, name: text}
    if not text.strip():
        del documents[name]
    if sum(len(each) for each in documents.values()) > MOST_BYTES:
        raise UsageError(f"the mapping files are larger than {MOST_BYTES // 1024:,} KiB together")
    built = build(MappingSet(documents), Checks(metadata_keys, thorough=True))
    return Draft(name, text, built, built.problems, tuple(changes(before.catalog, built.catalog)))


async def tried(database: Database, before: Built, after: Built, workspace_id: int, options: Options) -> Tried:
    """What the newest stored events would become otherwise."""
    comparison = Comparison(before.catalog, after.catalog)
    looked_at = found = 0
    examples: list[tuple[ReceivedEvent, Difference]] = []
    async for part in preview(database, comparison, workspace_id, last=LOOKED_AT, options=options):
        looked_at += part.looked_at
        found += len(part.differences)
        examples += part.differences[: SHOWN - len(examples)]
    return Tried(looked_at, found, tuple(examples))


async def proposed(database: Database, workspace_id: int, source: str, event_type: str) -> str:
    """An entry for a type, from the newest event of it that nobody mapped; as `connector mappings new` writes it."""
    key = await database.read(coverage.newest, workspace_id, source, event_type)
    stored = await database.read(store.find, workspace_id, key) if key else None
    payload: Mapping[str, Any] | None = None
    if stored is not None and stored[1] is not None:
        try:
            payload = strict_json.parse_object(stored[1])
        except strict_json.NotJson:
            payload = None
    name = proposed_name(source, event_type)
    return propose(source, event_type, payload, limit=MOST_KEYS, name=name, taken={}).text()


def copied(entry: Entry) -> str:
    """A shipped entry as it is written, to be changed: under its id it takes the shipped one's place. Reads its file.

    Raises UsageError where it is none of those.
    """
    file = Path(entry.place.file)
    if not file.is_relative_to(shipped_folder()):
        raise UsageError("that entry is not of the shipped catalogue: change it in its own file")
    return excerpt(file.read_text("utf-8"), entry.place.line, entry.id)


def appended(before: str, text: str) -> str:
    """A document behind those that are in a file."""
    return f"{before.rstrip()}\n---\n{text}" if before.strip() else text

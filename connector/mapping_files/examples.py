"""The examples in mapping files, run: their payloads are read from disk, comparing is `connector.mapping.example`'s."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

from connector import strict_json
from connector.mapping.context import Options
from connector.mapping.document import Example
from connector.mapping.entry import Entry
from connector.mapping.example import Ran, run
from connector.mapping_files.folders import Loaded


def run_examples(loaded: Loaded, entries: Iterable[Entry] | None = None, options: Options | None = None) -> list[Ran]:
    """The examples of `entries` (all of them, unless told), on or off, in order."""
    chosen = loaded.catalog.entries if entries is None else entries
    return [
        _run(entry, example, loaded.folders, options or Options()) for entry in chosen for example in entry.examples
    ]


def _run(entry: Entry, example: Example, folders: Sequence[Path], options: Options) -> Ran:
    if example.payload is not None:
        return run(entry, example, example.payload, options)
    name = example.file or ""
    path = payload_file(entry, name, folders)
    if path is None:
        return Ran(entry, entry.place, name, None, (f"there is no file {name}",))
    try:
        payload = strict_json.parse_object(path.read_bytes())
    except strict_json.NotJson as error:
        return Ran(entry, entry.place, name, None, (f"{name} is no event: {error}",))
    return run(entry, example, payload, options)


def payload_file(entry: Entry, name: str, folders: Sequence[Path]) -> Path | None:
    """Where the payload `name` is: beside the entry's file, or at the top of its catalogue."""
    home = Path(entry.place.file)
    roots = [home.parent, *(folder for folder in folders if folder in home.parents)]
    return next((root / name for root in roots if (root / name).is_file()), None)

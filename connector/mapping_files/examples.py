"""The examples in mapping files, run: their payloads are read from disk, comparing is `connector.mapping.example`'s."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

from connector import strict_json
from connector.mapping.context import Options
from connector.mapping.entry import Entry
from connector.mapping.example import Ran, run, unread
from connector.mapping_files.folders import Loaded


def run_examples(loaded: Loaded, entries: Iterable[Entry] | None = None, options: Options | None = None) -> list[Ran]:
    """The examples of `entries` (all of them, unless told), on or off, in order."""
    chosen = loaded.catalog.entries if entries is None else entries
    return [
        _run(entry, number, loaded.folders, options or Options())
        for entry in chosen
        for number in range(len(entry.examples))
    ]


def _run(entry: Entry, number: int, folders: Sequence[Path], options: Options) -> Ran:
    example, place = entry.examples[number], entry.example_place(number)
    if example.payload is not None:
        return run(entry, example, example.payload, options, place)
    path = payload_file(entry, name := example.file or "", folders)
    if path is None:
        return unread(entry, example, f"there is no file {name}", place)
    try:
        payload = strict_json.parse_object(path.read_bytes())
    except strict_json.NotJson as error:
        return unread(entry, example, f"{name} is no event: {error}", place)
    return run(entry, example, payload, options, place)


def payload_file(entry: Entry, name: str, folders: Sequence[Path]) -> Path | None:
    """Where the payload `name` is: beside the entry's file, or at the top of its catalogue."""
    home = Path(entry.place.file)
    roots = [home.parent, *(folder for folder in folders if folder in home.parents)]
    return next((root / name for root in roots if (root / name).is_file()), None)

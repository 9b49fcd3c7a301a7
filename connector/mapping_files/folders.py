"""Folders of mapping files → a catalogue, each folder laid over those before it."""

from __future__ import annotations

import gc
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from connector.errors import UsageError
from connector.mapping.assembly import assemble
from connector.mapping.catalog import Catalog
from connector.mapping.context import METADATA_KEYS
from connector.mapping.problem import Problem
from connector.mapping.reading import Read, read_document
from connector.mapping.review import Checks
from connector.mapping_files.yaml_nodes import MAX_FILE, read_nodes

_SUFFIXES = (".yaml", ".yml")


@dataclass(frozen=True, slots=True)
class Loaded:
    """The entries of some folders. Where `ok` is false there are errors, and `catalog` lacks what they stand in."""

    catalog: Catalog
    problems: tuple[Problem, ...]
    folders: tuple[Path, ...]

    @property
    def ok(self) -> bool:
        return all(problem.warning for problem in self.problems)


def shipped_folder() -> Path:
    """The catalogue that comes with the package: inside the wheel, or beside the package in a checkout."""
    package = Path(__file__).parent.parent
    inside = package / "mappings"
    return inside if inside.is_dir() else package.parent / "mappings"


def load(folders: Sequence[Path], checks: Checks | None = None, *, over: tuple[str, str] | None = None) -> Loaded:
    """The files of `folders`, each folder laid over those before it by entry id. Raises UsageError for no folder.

    `over` is (name, text) of a file that is not there yet, laid over them all.
    """
    with _without_collecting():
        return _loaded(folders, checks, over)


@contextmanager
def _without_collecting() -> Iterator[None]:
    """Loading makes hundreds of thousands of values and no garbage: looking for some is a third of the time."""
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()


def _loaded(folders: Sequence[Path], checks: Checks | None, over: tuple[str, str] | None) -> Loaded:
    layers: list[list[Read]] = []
    for folder in folders:
        if not folder.is_dir():
            raise UsageError(f"{folder} is no folder" if folder.exists() else f"there is no folder {folder}")
        layers.append([read for path in mapping_files(folder) for read in read_file(path, checks)])
    if over is not None:
        layers.append(read_text(over[0], over[1].encode("utf-8", "surrogatepass"), checks))
    catalog, problems = assemble(layers)
    problems += [problem for layer in layers for read in layer for problem in read.problems]
    return Loaded(catalog, tuple(sorted(problems)), tuple(folders))


def check(folders: Sequence[Path], metadata_keys: int = METADATA_KEYS) -> Loaded:
    """As `load`, and names and event types are looked up in books: for authors, not for a running service."""
    return load(folders, Checks(metadata_keys, thorough=True))


def mapping_files(folder: Path) -> list[Path]:
    """The mapping files below `folder`, by name; hidden ones are passed over."""
    found = (path for path in folder.rglob("*") if path.suffix in _SUFFIXES and path.is_file())
    return sorted(path for path in found if not any(part.startswith(".") for part in path.relative_to(folder).parts))


def read_file(path: Path, checks: Checks | None = None) -> list[Read]:
    """The documents of one file, and one without entries for what cannot be read as YAML."""
    try:
        with path.open("rb") as file:
            body = file.read(MAX_FILE + 1)
    except OSError as error:
        remedy = f"make it readable: {error.strerror}"
        return [Read(problems=[Problem(str(path), 1, 1, "a file that cannot be read", remedy)])]
    return read_text(str(path), body, checks)


def read_text(file: str, body: bytes, checks: Checks | None = None) -> list[Read]:
    """As `read_file`, of a file whose bytes are known."""
    roots, problems = read_nodes(file, body)
    reads = [read_document(file, root, checks or Checks()) for root in roots]
    return [*reads, Read(problems=problems)] if problems else reads

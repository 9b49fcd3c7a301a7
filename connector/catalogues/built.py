"""A mapping set over the shipped catalogue of this version: the entries it makes, and every problem with its place."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from pathlib import Path

from connector.catalogues.mapping_set import SHIPPED_ALONE, MappingSet
from connector.mapping.assembly import assemble
from connector.mapping.catalog import Catalog
from connector.mapping.problem import Problem
from connector.mapping.reading import Read
from connector.mapping.review import Checks
from connector.mapping_files import mapping_files, read_text, shipped_folder

Layer = Sequence[Read]


@dataclass(frozen=True)
class Built:
    """`layers` are the shipped documents and the set's, for laying more over them. With `ok` false it is not used."""

    set: MappingSet
    catalog: Catalog
    problems: tuple[Problem, ...]
    layers: tuple[Layer, ...]
    families: Mapping[str, str]
    """The family of each entry, by its id: the file it was first written in, such as `stripe/invoices`."""

    @property
    def ok(self) -> bool:
        return all(problem.warning for problem in self.problems)

    @property
    def mistakes(self) -> list[Problem]:
        """The problems that are more than warnings."""
        return [problem for problem in self.problems if not problem.warning]

    @cached_property
    def shipped_digest(self) -> str:
        """Of the shipped catalogue alone."""
        return build(SHIPPED_ALONE, Checks()).catalog.digest


def build(mapping_set: MappingSet, checks: Checks, *, where: Path | None = None) -> Built:
    """`mapping_set` over the shipped catalogue; `where` is the folder that its problems are to name."""
    shipped = _shipped(checks)
    own = {name: _read(name, text, checks, where) for name, text in mapping_set.documents.items()}
    layers = (
        [read for reads in shipped.values() for read in reads],
        [read for reads in own.values() for read in reads],
    )
    catalog, problems = assemble(layers)
    problems += [problem for layer in layers for read in layer for problem in read.problems]
    return Built(mapping_set, catalog, tuple(sorted(problems)), layers, {**_families(own), **_families(shipped)})


def _read(name: str, text: str, checks: Checks, where: Path | None) -> list[Read]:
    return read_text(str(where / name) if where else name, text.encode("utf-8", "surrogateescape"), checks)


@lru_cache(maxsize=4)
def _shipped(checks: Checks) -> Mapping[str, list[Read]]:
    """The shipped files by their path, read once in the life of a process: an upgrade is a new process."""
    folder = shipped_folder()
    return {
        path.relative_to(folder).as_posix(): read_text(str(path), path.read_bytes(), checks)
        for path in mapping_files(folder)
    }


def _families(files: Mapping[str, list[Read]]) -> dict[str, str]:
    return {
        entry.id: name.rpartition(".")[0] for name, reads in files.items() for read in reads for entry in read.entries
    }

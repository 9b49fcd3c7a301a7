"""A mapping set: the operator's own files as texts, known by their digest. The shipped catalogue is no part of it.

So two versions of the connector that run at the same time, each with a catalogue of its own, follow the same set.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from hashlib import blake2b
from pathlib import Path

from connector.errors import UsageError
from connector.mapping_files import mapping_files

MOST_BYTES = 2 * 1024 * 1024
"""Of all files of a set together. Two thousand rules need a quarter of it."""
MOST_FILES = 500


@dataclass(frozen=True)
class MappingSet:
    """`documents` are YAML by the file's path below its folder, with `/` between its parts."""

    documents: Mapping[str, str] = field(default_factory=dict)

    @cached_property
    def digest(self) -> str:
        """32 hexadecimal digits, equal for equal files."""
        return blake2b(self.as_json().encode("utf-8", "surrogateescape"), digest_size=16).hexdigest()

    def as_json(self) -> str:
        """As it is stored."""
        return json.dumps(dict(sorted(self.documents.items())), ensure_ascii=False)

    @classmethod
    def from_json(cls, text: str) -> MappingSet:
        """What was stored."""
        return cls(json.loads(text))

    @classmethod
    def of_folder(cls, folder: Path) -> MappingSet:
        """The mapping files below `folder`. Raises UsageError for no folder, for what cannot be read, or too much.

        Bytes that are no UTF-8 are kept as they are, for whoever reads the YAML to say where they stand.
        """
        if not folder.is_dir():
            raise UsageError(f"there is no folder {folder}")
        paths = mapping_files(folder)
        if len(paths) > MOST_FILES:
            raise UsageError(f"{folder} holds {len(paths)} mapping files; a set has at most {MOST_FILES}")
        documents, size = {}, 0
        for path in paths:
            body = _body(path, MOST_BYTES - size + 1)
            size += len(body)
            if size > MOST_BYTES:
                raise UsageError(f"the mapping files in {folder} are larger than {MOST_BYTES // 1024:,} KiB together")
            documents[path.relative_to(folder).as_posix()] = body.decode("utf-8", "surrogateescape")
        return cls(documents)


def _body(path: Path, most: int) -> bytes:
    try:
        with path.open("rb") as file:
            return file.read(most)
    except OSError as error:
        raise UsageError(f"{path} cannot be read: {error.strerror}") from None


SHIPPED_ALONE = MappingSet()
"""No file of the operator's own: what runs before anything is deployed."""

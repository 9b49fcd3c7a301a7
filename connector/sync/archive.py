"""Segment's history in files: one message a line, plain or gzip, as Segment's own archive holds it.

https://segment.com/docs/connections/storage/catalog/aws-s3/: gzipped JSON, a line for each message as it was sent on.
"""

from __future__ import annotations

import gzip
from collections.abc import Iterator
from dataclasses import dataclass
from io import BufferedReader
from pathlib import Path

from connector.errors import UsageError
from connector.events import ReceivedState, SourceEvent, Trust
from connector.inbox.sources import segment

LONGEST_LINE = 1024 * 1024
GZIP = b"\x1f\x8b"


@dataclass(frozen=True, slots=True)
class Line:
    """One line: where the next begins (bytes of the unpacked file), and its message, None where it holds none."""

    file: str
    end: int
    event: SourceEvent | None


def files(path: Path) -> list[Path]:
    """The file, or all files of the folder in the order of their names. Raises UsageError."""
    if not path.exists():
        raise UsageError(f"there is no {path}")
    found = sorted(each for each in path.rglob("*") if each.is_file()) if path.is_dir() else [path]
    if not found:
        raise UsageError(f"there is no file in {path}")
    return found


def lines(path: Path, *, start: int = 0) -> Iterator[Line]:
    """The lines of a file from byte `start` on. A line that is too long, or no message, is passed over and told."""
    with _opened(path) as stream:
        stream.seek(start)
        place = start
        while line := stream.readline(LONGEST_LINE + 1):
            place += len(line)
            whole = line.endswith(b"\n") or len(line) <= LONGEST_LINE
            while not line.endswith(b"\n") and (more := stream.readline(LONGEST_LINE)):
                line, place = more, place + len(more)
            if whole and not line.strip():
                continue
            yield Line(str(path), place, _message(line.strip()) if whole else None)


def _message(line: bytes) -> SourceEvent | None:
    event = segment.message(line, Trust.SIGNED)
    return None if event.state is ReceivedState.UNPARSEABLE else event


def _opened(path: Path) -> gzip.GzipFile | BufferedReader:
    with path.open("rb") as stream:
        packed = stream.read(2) == GZIP
    return gzip.open(path, "rb") if packed else path.open("rb")

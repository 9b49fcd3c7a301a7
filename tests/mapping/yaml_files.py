"""The mapping files under valid/ and invalid/: a new case is a new file there, and no code."""

from __future__ import annotations

from pathlib import Path

VALID = sorted((Path(__file__).parent / "valid").glob("*.yaml"))
INVALID = sorted((Path(__file__).parent / "invalid").glob("*.yaml"))


def alone(path: Path, folder: Path) -> Path:
    """A catalogue of this one file."""
    (folder / path.name).write_bytes(path.read_bytes())
    return folder

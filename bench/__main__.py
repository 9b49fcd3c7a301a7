"""`make bench`: every figure, one after the other; `python -m bench ingest` runs a part."""

from __future__ import annotations

import importlib
import subprocess
import sys

PARTS = (
    *("translate", "ingest", "idle", "client", "deliver", "map"),
    *("queue", "pipeline", "growth", "fairness", "backfill"),
)


def main(parts: list[str]) -> None:
    for part in parts:
        importlib.import_module(f"bench.{part}")  # a misspelt name fails before anything has run
    for part in parts:
        print(f"── {part} {'─' * (70 - len(part))}", flush=True)
        subprocess.run([sys.executable, "-m", f"bench.{part}"], check=True)


if __name__ == "__main__":
    main(sys.argv[1:] or list(PARTS))

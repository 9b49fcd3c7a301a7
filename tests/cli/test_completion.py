"""Tab completion: what a shell is told, and that asking breaks and makes nothing."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.cli.conftest import Cli


def completed(typed: str, folder: Path) -> list[str]:
    """What bash is offered behind `typed`."""
    count = len(typed.split(" ")) - 1
    environment = {"COMP_WORDS": typed, "COMP_CWORD": str(count), "_CONNECTOR_COMPLETE": "complete_bash", "PATH": ""}
    done = subprocess.run(
        [sys.executable, "-m", "connector"], env=environment, cwd=folder, capture_output=True, text=True, check=False
    )
    assert done.stderr == ""
    return done.stdout.split()


@pytest.mark.parametrize(
    ("typed", "offered"),
    [
        ("connector mapp", "mappings"),
        ("connector mappings cov", "coverage"),
        ("connector mappings show paid-in", "paid-invoice"),
        ("connector mappings new seg", "segment"),
        ("connector mappings new stripe invoice.payment_f", "invoice.payment_failed"),
        ("connector events list --state unm", "unmapped"),
        ("connector events list --source seg", "segment"),
    ],
)
def test_what_was_begun_is_completed(typed: str, offered: str, tmp_path: Path) -> None:
    assert completed(typed, tmp_path) == [offered]
    assert list(tmp_path.iterdir()) == []


def test_workspaces_are_completed_where_there_are_some(cli: Cli, acme: str, tmp_path: Path) -> None:
    assert completed("connector mappings coverage --workspace a", tmp_path) == ["acme"]


def test_without_a_database_no_workspace_is_offered_and_none_is_made(tmp_path: Path) -> None:
    assert completed("connector workspaces show a", tmp_path) == []
    assert list(tmp_path.iterdir()) == []

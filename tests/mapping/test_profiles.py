"""The folders of docs/moving.md: right, and doing what the page says, over the shipped catalogue."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from connector.mapping_files import check, run_examples, shipped_folder

DOCS = Path(__file__).parents[2] / "docs"
PROFILES = sorted(path for path in (DOCS / "profiles").iterdir() if path.is_dir())


@pytest.mark.parametrize("folder", PROFILES, ids=lambda path: path.name)
def test_a_profile_passes_check_and_its_examples(folder: Path):
    loaded = check([shipped_folder(), folder])
    assert [str(problem) for problem in loaded.problems if str(folder) in problem.file] == []
    own = [entry for entry in loaded.catalog.entries if str(folder) in entry.place.file]
    ran = run_examples(loaded, own)
    assert len(ran) >= len(own) > 0
    assert [one.differences for one in ran if not one.ok] == []


def test_every_profile_is_on_the_page_and_every_one_of_the_page_is_there():
    page = (DOCS / "moving.md").read_text("utf-8")
    assert set(re.findall(r"\(profiles/([a-z-]+)/", page)) == {folder.name for folder in PROFILES}

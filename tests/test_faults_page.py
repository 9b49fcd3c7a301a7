"""docs/faults.md: every case of the catalogue has its line, and every test that a line names is there."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PAGE = (ROOT / "docs" / "faults.md").read_text()
CASES = {int(line[1]): line[0] for line in re.finditer(r"^\| (\d+) \|.*$", PAGE, re.MULTILINE)}
NAMED = sorted(set(re.findall(r"`(tests/[^`]+\.py)::(test_\w+)`", PAGE)))


def test_every_case_has_its_line():
    assert sorted(CASES) == list(range(1, 92))


@pytest.mark.parametrize(("file", "name"), NAMED, ids=[name for _, name in NAMED])
def test_the_test_that_a_line_names_is_there(file: str, name: str):
    assert re.search(rf"^(async )?def {name}\(", (ROOT / file).read_text(), re.MULTILINE)


@pytest.mark.parametrize("case", sorted(CASES))
def test_a_line_names_a_test_or_says_why_there_is_none(case: int):
    last = CASES[case].rstrip(" |").rpartition("| ")[2]
    assert "`tests/" in last or last == "the same" or len(last.split()) >= 4, CASES[case]

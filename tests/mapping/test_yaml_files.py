"""Whole mapping files: the valid ones work as their examples say, the invalid ones say what is wrong with them."""

from __future__ import annotations

from pathlib import Path

import jsonschema
import pytest

from connector.mapping.problem import Problem
from connector.mapping.schema import json_schema
from connector.mapping.syntax import plain
from connector.mapping_files import check, run_examples
from connector.mapping_files.yaml_nodes import read_nodes

from .yaml_files import INVALID, VALID, alone

EXPECTED = b"#! "
SCHEMA = jsonschema.Draft202012Validator(json_schema())


def name(path: Path) -> str:
    return path.stem


@pytest.mark.parametrize("path", VALID, ids=name)
def test_a_valid_file_has_no_problems_and_does_what_its_examples_say(path: Path, tmp_path: Path):
    loaded = check([alone(path, tmp_path)])
    assert [str(problem) for problem in loaded.problems] == []
    ran = run_examples(loaded)
    assert [(one.place.line, one.payload, one.differences) for one in ran if not one.ok] == []


@pytest.mark.parametrize("path", VALID, ids=name)
def test_an_editor_that_follows_the_schema_accepts_what_check_accepts(path: Path):
    roots, _problems = read_nodes(path.name, path.read_bytes())
    for document in (plain(root) for root in roots if root.value is not None):
        SCHEMA.validate(document)


@pytest.mark.filterwarnings("ignore:deprecated string literal syntax")
@pytest.mark.parametrize("path", INVALID, ids=name)
def test_every_mistake_is_told_at_its_place_with_what_to_write_instead(path: Path, tmp_path: Path):
    expected = [line.decode() for line in path.read_bytes().splitlines() if line.startswith(EXPECTED)]
    found = check([alone(path, tmp_path)]).problems
    assert [as_in_the_header(problem, tmp_path) for problem in found] == expected


def as_in_the_header(problem: Problem, folder: Path) -> str:
    kind = "warning " if problem.warning else ""
    line = f"#! {kind}{problem.line}:{problem.column} {problem.what} | {problem.remedy}"
    return line.replace(f"{folder}/", "")

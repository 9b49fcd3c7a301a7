"""Whole mapping files: the valid ones work as their examples say, the invalid ones say what is wrong with them."""

from __future__ import annotations

import json
import re
from pathlib import Path

import jsonschema
import pytest

from connector.mapping.problem import Problem
from connector.mapping.schema import json_schema
from connector.mapping.syntax import plain
from connector.mapping_files import check, run_examples, shipped_folder
from connector.mapping_files.yaml_nodes import read_nodes

from .yaml_files import INVALID, VALID, alone

EXPECTED = b"#! "
SCHEMA = jsonschema.Draft7Validator(json_schema())
BEYOND_A_SCHEMA = re.compile(
    r"(expression|ids|link|name|switch|template|trigger|types|yaml)-.*|contact-missing|vars-in-a-circle"
    r"|key-(clashes-with-money|of-a-date|of-stripe-data|twice-for-intercom)|metadata-(more-than-ten|too-many)-keys"
)
"""Mistakes of a kind that only `check` can tell: what an expression means, English, other entries, numbers of keys."""


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


@pytest.mark.parametrize("path", sorted(shipped_folder().rglob("*.yaml")), ids=name)
def test_an_editor_that_follows_the_schema_accepts_the_shipped_files(path: Path):
    roots, _problems = read_nodes(path.name, path.read_bytes())
    for document in (plain(root) for root in roots if root.value is not None):
        SCHEMA.validate(document)


@pytest.mark.parametrize("path", [path for path in INVALID if not BEYOND_A_SCHEMA.fullmatch(path.stem)], ids=name)
def test_an_editor_that_follows_the_schema_marks_what_is_wrong_with_a_files_form(path: Path):
    roots, problems = read_nodes(path.name, path.read_bytes())
    documents = [plain(root) for root in roots if root.value is not None]
    assert problems or not all(SCHEMA.is_valid(document) for document in documents)


def test_the_committed_schema_is_that_of_the_models():
    """`connector mappings schema > mappings/schema.json` writes it anew."""
    committed = json.loads((shipped_folder() / "schema.json").read_text("utf-8"))
    assert committed == json_schema()


def test_every_key_of_the_schema_explains_itself():
    for model in json_schema()["definitions"].values():
        for key, schema in model.get("properties", {}).items():
            assert schema.get("description"), key


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

"""docs/mappings.md: its examples work, and nothing of the format is missing from it."""

from __future__ import annotations

import re
import textwrap
from pathlib import Path

import pytest

from connector.events import IdentifierKind
from connector.mapping.document import Defaults, Document, Event, Example, Gives
from connector.mapping.forms import FORMS
from connector.mapping.functions import FUNCTIONS
from connector.mapping.metadata import MetadataType
from connector.mapping.reference import reference
from connector.mapping_files import check, run_examples, shipped_folder

GUIDE = (Path(__file__).parents[2] / "docs" / "mappings.md").read_text(encoding="utf-8")
BLOCKS = [textwrap.dedent(block) for block in re.findall(r"```yaml\n(.*?)```", GUIDE, re.DOTALL)]
MODELS = (Document, Event, Defaults, Example, Gives, *FORMS.values())


@pytest.mark.parametrize("block", BLOCKS, ids=range(len(BLOCKS)))
def test_an_example_of_the_guide_is_right_and_does_what_it_says(block: str, tmp_path: Path):
    (tmp_path / "guide.yaml").write_text(block, encoding="utf-8")
    loaded = check([shipped_folder(), tmp_path] if "enabled:" in block else [tmp_path])
    assert [str(problem) for problem in loaded.problems if str(tmp_path) in problem.file] == []
    assert [one.differences for one in run_examples(loaded) if not one.ok] == []


def test_the_guide_has_examples():
    assert len(BLOCKS) >= 5


@pytest.mark.parametrize(
    "key", sorted({field.alias or name for model in MODELS for name, field in model.model_fields.items()})
)
def test_every_key_of_the_format_is_in_the_guide(key: str):
    assert re.search(rf"\b{key}\b:?", GUIDE)


@pytest.mark.parametrize("kind", MetadataType)
def test_every_metadata_type_is_in_the_guides_table(kind: MetadataType):
    assert re.search(rf"^\| {kind.value}", GUIDE, re.MULTILINE)


@pytest.mark.parametrize("kind", IdentifierKind)
def test_every_way_to_name_a_contact_is_in_the_guide(kind: IdentifierKind):
    assert f"`{kind.value}`" in GUIDE


@pytest.mark.parametrize("name", FUNCTIONS)
def test_every_function_is_in_the_guide_in_its_own_words(name: str):
    function = FUNCTIONS[name]
    assert f"| `{function.signature}` | {function.about} |" in GUIDE


def test_the_reference_is_that_of_the_models():
    """`python docs/reference.py` writes it anew."""
    assert f"\n{reference()}\n<!-- end of reference -->" in GUIDE

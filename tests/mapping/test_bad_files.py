"""No file, however wrong or hostile, that breaks the reader, makes it hang, or fills a screen."""

from __future__ import annotations

import time
from pathlib import Path

import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from connector.mapping.reading import read_document
from connector.mapping.review import Checks
from connector.mapping.syntax import Node, plain
from connector.mapping_files import Loaded, load, yaml_nodes
from connector.mapping_files.folders import read_file

from .yaml_files import VALID

HEAD = "version: 1\nsource: stripe\ncontact: {email: data.object.email}\nevents:\n"
PAID = HEAD + "  - trigger: invoice.paid\n    name: paid-invoice\n    metadata:\n      plan: data.object.plan\n"


def timed(text: str, tmp_path: Path) -> Loaded:
    (tmp_path / "a.yaml").write_text(text, encoding="utf-8")
    begin = time.process_time()
    loaded = load([tmp_path])
    assert time.process_time() - begin < 10
    return loaded


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("a: " + "[" * 100_000, id="brackets"),
        pytest.param("a: " + "{a: " * 50_000, id="braces"),
        pytest.param("- " * 100_000, id="lists in lists"),
        pytest.param("".join(f"a{n}: &a{n} [*a{n - 1}, *a{n - 1}]\n" for n in range(1, 5000)), id="aliases"),
        pytest.param("".join(f"k{n}: 1\n" for n in range(20_000)), id="unknown keys"),
        pytest.param("k: 1\n" * 40_000, id="one key for ever"),
        pytest.param("? " * 60_000, id="keys of keys"),
        pytest.param("a: !!x " * 10_000, id="tags"),
        pytest.param("---\n" * 60_000, id="documents"),
        pytest.param("a: '" + "x" * 250_000, id="a text without end"),
        pytest.param("#" * 250_000, id="a remark"),
        pytest.param(HEAD + "  - {}\n" * 30_000, id="empty events"),
        pytest.param(PAID + "".join(f"      k{n}: data.x{n} = {n}\n" for n in range(9_000)), id="bad expressions"),
        pytest.param(
            HEAD + "  - trigger: invoice.paid\n    name: paid-invoice\n    metadata:\n"
            + "".join(f"      k{n}: data.object.x{n} || data.object.y{n}\n" for n in range(5_000)), id="many keys"),
        pytest.param(
            HEAD + "  - trigger: invoice.paid\n    name: paid-invoice\n    vars:\n"
            + "".join(f"      v{n}: vars.v{n + 1}\n" for n in range(9_000)), id="a chain of vars"),
    ],
)  # fmt: skip
def test_a_file_made_to_hang_is_a_problem_in_good_time(text: str, tmp_path: Path):
    loaded = timed(text[: yaml_nodes.MAX_FILE], tmp_path)
    assert not loaded.ok or "#" in text or "---" in text
    assert len(loaded.problems) <= 102


def test_a_file_beyond_the_limit_is_not_read(tmp_path: Path):
    loaded = timed("# " + "x" * yaml_nodes.MAX_FILE, tmp_path)
    assert [problem.what for problem in loaded.problems] == ["a file of more than 256 KiB"]


def test_a_file_that_cannot_be_read_is_a_problem(tmp_path: Path):
    (tmp_path / "a.yaml").symlink_to(tmp_path)
    (tmp_path / "b.yaml").write_text(PAID)
    assert load([tmp_path]).ok
    problems = [problem for read in read_file(tmp_path) for problem in read.problems]
    assert [problem.what for problem in problems] == ["a file that cannot be read"]


TEXTS = [path.read_text(encoding="utf-8") for path in VALID]
BITS = st.sampled_from(
    [
        "\n", "  ", "\t", ":", "- ", "{", "}", "[", "]", "'", '"', "`", "&a ", "*a", "!", "|", ">", "#", "null", "\x00",
        "\ufeff", "\u2028", "name: ", "<<: ", "&&", "(", "metadata:\n", "---\n", "7", "true",
    ]
)  # fmt: skip


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.sampled_from(TEXTS), st.lists(st.tuples(st.floats(0, 1), st.integers(0, 30), BITS), min_size=1, max_size=4))
def test_a_file_that_was_mangled_gives_problems_and_nothing_worse(text: str, edits: list[tuple[float, int, str]]):
    for where, cut, bit in edits:
        at = int(where * len(text))
        text = text[:at] + bit + text[at + cut :]
    roots, problems = yaml_nodes.read_nodes("a.yaml", text.encode("utf-8", "surrogatepass"))
    for root in roots:
        problems = [*problems, *read(root)]
    assert all(problem.line >= 1 and problem.column >= 1 and problem.remedy for problem in problems)


@settings(max_examples=200, deadline=None)
@given(st.binary(max_size=200))
def test_any_bytes_at_all_give_problems_and_nothing_worse(body: bytes):
    roots, _problems = yaml_nodes.read_nodes("a.yaml", body)
    for root in roots:
        read(root)


def read(root: Node) -> list[object]:
    return list(read_document("a.yaml", root, Checks(thorough=True)).problems)


def test_both_of_yamls_parsers_read_a_file_alike(monkeypatch: pytest.MonkeyPatch):
    for path in VALID:
        fast, _ = yaml_nodes.read_nodes(path.name, path.read_bytes())
        with monkeypatch.context() as patch:
            patch.setattr(yaml_nodes, "_Loader", yaml.SafeLoader)
            slow, problems = yaml_nodes.read_nodes(path.name, path.read_bytes())
        assert problems == []
        assert [plain(node) for node in slow] == [plain(node) for node in fast]

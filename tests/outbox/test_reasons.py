"""Every reason that the code can give has its sentence, and the documentation has them all."""

from __future__ import annotations

import ast
import itertools
from collections.abc import Iterator
from pathlib import Path

import pytest

from connector.events import ReceivedState
from connector.outbox import reasons
from connector.outbox.delivery import State

ROOT = Path(__file__).parents[2]
STAGES = ("outbox", "contacts", "inbox", "mapping")
GIVE_A_REASON = {"Dead", "Park", "StopName", "StopWorkspace", "Unresolved", "Skipped"}
"""What is made with a reason first."""
STATES = {state.name for state in (*State, *ReceivedState)}
NAMES = {"reason", "stopped_reason", "TOO_OLD"}


def _constants() -> dict[str, str]:
    """What the names of constants stand for, in all the stages."""
    trees = [ast.parse(path.read_text()) for stage in STAGES for path in (ROOT / "connector" / stage).rglob("*.py")]
    assigned = (node for tree in trees for node in tree.body if isinstance(node, ast.Assign))
    pairs = (pair for node in assigned for pair in _pairs(node.targets[0], node.value))
    return {name.id: value.value for name, value in pairs if isinstance(getattr(value, "value", None), str)}


def _pairs(target: ast.expr, value: ast.expr) -> Iterator[tuple[ast.expr, ast.expr]]:
    """Each name with what it is given, also in `A, B = "a", "b"`."""
    if isinstance(target, ast.Tuple) and isinstance(value, ast.Tuple):
        yield from zip(target.elts, value.elts, strict=True)
    elif isinstance(target, ast.Name):
        yield target, value


CONSTANTS = _constants()


def _text(node: ast.expr | None) -> Iterator[str]:
    if isinstance(node, ast.Name) and node.id in CONSTANTS:
        yield CONSTANTS[node.id]
    elif isinstance(node, ast.IfExp):
        yield from _text(node.body)
        yield from _text(node.orelse)
    elif isinstance(node, ast.Constant) and isinstance(node.value, str) and node.value:
        yield node.value


def _is_state(node: ast.expr) -> bool:
    node = node.value if isinstance(node, ast.Attribute) and node.attr == "value" else node
    return isinstance(node, ast.Attribute) and node.attr in STATES


def _given(tree: ast.AST) -> Iterator[str]:
    """Reasons as they stand in code: after a state, as `reason=`, or in what is made with one."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            called = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
            if called in GIVE_A_REASON and node.args:
                yield from _text(node.args[0])
            for keyword in node.keywords:
                if keyword.arg in NAMES:
                    yield from _text(keyword.value)
        if isinstance(node, ast.Tuple | ast.Call):
            parts = node.elts if isinstance(node, ast.Tuple) else node.args
            for state, reason in itertools.pairwise(parts):
                if _is_state(state):
                    yield from _text(reason)
        if isinstance(node, ast.Assign) and getattr(node.targets[0], "id", "") in NAMES:
            yield from _text(node.value)


def reasons_in_the_code() -> set[str]:
    files = (path for stage in STAGES for path in (ROOT / "connector" / stage).rglob("*.py"))
    return {reason for path in files for reason in _given(ast.parse(path.read_text()))}


def test_the_search_finds_the_reasons_that_it_is_to_find():
    assert {
        "watching",
        "too_old",
        "refused",
        "no_free_second",
        "name_stopped",
        "when",
        "wrong_mode",
        "told_already",
    } < (reasons_in_the_code())


@pytest.mark.parametrize("reason", sorted(reasons_in_the_code()))
def test_each_reason_in_the_code_has_its_sentence(reason: str):
    assert reason in reasons.DELIVERY_REASONS | reasons.EVENT_REASONS


def test_each_state_has_its_sentence():
    assert set(reasons.DELIVERY_STATES) == set(State)
    assert set(reasons.EVENT_STATES) == set(ReceivedState)


@pytest.mark.parametrize("meanings", [reasons.DELIVERY_REASONS, reasons.EVENT_REASONS])
def test_the_documentation_has_the_table(meanings: dict[str, reasons.Meaning]):
    assert reasons.as_table(meanings) in (ROOT / "docs" / "delivery.md").read_text()


def test_what_stands_still_for_a_reason_says_what_to_do():
    still = (State.HELD, State.DEAD, State.WAITING, State.PARKED)
    assert all(reasons.of_delivery(state, None).remedy for state in still)
    assert reasons.of_delivery(State.HELD, "too_old").what.startswith("It happened longer ago")
    assert reasons.of_delivery(State.DEAD, "of another version") == reasons.DELIVERY_STATES[State.DEAD]

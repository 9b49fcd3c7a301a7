"""The outcome table, whole: every row of it, from the answer on the wire to the step that is taken."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from connector.intercom.outcome import Answer, Outcome, read
from connector.outbox.retry import Again, Dead, History, HoldLane, Park, Step, StopName, StopWorkspace, decide

NOW = 1_763_687_761_000
DAY = 86_400_000
TABLE = yaml.safe_load((Path(__file__).parent / "outcomes.yaml").read_text("utf-8"))
CASES = [pytest.param(group, case, id=f"{group['row']} - {case['is']}") for group in TABLE for case in group["cases"]]


def answered(case: dict[str, Any]) -> Outcome:
    answer = dict(case["answer"])
    body = answer.pop("body", "").encode()
    return read(Answer(answer.pop("status", None), body=body, **answer), now_ms=NOW)


def history(case: dict[str, Any]) -> History:
    past = dict(case.get("history", {}))
    days_ago, frozen_days = past.pop("first_attempt_days_ago", None), past.pop("frozen_days", 0)
    first = None if days_ago is None else NOW - int(days_ago * DAY)
    return History(first_attempt_ms=first, frozen_ms=frozen_days * DAY, **past)


def as_written(step: Step) -> dict[str, Any]:
    kind = {"kind": type(step).__name__}
    match step:
        case Again(due):
            return kind | {"due": due - NOW}
        case HoldLane(until):
            return kind | {"until": until - NOW}
        case Park(reason, wake):
            return kind | {"reason": reason, "wake": None if wake is None else wake - NOW}
        case Dead(reason) | StopWorkspace(reason) | StopName(reason):
            return kind | {"reason": reason}
    return kind


@pytest.mark.parametrize(("group", "case"), CASES)
def test_an_answer_means_what_the_table_says(group: dict[str, Any], case: dict[str, Any]):
    outcome = answered(case)
    expected = dict(case["gives"])
    assert type(outcome).__name__ == expected.pop("shape")
    assert {name: getattr(outcome, name) for name in expected} == expected


@pytest.mark.parametrize(("group", "case"), CASES)
def test_an_answer_leads_to_the_step_that_the_table_names(group: dict[str, Any], case: dict[str, Any]):
    step = decide(answered(case), history(case), now_ms=NOW, random=lambda: 0.5)
    assert as_written(step) == case["step"]
    if "spends" in group and not isinstance(step, Dead):
        assert step.spends_attempt == group["spends"]

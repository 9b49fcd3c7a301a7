"""Dashboard and alert rules ask for metrics and labels that there are, and every alert has its line in the runbook."""

from __future__ import annotations

import json
import re
from io import StringIO
from pathlib import Path

import pytest
import yaml

from connector import app
from connector.settings import LogFormat, LogLevel, Settings
from connector.telemetry import logs
from connector.telemetry.metrics import Metrics

ROOT = Path(__file__).parents[2]
RULES = yaml.safe_load((ROOT / "deploy" / "prometheus-alerts.yaml").read_text("utf-8"))["groups"]
DASHBOARD = json.loads((ROOT / "deploy" / "grafana-dashboard.json").read_text("utf-8"))
ALERTS = [rule for group in RULES for rule in group["rules"]]
QUERIES = [target["expr"] for panel in DASHBOARD["panels"] for target in panel["targets"]]
QUERIES += [rule["expr"] for rule in ALERTS]
THEIRS = {"up", "process_resident_memory_bytes"}
_NAME = re.compile(r"\b(connector_\w+)")
_SELECTED = re.compile(r"\b(connector_\w+)\{([^}]*)\}")
_GROUPED = re.compile(r"by \(([^)]*)\) \([^)]*?\b(connector_\w+)")
SUFFIXES = {"counter": ("_total",), "gauge": ("",), "histogram": ("_bucket", "_sum", "_count")}


@pytest.fixture(scope="module")
def labels(tmp_path_factory: pytest.TempPathFactory) -> dict[str, set[str]]:
    """The labels of each series that a running service shows, by its name."""
    import asyncio

    return asyncio.run(_labels(tmp_path_factory.mktemp("service") / "service.db"))


async def _labels(path: Path) -> dict[str, set[str]]:
    settings = Settings(database_url=f"sqlite:///{path}", encryption_keys="A" * 43)
    silent = logs.start(LogFormat.JSON, LogLevel.ERROR, StringIO())
    async with app.service(settings, logs=silent) as running:
        return dict(_series(running.metrics))


def _series(metrics: Metrics) -> list[tuple[str, set[str]]]:
    found = []
    declared = {
        name: set(collector._labelnames)
        for collector in metrics.registry._collector_to_names
        if hasattr(collector, "_labelnames")
        for name in metrics.registry._collector_to_names[collector]
    }
    for family in metrics.registry.collect():
        for suffix in SUFFIXES.get(family.type, ()):
            own = declared.get(family.name, set()) | ({"le"} if suffix == "_bucket" else set())
            found.append((family.name + suffix, own))
    return found


@pytest.mark.parametrize("query", QUERIES)
def test_each_query_asks_for_what_there_is(query: str, labels: dict[str, set[str]]):
    names = _NAME.findall(query)
    assert names or any(each in query for each in THEIRS)
    assert [name for name in names if name not in labels] == []
    for name, selected in _SELECTED.findall(query):
        assert set(re.findall(r"(\w+)\s*(?:=|!=|=~|!~)", selected)) <= labels[name]
    for grouped, name in _GROUPED.findall(query):
        assert {each.strip() for each in grouped.split(",")} <= labels[name]


def test_queries_are_balanced_and_ask_for_rates_of_counters():
    for query in QUERIES:
        assert query.count("(") == query.count(")"), query
        assert query.count("{") == query.count("}"), query
        for name in re.findall(r"(connector_\w+_total)(?:\{[^}]*\})?(?!\{|\[)(?=[\s)]|$)", query):
            raise AssertionError(f"{name} is a counter: {query}")


def test_every_series_of_ours_is_on_the_dashboard_or_in_an_alert(labels: dict[str, set[str]]):
    asked = set(_NAME.findall(" ".join(QUERIES)))
    ours = {re.sub(r"_(bucket|sum|count|total)$", "", name) for name in labels if name.startswith("connector_")}
    shown = {re.sub(r"_(bucket|sum|count|total)$", "", name) for name in asked}
    rare = {
        "connector_alert_notices",
        "connector_installs",
        "connector_intercom_webhooks_refused",
        "connector_mappings_refused",
        "connector_people_forgotten",
        "connector_processes_taken_over",
        "connector_requests_refused",
        "connector_setup_changes",
        "connector_sync_endpoints",
        "connector_sync_with_gaps",
        "connector_verified_at_seconds",
        "connector_verified_deliveries",
        "connector_verified_sample",
    }
    assert ours - shown <= rare


@pytest.mark.parametrize("rule", ALERTS, ids=lambda rule: rule["alert"])
def test_each_alert_says_what_it_means_and_has_its_line_in_the_runbook(rule):
    page = (ROOT / "docs" / "operations.md").read_text("utf-8")
    summary = rule["annotations"]["summary"]
    assert f"| `{rule['alert']}` | {summary} |" in page
    assert rule["labels"]["severity"] in ("critical", "warning", "info")
    anchor = rule["annotations"]["runbook"].partition("#")[2]
    assert f"## {anchor.title()}" in page


def test_panels_do_not_lie_on_each_other():
    taken = set()
    for panel in DASHBOARD["panels"]:
        at = panel["gridPos"]
        cells = {(x, y) for x in range(at["x"], at["x"] + at["w"]) for y in range(at["y"], at["y"] + at["h"])}
        assert at["x"] + at["w"] <= 24
        assert not cells & taken, panel["title"]
        taken |= cells

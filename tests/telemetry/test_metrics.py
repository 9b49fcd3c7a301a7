"""Each fact is counted where it belongs, and no stranger decides how many series there are."""

from __future__ import annotations

import pytest
from prometheus_client.parser import text_string_to_metric_families

from connector.telemetry.facts import (
    AlertClosed,
    AlertNoticed,
    AlertOpened,
    AttemptMade,
    EventMapped,
    Fact,
    Installed,
    Reconciled,
    RequestRefused,
    SetupChanged,
    StageFailed,
    StripeAsked,
    Uninstalled,
    Verified,
    WebhookRefused,
    WebhookStored,
    WorkspaceStopped,
)
from connector.telemetry.metrics import MOST_CHILDREN, Metrics

DELIVERED = AttemptMade(7, "ab" * 16, "paid-invoice", 2, 202, "delivered", "done", None, 120, "req_1", False, 0.02)
RETRIED = AttemptMade(7, "ab" * 16, "paid-invoice", 1, 503, "server_trouble", "again", None, 90, None, False, 0.01)


def value(metrics: Metrics, name: str, **labels: str) -> float | None:
    return metrics.registry.get_sample_value(f"connector_{name}", labels)


@pytest.mark.parametrize(
    ("fact", "name", "labels", "expected"),
    [
        (WebhookStored("segment", 7, 3, 40, 9000, 0.002), "events_stored_total", {"source": "segment"}, 40),
        (WebhookStored("segment", 7, 3, 40, 9000, 0.002), "webhook_bytes_total", {"source": "segment"}, 9000),
        (WebhookStored("stripe", 7, 3, 1, 9, 0.002), "webhook_seconds_count", {"source": "stripe"}, 1),
        (
            WebhookRefused("stripe", 401, "bad_signature"),
            "webhooks_refused_total",
            {"source": "stripe", "status": "401", "why": "bad_signature"},
            1,
        ),
        (
            EventMapped(7, "cd", "stripe", "invoice.paid", "mapped", None, ("a", "b")),
            "deliveries_made_total",
            {"source": "stripe"},
            2,
        ),
        (
            EventMapped(7, "cd", "stripe", "invoice.paid", "ignored", "wrong_mode", ()),
            "events_mapped_total",
            {"source": "stripe", "state": "ignored"},
            1,
        ),
        (
            EventMapped(7, "cd", "stripe", "invoice.paid", "mapped", None, ("a",), "newer"),
            "unknown_api_version_events_total",
            {"source": "stripe", "why": "newer"},
            1,
        ),
        (RETRIED, "attempts_total", {"outcome": "server_trouble", "step": "again"}, 1),
        (DELIVERED, "attempt_seconds_sum", {"outcome": "delivered"}, 0.12),
        (DELIVERED, "delivery_seconds_sum", {}, 0.02),
        (RETRIED, "delivery_seconds_count", {}, 0),
        (WorkspaceStopped(7, "401"), "workspaces_stopped_total", {}, 1),
        (AlertOpened(7, "names", "x", "y"), "alerts_opened_total", {"kind": "names"}, 1),
        (AlertClosed(7, "names", "x"), "alerts_closed_total", {"kind": "names"}, 1),
        (
            AlertNoticed(7, "names", "email", "sent"),
            "alert_notices_total",
            {"sink": "email", "outcome": "sent"},
            1,
        ),
        (Verified(7, "differs", 20, 18), "verified_deliveries_total", {"result": "differs"}, 2),
        (Installed(7, "watching"), "installs_total", {"what": "install"}, 1),
        (Uninstalled(7), "installs_total", {"what": "uninstall"}, 1),
        (
            RequestRefused("/intercom/health", 401, "bad_signature"),
            "requests_refused_total",
            {"path": "/intercom/health", "status": "401", "why": "bad_signature"},
            1,
        ),
        (SetupChanged(7, "mode"), "setup_changes_total", {"what": "mode"}, 1),
        (Reconciled(7, 3, True, "done", 120, 2, 61.5), "reconciliations_total", {"outcome": "done"}, 1),
        (Reconciled(7, 3, True, "done", 120, 2, 61.5), "reconciled_events_total", {"kind": "missed"}, 2),
        (
            StripeAsked(7, "charge", "found"),
            "stripe_questions_total",
            {"what": "charge", "outcome": "found"},
            1,
        ),
        (StageFailed("map", ValueError()), "stage_failures_total", {"stage": "map"}, 1),
    ],
)
def test_a_fact_is_counted(fact: Fact, name: str, labels: dict[str, str], expected: float) -> None:
    metrics = Metrics()
    metrics.count(fact)
    assert value(metrics, name, **labels) == pytest.approx(expected)


def test_counts_add_up() -> None:
    metrics = Metrics()
    for _ in range(3):
        metrics.count(DELIVERED)
    assert value(metrics, "attempts_total", outcome="delivered", step="done") == 3


def test_labels_that_never_end_are_counted_as_other() -> None:
    metrics = Metrics()
    for number in range(MOST_CHILDREN + 50):
        metrics.count(AlertOpened(7, f"kind-{number}", "x", "y"))
    assert value(metrics, "alerts_opened_total", kind="other") == 50
    assert value(metrics, "alerts_opened_total", kind=f"kind-{MOST_CHILDREN}") is None


def test_a_gauge_shows_what_is_there_when_somebody_looks() -> None:
    metrics, waiting = Metrics(), [3.0]
    metrics.gauge("writer_waiting_rows", "Rows that wait for the writer.", lambda: waiting[0])
    waiting[0] = 5.0
    assert value(metrics, "writer_waiting_rows") == 5.0


def test_two_services_in_one_process_do_not_share_their_metrics() -> None:
    first, second = Metrics(), Metrics()
    first.count(DELIVERED)
    assert value(second, "attempts_total", outcome="delivered", step="done") is None


def test_what_is_rendered_is_prometheus_text_with_every_metric_explained() -> None:
    metrics = Metrics()
    metrics.count(DELIVERED)
    families = {family.name: family for family in text_string_to_metric_families(metrics.render().decode())}
    ours = {name: family for name, family in families.items() if name.startswith("connector_")}
    assert {"connector_attempts", "connector_delivery_seconds"} <= set(ours)
    assert all(family.documentation for family in ours.values())

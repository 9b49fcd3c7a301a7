"""Counts each fact, for Prometheus. How a fact reads in the log is the business of `logs`.

Labels come from lists of ours (sources, states, outcomes), never from what a sender wrote, and never hold a workspace:
thousands of workspaces would be thousands of series. The children of a metric are bound once, so that a count costs
little more than a dictionary look-up.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final, Generic, TypeVar

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, ProcessCollector
from prometheus_client.exposition import CONTENT_TYPE_LATEST, generate_latest

from connector.telemetry.facts import (
    AlertClosed,
    AlertNoticed,
    AlertOpened,
    AttemptMade,
    EventMapped,
    Fact,
    Installed,
    MappingsRefused,
    NotificationRefused,
    NotificationTaken,
    PersonForgotten,
    ProcessesTakenOver,
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

CONTENT_TYPE: Final = CONTENT_TYPE_LATEST
MOST_CHILDREN: Final = 200
"""Sets of labels that one metric takes; whatever comes after them is counted as `other`."""

_ACKNOWLEDGED_S = (0.001, 0.002, 0.004, 0.008, 0.016, 0.032, 0.064, 0.128, 0.256, 0.512, 1, 2, 4)
_CALL_S = (0.05, 0.1, 0.2, 0.4, 0.8, 1.6, 3.2, 6.4, 12.8, 20)
_DELIVERED_S = (0.01, 0.03, 0.1, 0.3, 1, 3, 10, 60, 600, 3_600, 21_600, 86_400, 259_200)

_Metric = TypeVar("_Metric", Counter, Histogram)


class _Bound(Generic[_Metric]):
    """A metric with labels, and its children by their labels."""

    def __init__(self, metric: _Metric, labels: int) -> None:
        self._metric: _Metric = metric
        self._other = ("other",) * labels
        self._children: dict[tuple[str, ...], _Metric] = {}

    def of(self, *labels: str) -> _Metric:
        """The child with those labels."""
        child = self._children.get(labels)
        if child is None:
            labels = labels if len(self._children) < MOST_CHILDREN else self._other
            child = self._children[labels] = self._metric.labels(*labels) if labels else self._metric
        return child


class Metrics:
    """All metrics of one process, in a registry of their own."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        ProcessCollector(registry=self.registry)
        self._of_webhooks()
        self._of_deliveries()
        self._of_intercoms_webhooks()
        self._of_alerts()
        self._of_setting_up()
        self._of_stripe()
        self._of_this_service()
        self._count = self._counting()

    def _of_webhooks(self) -> None:
        self._stored = self._counter("events_stored", "Events durably stored; duplicates included.", "source")
        self._bytes = self._counter("webhook_bytes", "Bytes of stored webhooks.", "source")
        self._acknowledged = self._histogram(
            "webhook_seconds", "From a webhook's first byte to its commit.", _ACKNOWLEDGED_S, "source"
        )
        self._refused = self._counter("webhooks_refused", "Webhooks not answered 200.", "source", "status", "why")
        self._mapped = self._counter("events_mapped", "Events by the state they reached.", "source", "state")
        self._untested = self._counter(
            "unknown_api_version_events", "Mapped events of an API version newer than those tested.", "source", "why"
        )

    def _of_deliveries(self) -> None:
        self._made = self._counter("deliveries_made", "Deliveries that events became.", "source")
        self._attempts = self._counter("attempts", "Attempts at Intercom.", "outcome", "step")
        self._call = self._histogram("attempt_seconds", "Duration of one attempt.", _CALL_S, "outcome")
        self._delivered = self._histogram(
            "delivery_seconds", "From a webhook's receipt to Intercom's acceptance.", _DELIVERED_S
        )
        self._verified = self._counter("verified_deliveries", "Deliveries looked up in Intercom.", "result")

    def _of_intercoms_webhooks(self) -> None:
        self._notified = self._counter("intercom_webhooks", "Webhooks of Intercom's, by topic.", "topic")
        self._woken = self._counter("deliveries_woken", "Deliveries due because their contact appeared.")
        self._unheard = self._counter("intercom_webhooks_refused", "Not answered 200.", "status", "why")
        self._forgotten = self._counter("people_forgotten", "People all of whose data was deleted.", "asked_by")

    def _of_alerts(self) -> None:
        self._stopped = self._counter("workspaces_stopped", "Workspaces stopped until somebody acts.")
        self._alerts = self._counter("alerts_opened", "Alerts opened.", "kind")
        self._alerts_closed = self._counter("alerts_closed", "Alerts that are over.", "kind")
        self._noticed = self._counter("alert_notices", "Alerts sent on, or not.", "sink", "outcome")

    def _of_setting_up(self) -> None:
        self._installs = self._counter("installs", "Installations and removals of the app.", "what")
        self._requests_refused = self._counter(
            "requests_refused", "Signed requests of Intercom's that were not taken.", "path", "status", "why"
        )
        self._setup = self._counter("setup_changes", "What people changed in set-up.", "what")

    def _of_stripe(self) -> None:
        self._reconciled = self._counter("reconciliations", "Looks at Stripe's list of events.", "outcome")
        self._listed = self._counter("reconciled_events", "Events that Stripe listed; missed: no webhook came.", "kind")
        self._asked = self._counter("stripe_questions", "Things that Stripe was asked for.", "what", "outcome")

    def _of_this_service(self) -> None:
        self._taken_over = self._counter("processes_taken_over", "Processes that died and were taken over.")
        self._mappings_refused = self._counter("mappings_refused", "Changes of the mapping files that were refused.")
        self._failures = self._counter("stage_failures", "Errors of our own, by stage.", "stage")

    def _counting(self) -> Mapping[type[Fact], Callable[[Any], None]]:
        """What is done at each kind of fact."""
        return {
            WebhookStored: self._count_stored,
            WebhookRefused: lambda fact: self._refused.of(fact.source, str(fact.status), fact.why).inc(),
            EventMapped: self._count_mapped,
            AttemptMade: self._count_attempt,
            NotificationTaken: self._count_notification,
            NotificationRefused: lambda fact: self._unheard.of(str(fact.status), fact.why).inc(),
            PersonForgotten: lambda fact: self._forgotten.of(fact.asked_by).inc(),
            WorkspaceStopped: lambda _: self._stopped.of().inc(),
            AlertOpened: lambda fact: self._alerts.of(fact.kind).inc(),
            AlertClosed: lambda fact: self._alerts_closed.of(fact.kind).inc(),
            AlertNoticed: lambda fact: self._noticed.of(fact.sink, fact.outcome).inc(),
            Verified: self._count_verified,
            ProcessesTakenOver: lambda fact: self._taken_over.of().inc(fact.count),
            Reconciled: self._count_reconciled,
            StripeAsked: lambda fact: self._asked.of(fact.what, fact.outcome).inc(),
            MappingsRefused: lambda _: self._mappings_refused.of().inc(),
            Installed: lambda _: self._installs.of("install").inc(),
            Uninstalled: lambda _: self._installs.of("uninstall").inc(),
            RequestRefused: lambda fact: self._requests_refused.of(fact.path, str(fact.status), fact.why).inc(),
            SetupChanged: lambda fact: self._setup.of(fact.what).inc(),
            StageFailed: lambda fact: self._failures.of(fact.stage).inc(),
        }

    def count(self, fact: Fact) -> None:
        """Count a fact, if it is one that is counted."""
        if count := self._count.get(type(fact)):
            count(fact)

    def gauge(self, name: str, meaning: str, read: Callable[[], float]) -> None:
        """Show what `read` returns, whenever somebody looks."""
        Gauge(f"connector_{name}", meaning, registry=self.registry).set_function(read)

    def render(self) -> bytes:
        """Everything, in Prometheus' text format (`CONTENT_TYPE`)."""
        return generate_latest(self.registry)

    def _count_stored(self, fact: WebhookStored) -> None:
        self._stored.of(fact.source).inc(fact.events)
        self._bytes.of(fact.source).inc(fact.bytes)
        self._acknowledged.of(fact.source).observe(fact.seconds)

    def _count_notification(self, fact: NotificationTaken) -> None:
        self._notified.of(fact.topic).inc()
        self._woken.of().inc(fact.woken or 0)

    def _count_verified(self, fact: Verified) -> None:
        self._verified.of("as_sent").inc(fact.found)
        self._verified.of("differs").inc(fact.checked - fact.found)

    def _count_reconciled(self, fact: Reconciled) -> None:
        self._reconciled.of(fact.outcome).inc()
        self._listed.of("missed").inc(fact.found)
        self._listed.of("known").inc(fact.listed - fact.found)

    def _count_mapped(self, fact: EventMapped) -> None:
        self._mapped.of(fact.source, fact.state).inc()
        self._made.of(fact.source).inc(len(fact.deliveries))
        if fact.untested_version is not None:
            self._untested.of(fact.source, fact.untested_version).inc()

    def _count_attempt(self, fact: AttemptMade) -> None:
        self._attempts.of(fact.outcome, fact.step).inc()
        self._call.of(fact.outcome).observe(fact.duration_ms / 1000)
        if fact.step == "done":
            self._delivered.of().observe(fact.seconds_since_received)

    def _counter(self, name: str, meaning: str, *labels: str) -> _Bound[Counter]:
        return _Bound(Counter(f"connector_{name}", meaning, labels, registry=self.registry), len(labels))

    def _histogram(self, name: str, meaning: str, buckets: tuple[float, ...], *labels: str) -> _Bound[Histogram]:
        metric = Histogram(f"connector_{name}", meaning, labels, buckets=buckets, registry=self.registry)
        return _Bound(metric, len(labels))

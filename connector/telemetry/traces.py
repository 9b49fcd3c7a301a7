"""OpenTelemetry traces of an event, from its webhook to Intercom: one sink of facts more, and only where it is wanted.

    received → mapped → attempt, attempt …

Stages in several processes, hours apart, belong to one trace because its id is the event's own key, which is 16 bytes,
as a trace id is: nothing has to travel with the event or be stored. Spans hold ids and stable words, never a token, a
body or an address. Nothing imports this unless `CONNECTOR_TRACES` is set.
"""

from __future__ import annotations

import time
from collections.abc import Callable

from opentelemetry.context import Context
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import SpanProcessor, TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.trace import (
    NonRecordingSpan,
    SpanContext,
    SpanKind,
    Status,
    StatusCode,
    TraceFlags,
    set_span_in_context,
)

from connector.telemetry.facts import AttemptMade, EventMapped, Fact

Attributes = dict[str, str | int | bool]
NS_PER_MS = 1_000_000


class Traces:
    """Makes spans of facts; `now_ns` is Unix time."""

    def __init__(self, processor: SpanProcessor, *, now_ns: Callable[[], int] = time.time_ns) -> None:
        self._provider = TracerProvider(resource=Resource.create({"service.name": "connector"}))
        self._provider.add_span_processor(processor)
        self._tracer = self._provider.get_tracer("connector")
        self._now_ns = now_ns

    def tell(self, fact: Fact) -> None:
        """Make spans of a fact, if it is a step of an event's way."""
        match fact:
            case EventMapped(key=key) if key:
                self._mapped(fact)
            case AttemptMade(key=key) if key:
                self._attempted(fact)

    def close(self) -> None:
        """Send what is left; takes some seconds where nobody listens."""
        self._provider.shutdown()

    def _mapped(self, fact: EventMapped) -> None:
        event = {"connector.event": fact.event, "connector.source": fact.source, "connector.type": fact.type}
        where: Attributes = {**event, "connector.workspace": fact.workspace_id}
        received, now = fact.received_at * NS_PER_MS, self._now_ns()
        self._span("received", fact.key, received, received, where, SpanKind.SERVER)
        more: Attributes = {"connector.state": fact.state, "connector.deliveries": ",".join(fact.deliveries)}
        if fact.reason:
            more["connector.reason"] = fact.reason
        self._span("mapped", fact.key, received, now, where | more, failed=fact.state == "failed")

    def _attempted(self, fact: AttemptMade) -> None:
        ended = self._now_ns()
        attributes: Attributes = {
            "connector.workspace": fact.workspace_id,
            "connector.delivery": fact.delivery,
            "connector.event_name": fact.event_name,
            "connector.attempt": fact.number,
            "connector.outcome": fact.outcome,
            "connector.step": fact.step,
        }
        if fact.status is not None:
            attributes["http.response.status_code"] = fact.status
        if fact.request_id:
            attributes["connector.request_id"] = fact.request_id
        started = ended - fact.duration_ms * NS_PER_MS
        self._span("attempt", fact.key, started, ended, attributes, SpanKind.CLIENT, failed=fact.step != "done")

    def _span(
        self,
        name: str,
        key: str,
        start: int,
        end: int,
        attributes: Attributes,
        kind: SpanKind = SpanKind.INTERNAL,
        *,
        failed: bool = False,
    ) -> None:
        span = self._tracer.start_span(name, _trace_of(key), kind, attributes, start_time=start)
        if failed:
            span.set_status(Status(StatusCode.ERROR))
        span.end(end)


def _trace_of(key: str) -> Context:
    """The trace whose id is the event's key; its root, which nobody sends, has half of that for an id."""
    trace_id, span_id = int(key, 16), int(key[:16], 16)
    parent = SpanContext(trace_id, span_id, is_remote=True, trace_flags=TraceFlags(TraceFlags.SAMPLED))
    return set_span_in_context(NonRecordingSpan(parent), Context())


def exporting() -> Traces:
    """Sends them as OpenTelemetry's own variables say (OTEL_EXPORTER_OTLP_ENDPOINT and others)."""
    return Traces(BatchSpanProcessor(OTLPSpanExporter()))

"""An event's way is one trace, whoever did which part of it, and says nothing that is secret or personal."""

from __future__ import annotations

import subprocess
import sys

import pytest

from connector.telemetry.facts import AttemptMade, EventMapped, WebhookStored

pytest.importorskip("opentelemetry.sdk", reason="the extra `otel` is not installed")

from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import StatusCode

from connector.telemetry.traces import Traces

KEY = "0123456789abcdef" * 2
NOW_NS = 1_763_687_761_000 * 1_000_000
MAPPED = EventMapped(
    7, "evt_1", "stripe", "invoice.paid", "mapped", None, ("ab" * 16,), None, ("x",), KEY, 1_763_687_760_000
)
TRIED = AttemptMade(7, "ab" * 16, "paid-invoice", 1, 503, "server_trouble", "again", None, 90, None, False, 1.0, KEY)
DONE = AttemptMade(7, "ab" * 16, "paid-invoice", 2, 202, "delivered", "done", None, 120, "req_1", False, 9.0, KEY)


def test_the_parts_of_two_processes_make_one_trace():
    exporter = InMemorySpanExporter()
    here, there = (Traces(SimpleSpanProcessor(exporter), now_ns=lambda: NOW_NS) for _ in range(2))
    here.tell(WebhookStored("stripe", 7, 3, 1, 900, 0.002))
    here.tell(MAPPED)
    there.tell(TRIED)
    there.tell(DONE)
    spans = exporter.get_finished_spans()
    assert [span.name for span in spans] == ["received", "mapped", "attempt", "attempt"]
    assert {f"{span.context.trace_id:032x}" for span in spans} == {KEY}
    assert len({span.context.span_id for span in spans}) == 4
    assert {span.parent.span_id for span in spans if span.parent} == {int(KEY[:16], 16)}
    assert [span.end_time - span.start_time for span in spans] == [0, 10**9, 90 * 10**6, 120 * 10**6]
    assert [span.status.status_code for span in spans] == [
        StatusCode.UNSET,
        StatusCode.UNSET,
        StatusCode.ERROR,
        StatusCode.UNSET,
    ]
    assert spans[3].attributes is not None
    assert spans[3].attributes["connector.request_id"] == "req_1"


def test_nothing_of_it_is_imported_by_a_service_that_sends_no_traces():
    code = "import sys, connector.app; sys.exit(any(name.startswith('opentelemetry') for name in sys.modules))"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0

"""Each fact is one line; nobody's secret is in it, and no stranger decides how many there are."""

from __future__ import annotations

import io
import json
import logging
from collections.abc import Iterator

import pytest
from aiohttp import web
from aiohttp.http_exceptions import BadStatusLine
from aiohttp.test_utils import TestServer

from connector.settings import LogFormat, LogLevel
from connector.telemetry import facts
from connector.telemetry.facts import (
    AlertOpened,
    AttemptMade,
    EventMapped,
    Fact,
    MappingsInUse,
    MappingsNotDeployed,
    MappingsRefused,
    NotificationRefused,
    NotificationTaken,
    PersonForgotten,
    ProcessesTakenOver,
    Reconciled,
    StageFailed,
    StripeAsked,
    WebhookRefused,
    WebhookStored,
    WorkspaceStopped,
)
from connector.telemetry.logs import Logs, Ration, start, words

DELIVERED = AttemptMade(7, "ab" * 16, "paid-invoice", 1, 202, "delivered", "done", None, 12, "req_1", False, 0.02)
EXAMPLES: dict[type[Fact], Fact] = {
    WebhookStored: WebhookStored("stripe", 7, 3, 1, 1900, 0.002),
    WebhookRefused: WebhookRefused("stripe", 401, "bad_signature", 7, 3),
    EventMapped: EventMapped(7, "cd" * 16, "stripe", "invoice.paid", "mapped", None, ("ab" * 16,)),
    AttemptMade: DELIVERED,
    NotificationTaken: NotificationTaken("contact.user.created", 7, 2, 0.003),
    NotificationRefused: NotificationRefused(401, "bad_signature"),
    PersonForgotten: PersonForgotten(7, "segment", 3, 4, 2),
    ProcessesTakenOver: ProcessesTakenOver(2),
    WorkspaceStopped: WorkspaceStopped(7, "Intercom refused the token"),
    AlertOpened: AlertOpened(7, "names", "paid-invoice", "120 names are in use"),
    MappingsInUse: MappingsInUse("ef" * 16, 220),
    MappingsRefused: MappingsRefused("mine/", 2, "mine/a.yaml:3:5: ..."),
    MappingsNotDeployed: MappingsNotDeployed("mine/"),
    Reconciled: Reconciled(7, 3, True, "done", 120, 2, 61.5),
    StripeAsked: StripeAsked(7, "charge", "found"),
    StageFailed: StageFailed("map", ValueError("no such column")),
    facts.AlertClosed: facts.AlertClosed(7, "names", "paid-invoice"),
    facts.AlertNoticed: facts.AlertNoticed(7, "names", "webhook", "status_500"),
    facts.Verified: facts.Verified(7, "as_sent", 20, 20),
    facts.Installed: facts.Installed(7, "watching"),
    facts.Uninstalled: facts.Uninstalled(7),
    facts.RequestRefused: facts.RequestRefused("/intercom/uninstall", 401, "bad_signature"),
    facts.SetupChanged: facts.SetupChanged(7, "stripe_connected"),
}


@pytest.fixture
def stream() -> io.StringIO:
    return io.StringIO()


@pytest.fixture
def logs(stream: io.StringIO) -> Logs:
    return Logs(stream, as_json=True, level=LogLevel.INFO)


@pytest.fixture
def standard_logging() -> Iterator[None]:
    root = logging.getLogger()
    before, level = list(root.handlers), root.level
    yield
    root.handlers[:] = before
    root.setLevel(level)


def lines(stream: io.StringIO) -> list[dict[str, object]]:
    return [json.loads(line) for line in stream.getvalue().splitlines()]


def test_there_is_an_example_of_every_fact() -> None:
    assert set(EXAMPLES) == set(facts.Fact.__args__)


@pytest.mark.parametrize("fact", EXAMPLES.values(), ids=lambda fact: type(fact).__name__)
def test_each_fact_is_one_line_of_json(stream: io.StringIO, fact: Fact) -> None:
    Logs(stream, as_json=True, level=LogLevel.DEBUG).tell(fact)
    [line] = lines(stream)
    assert {"event", "level", "timestamp"} < set(line)
    assert line["event"] == words(fact).event


def test_a_line_carries_every_id_of_its_fact_and_nothing_empty(logs: Logs, stream: io.StringIO) -> None:
    logs.tell(DELIVERED)
    [line] = lines(stream)
    assert (line["workspace_id"], line["delivery"], line["request_id"]) == (7, "ab" * 16, "req_1")
    assert "reason" not in line


def test_a_received_event_is_not_mistaken_for_the_name_of_the_line(logs: Logs, stream: io.StringIO) -> None:
    logs.tell(EXAMPLES[EventMapped])
    [line] = lines(stream)
    assert (line["event"], line["received_event"]) == ("event mapped", "cd" * 16)


@pytest.mark.parametrize(
    ("fact", "level"),
    [
        (EXAMPLES[WebhookStored], logging.DEBUG),
        (WebhookRefused("stripe", 503, "unavailable"), logging.WARNING),
        (WebhookRefused("stripe", 404, "unknown_token"), logging.INFO),
        (EventMapped(7, "cd" * 16, "stripe", "invoice.paid", "failed", "ValueError", ()), logging.ERROR),
        (EventMapped(7, "cd" * 16, "segment", "unparseable", "unparseable", "not UTF-8", ()), logging.WARNING),
        (AttemptMade(7, "ab" * 16, "n", 3, 422, "refused", "dead", "422", 9, None, False, 9.0), logging.WARNING),
        (DELIVERED, logging.INFO),
        (EXAMPLES[WorkspaceStopped], logging.ERROR),
    ],
)
def test_what_somebody_should_look_at_stands_out(fact: Fact, level: int) -> None:
    assert words(fact).level == level


def test_stored_webhooks_are_silent_unless_debugging(logs: Logs, stream: io.StringIO) -> None:
    logs.tell(EXAMPLES[WebhookStored])
    assert stream.getvalue() == ""


def test_our_own_errors_come_with_their_traceback(logs: Logs, stream: io.StringIO) -> None:
    try:
        int("seven")
    except ValueError as error:
        logs.tell(StageFailed("map", error))
    [line] = lines(stream)
    assert "ValueError: invalid literal" in str(line["exception"])
    assert "test_logs.py" in str(line["exception"])


@pytest.mark.parametrize(
    "secret",
    [
        "POST /webhooks/stripe/3q2-7_token HTTP/1.1",
        "POST /segment/3q2-7_token/v1/track",
        "Authorization: Bearer 3q2-7_token",
        "header 'Basic 3q2-7_token='",
        "whsec_3q27_token",
        "rk_live_3q27_token",
        "dG9rOjNxMi03X3Rva2Vu_token=",
        "postgresql://connector:3q2-7_token@db/connector",
        "row (ada.3q2-7_token@example.com) failed",
    ],
)
def test_no_secret_reaches_a_line_whoever_wrote_it(logs: Logs, stream: io.StringIO, secret: str) -> None:
    logs.tell(StageFailed("deliver", RuntimeError(f"it broke: {secret}")))
    logs.tell(WorkspaceStopped(7, secret))
    assert "it broke" in stream.getvalue()
    assert "token" not in stream.getvalue()


def test_the_address_of_a_database_stays_readable_without_its_password(logs: Logs, stream: io.StringIO) -> None:
    logs.tell(WorkspaceStopped(7, "postgresql://connector:hunter2@db/connector"))
    assert lines(stream)[0]["reason"] == "postgresql://connector:[hidden]@db/connector"


def test_a_crafted_text_does_not_slow_the_redaction_down(logs: Logs, stream: io.StringIO) -> None:
    logs.tell(WorkspaceStopped(7, "a" * 200_000 + "@"))
    assert len(stream.getvalue()) > 200_000


def test_refusals_of_one_kind_are_rationed_and_the_next_line_says_how_many_there_were(stream: io.StringIO) -> None:
    now = [0.0]
    logs = Logs(stream, as_json=True, level=LogLevel.INFO, ration=Ration(1.0, clock=lambda: now[0]))
    for _ in range(1000):
        logs.tell(EXAMPLES[WebhookRefused])
    logs.tell(WebhookRefused("segment", 404, "unknown_token"))
    now[0] = 1.5
    logs.tell(EXAMPLES[WebhookRefused])
    assert [(line["why"], line.get("left_out")) for line in lines(stream)] == [
        ("bad_signature", None),
        ("unknown_token", None),
        ("bad_signature", 999),
    ]


def test_attempts_are_never_rationed(logs: Logs, stream: io.StringIO) -> None:
    for _ in range(5):
        logs.tell(DELIVERED)
    assert len(lines(stream)) == 5


@pytest.mark.usefixtures("standard_logging")
def test_a_malformed_request_is_one_rationed_line_instead_of_a_traceback(stream: io.StringIO) -> None:
    start(LogFormat.JSON, LogLevel.INFO, stream)
    for _ in range(100):
        try:
            raise BadStatusLine("GET /\x1b[31m")
        except BadStatusLine:
            logging.getLogger("aiohttp.server").exception("Error handling request from %s", "203.0.113.9")
    [line] = lines(stream)
    assert (line["event"], line["error"]) == ("malformed request", "BadStatusLine")
    assert "exception" not in line


@pytest.mark.usefixtures("standard_logging")
async def test_what_aiohttp_really_logs_of_garbage_is_that_line(stream: io.StringIO) -> None:
    import asyncio

    start(LogFormat.JSON, LogLevel.INFO, stream)
    async with TestServer(web.Application()) as server:
        reader, writer = await asyncio.open_connection(server.host, server.port)
        writer.write(b"POST / HTTP/1.1\r\nHost: a\r\nHost: b\r\nContent-Length: x\r\n\r\n")
        assert b"400" in await reader.readline()
        writer.close()
    assert [line["event"] for line in lines(stream)] == ["malformed request"]


@pytest.mark.usefixtures("standard_logging")
def test_libraries_are_heard_from_warnings_on_in_the_same_form(stream: io.StringIO) -> None:
    start(LogFormat.JSON, LogLevel.INFO, stream)
    logging.getLogger("library.part").info("Added job")
    logging.getLogger("library.part").warning("Run time of job was missed")
    [line] = lines(stream)
    assert (line["logger"], line["level"]) == ("library.part", "warning")


@pytest.mark.usefixtures("standard_logging")
@pytest.mark.parametrize("log_format", [LogFormat.JSON, LogFormat.CONSOLE])
def test_a_strangers_line_breaks_make_no_lines_of_their_own(stream: io.StringIO, log_format: LogFormat) -> None:
    logs = start(log_format, LogLevel.INFO, stream)
    logging.getLogger("library").warning("one\ntwo\x1b[31m")
    logs.tell(WorkspaceStopped(7, "three\nfour\x1b[31m"))
    assert len(stream.getvalue().splitlines()) == 2
    assert "\x1b" not in stream.getvalue()


@pytest.mark.usefixtures("standard_logging")
def test_automatic_means_json_wherever_nobody_watches(stream: io.StringIO) -> None:
    start(LogFormat.AUTO, LogLevel.INFO, stream).tell(DELIVERED)
    assert lines(stream)[0]["event"] == "delivery attempted"

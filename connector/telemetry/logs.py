"""Log lines: words each fact, and writes what libraries log in the same form, to stderr.

One line per fact, as JSON or for a terminal, without secrets (`redact`). Lines that strangers or a failing part can
cause at will are rationed: one a second of each kind, which says how many it stands for. What is counted instead of
worded is `metrics`.
"""

from __future__ import annotations

import json
import logging
import sys
import time
from collections.abc import Callable, Hashable, Mapping, MutableMapping
from typing import Any, NamedTuple, TextIO

import structlog
from structlog.typing import FilteringBoundLogger, Processor

from connector.settings import LogFormat, LogLevel
from connector.telemetry.facts import (
    AlertClosed,
    AlertNoticed,
    AlertOpened,
    AttemptMade,
    EventMapped,
    Fact,
    Installed,
    MappingsInUse,
    MappingsNotDeployed,
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
from connector.telemetry.redact import redacted


class Words(NamedTuple):
    """One line: its level, what happened in two or three words, and the rest by name."""

    level: int
    event: str
    fields: dict[str, Any]


_PLAIN: Mapping[type[Fact], tuple[int, str]] = {
    WebhookStored: (logging.DEBUG, "webhook stored"),
    PersonForgotten: (logging.INFO, "person forgotten"),
    WorkspaceStopped: (logging.ERROR, "workspace stopped"),
    AlertOpened: (logging.WARNING, "alert opened"),
    AlertClosed: (logging.INFO, "alert closed"),
    Installed: (logging.INFO, "app installed"),
    Uninstalled: (logging.INFO, "app uninstalled"),
    RequestRefused: (logging.INFO, "request refused"),
    SetupChanged: (logging.INFO, "set-up changed"),
    ProcessesTakenOver: (logging.WARNING, "processes taken over"),
    StripeAsked: (logging.DEBUG, "asked Stripe"),
    MappingsInUse: (logging.INFO, "mappings in use"),
    MappingsRefused: (logging.ERROR, "mappings refused"),
    MappingsNotDeployed: (logging.WARNING, "mappings folder not deployed"),
}
"""Facts that always read alike."""


def words(fact: Fact) -> Words:
    """How a fact reads in the log."""
    match fact:
        case WebhookRefused(status=status):
            return Words(_refused(status), "webhook refused", _fields(fact))
        case NotificationRefused(status=status):
            return Words(_refused(status), "intercom webhook refused", _fields(fact))
        case NotificationTaken(woken=woken):
            return Words(logging.INFO if woken else logging.DEBUG, "intercom webhook taken", _fields(fact))
        case EventMapped(state=state):
            level = {"failed": logging.ERROR, "unparseable": logging.WARNING}.get(state, logging.INFO)
            fields = _fields(fact)
            return Words(level, f"event {state}", {"received_event": fields.pop("event"), **fields})
        case AttemptMade(step=step):
            return Words(logging.WARNING if step == "dead" else logging.INFO, "delivery attempted", _fields(fact))
        case Reconciled(outcome=outcome, found=found):
            level = logging.WARNING if outcome != "done" else logging.INFO if found else logging.DEBUG
            return Words(level, "reconciled with Stripe", _fields(fact))
        case AlertNoticed(outcome=outcome):
            return Words(logging.INFO if outcome == "sent" else logging.WARNING, "alert sent on", _fields(fact))
        case Verified(outcome=outcome):
            return Words(logging.WARNING if outcome == "differs" else logging.INFO, "verified", _fields(fact))
        case StageFailed(stage=stage, error=error):
            return Words(logging.ERROR, "stage failed", {"stage": stage, "exc_info": error})
        case _:
            return Words(*_PLAIN[type(fact)], _fields(fact))


def _refused(status: int) -> int:
    return logging.WARNING if status >= 500 else logging.INFO


def _fields(fact: Fact) -> dict[str, Any]:
    """A fact's own fields, without those that say nothing."""
    found = ((name, getattr(fact, name)) for name in fact.__slots__)
    return {name: value for name, value in found if value is not None and value != ()}


class Ration:
    """At most one line of a kind in `interval_s`; the next one says how many were left out."""

    def __init__(self, interval_s: float = 1.0, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._interval = interval_s
        self._clock = clock
        self._kinds: dict[Hashable, tuple[float, int]] = {}

    def take(self, kind: Hashable) -> int | None:
        """How many of `kind` were left out since the last line, None if this one is to be left out too."""
        now = self._clock()
        until, left_out = self._kinds.get(kind, (now, 0))
        if now < until:
            self._kinds[kind] = (until, left_out + 1)
            return None
        self._kinds[kind] = (now + self._interval, 0)
        return left_out


class Logs:
    """Where facts, and the lines of libraries, are written."""

    def __init__(self, stream: TextIO, *, as_json: bool, level: LogLevel, ration: Ration | None = None) -> None:
        self.level = logging.getLevelNamesMapping()[level.upper()]
        self._ration = ration or Ration()
        self._logger: FilteringBoundLogger = structlog.wrap_logger(
            structlog.WriteLogger(stream),
            processors=_processors(as_json=as_json, colors=stream.isatty()),
            wrapper_class=structlog.make_filtering_bound_logger(self.level),
            cache_logger_on_first_use=True,
        )

    def tell(self, fact: Fact) -> None:
        """Write a fact, unless its kind has just been written or is below the level."""
        if self._is_routine(fact):
            return  # the facts of the hot path: not even worded
        line = words(fact)
        if line.level >= self.level:
            self.line(line, kind=_rationed(fact))

    def _is_routine(self, fact: Fact) -> bool:
        """Whether it is below the level, as can be told without wording it."""
        match fact:
            case WebhookStored():
                return self.level > logging.DEBUG
            case AttemptMade(step="done") | EventMapped(state="mapped"):
                return self.level > logging.INFO
        return False

    def line(self, line: Words, *, kind: Hashable | None = None) -> None:
        """Write a line; one of a `kind` only in its turn."""
        left_out = self._ration.take(kind) if kind is not None else 0
        if left_out is not None:
            repeated = {"left_out": left_out} if left_out else {}
            self._logger.log(line.level, line.event, **line.fields, **repeated)


def _rationed(fact: Fact) -> Hashable | None:
    """The kind that a fact's line is rationed by, None where every one is written."""
    match fact:
        case WebhookRefused():
            return ("refused", fact.source, fact.why, fact.endpoint_id)
        case RequestRefused():
            return ("request", fact.path, fact.why)
        case Reconciled(outcome=outcome) if outcome != "done":
            return ("reconciled", outcome)
        case NotificationRefused():
            return ("notification refused", fact.why)
        case StageFailed():
            return ("failed", fact.stage, type(fact.error))
        case _:
            return None


class LibraryLines(logging.Handler):
    """Passes what libraries log through standard logging on to `Logs`."""

    def __init__(self, logs: Logs) -> None:
        super().__init__()
        self._logs = logs

    def emit(self, record: logging.LogRecord) -> None:
        """Write a record. Each malformed request makes aiohttp log a traceback; that becomes one rationed line."""
        error = record.exc_info[1] if record.exc_info else None
        if record.name == "aiohttp.server" and type(error).__module__ == "aiohttp.http_exceptions":
            malformed = Words(logging.INFO, "malformed request", {"error": type(error).__name__})
            self._logs.line(malformed, kind="malformed")
            return
        fields = {"logger": record.name} | ({"exc_info": error} if error else {})
        self._logs.line(Words(record.levelno, _one_line(record.getMessage()), fields))


def _one_line(message: str) -> str:
    """Without line breaks and control characters, by which a stranger could write lines of his own."""
    return "".join(char if char.isprintable() else repr(char)[1:-1] for char in message)


def start(log_format: LogFormat, level: LogLevel, stream: TextIO | None = None) -> Logs:
    """The logs of this process, standard logging included; libraries are heard from warnings on."""
    stream = stream or sys.stderr
    as_json = log_format is LogFormat.JSON or (log_format is LogFormat.AUTO and not stream.isatty())
    logs = Logs(stream, as_json=as_json, level=level)
    least = logs.level if level is LogLevel.DEBUG else max(logs.level, logging.WARNING)
    logging.basicConfig(handlers=[LibraryLines(logs)], level=least, force=True)
    return logs


def _processors(*, as_json: bool, colors: bool) -> list[Processor]:
    console = structlog.dev.ConsoleRenderer(colors=colors, repr_native_str=True)  # repr: no line breaks of strangers
    return [
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper("iso", utc=True),
        structlog.processors.format_exc_info,
        _without_secrets,
        structlog.processors.JSONRenderer(_as_json) if as_json else console,
    ]


_encoder = json.JSONEncoder(default=repr)


def _as_json(line: MutableMapping[str, Any], **_options: object) -> str:
    """The encoder is made once: json.dumps makes one for each line."""
    return _encoder.encode(line)


def _without_secrets(_logger: object, _method: str, line: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    return redacted(line)

"""`connector status` for people: eighty columns, ten seconds. What needs looking after comes first.

Pure: the document that --json prints comes in, lines and small tables go out.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, TypeAlias

Document: TypeAlias = Mapping[str, Any]
MOST = 12
"""Lines of each table."""
LONG_S = 3_600
"""So far behind an endpoint that is compared every ten minutes should not be."""
BROKEN = ("failed", "unparseable")


@dataclass(frozen=True, slots=True)
class Table:
    """A part with several lines; `more` is how many are left out, `below` what is to be said of some."""

    title: str
    columns: tuple[str, ...]
    rows: tuple[Mapping[str, str], ...]
    more: int = 0
    below: tuple[str, ...] = ()
    numbers: tuple[str, ...] = ()
    """Columns that stand to the right."""


def lines(found: Document) -> dict[str, str]:
    """What takes a line each."""
    mappings, names = found["mappings"], found.get("event_names")
    deployed = f"{mappings['digest'][:12]}, deployed by {mappings['deployed_by']}" if mappings["digest"] else None
    shown = {
        "revision": str(found["revision"]),
        "workspaces": counts(found["workspaces"]),
        "events": counts(found["events"]),
        "deliveries": counts(found["deliveries"]),
        "mappings": deployed or "the shipped catalogue; none deployed",
        "alerts": f"{len(found['alerts'])} open" if found["alerts"] else "none",
    }
    if names is not None:
        waiting = f", {names['waiting']:,} wait for a place" if names["waiting"] else ""
        shown["event names"] = f"{names['counted']} of {names['allowed']}{waiting}"
    return shown


def tables(found: Document, *, now: int) -> Iterator[Table]:
    """What takes several; `now` in milliseconds."""
    if found["alerts"]:
        yield _alerts(found["alerts"], now)
    if found.get("standing_still"):
        yield _standing_still(found["standing_still"])
    if found["sync"]:
        yield _endpoints(found["sync"], now)
    if found["backfills"]:
        yield _backfills(found["backfills"], now)


def counts(of: Mapping[str, int]) -> str:
    """How many there are of each, the most first."""
    most_first = sorted(of.items(), key=lambda each: (-each[1], each[0]))
    return ", ".join(f"{count:,} {what.replace('_', ' ')}" for what, count in most_first) or "none"


def ago(moment: str | None, now: int) -> str:
    """How long ago an ISO time is, in its one best unit."""
    if moment is None:
        return "–"
    seconds = max(0, now // 1000 - int(datetime.fromisoformat(moment).timestamp()))
    for unit, size in (("d", 86_400), ("h", 3_600), ("min", 60)):
        if seconds >= 2 * size:
            return f"{seconds // size} {unit} ago"
    return f"{seconds} s ago"


def short(text: str, most: int, *, keep_end: bool = False) -> str:
    """`text` in no more than so many characters."""
    if len(text) <= most:
        return text
    return "…" + text[1 - most :] if keep_end else text[: most - 1] + "…"


def _workspace(found: Document) -> str:
    return short(found["workspace"] or "–", 12)


def _history(found: Document) -> str:
    """What it takes in: of a path the end tells most."""
    return short(found["path"] or found["source"], 24, keep_end=True)


def _alerts(found: Sequence[Document], now: int) -> Table:
    rows = [
        {
            "workspace": _workspace(each),
            "alert": short(" ".join(filter(None, (each["kind"], each["subject"]))), 52),
            "since": ago(each["opened_at"], now),
        }
        for each in found
    ]
    return _table("alerts", ("since", "workspace", "alert"), rows, below=("`connector alerts list` says what to do.",))


def _standing_still(found: Sequence[Document]) -> Table:
    rows = [
        {"deliveries": f"{each['deliveries']:,}", "state": each["state"], "reason": each["reason"] or "–"}
        for each in sorted(found, key=lambda each: -each["deliveries"])
    ]
    return _table("standing still", ("deliveries", "state", "reason"), rows, numbers=("deliveries",))


def _endpoints(found: Sequence[Document], now: int) -> Table:
    worst = sorted(found, key=lambda each: not any(_ails(each)))
    rows = [
        {
            "workspace": _workspace(each),
            "endpoint": each["endpoint"],
            "webhook": ago(each["last_webhook"], now),
            "delivered": ago(each["last_delivered"], now),
            "compared to": ago(each["reconciled_until"], now),
            "24 h": f"{sum(each['day'].values()):,}",
            "missed": f"{each['missed']:,}",
            "gaps": str(len(each["gaps"]) or "–"),
        }
        for each in worst
    ]
    columns = ("workspace", "endpoint", "webhook", "delivered", "compared to", "24 h", "missed", "gaps")
    below = [f"! {_workspace(each)} {each['endpoint']}: {why}" for each in worst for why in _ails(each)]
    return _table("endpoints", columns, rows, below=below, numbers=("24 h", "missed", "gaps"))


def _ails(endpoint: Document) -> Iterator[str]:
    """What somebody should look at."""
    if endpoint["trouble"]:
        yield endpoint["trouble"]
    elif (endpoint["behind_s"] or 0) > LONG_S:
        yield f"compared with Stripe up to {endpoint['reconciled_until']}, and no further"
    if endpoint["gaps"]:
        yield f"cannot be listed any more: {endpoint['gaps'][-1]}"
    broken = {state: endpoint["day"][state] for state in BROKEN if endpoint["day"].get(state)}
    if broken:
        yield f"in 24 h: {counts(broken)}"


def _backfills(found: Sequence[Document], now: int) -> Table:
    rows = [
        {
            "of": _history(each),
            "endpoint": str(each["endpoint"]),
            "state": "done" if each["state"] == "done" else f"{min(99, int(each['position'] * 100))}%",
            "read": f"{each['read']:,}",
            "new": f"{each['new']:,}",
            "in counts": f"{each['summarised']:,}" if each["as_summaries"] else "–",
            "last": ago(each["updated_at"], now),
        }
        for each in found
    ]
    running = [each for each in found if each["state"] != "done"]
    below = [
        f"{_history(each)}: "
        + (f"taken in by {each['taken_in_by']}" if each["taken_in_by"] else "nobody is at it; the same command goes on")
        for each in running
    ]
    columns = ("of", "endpoint", "state", "read", "new", "in counts", "last")
    return _table("backfills", columns, rows, below=below, numbers=("read", "new", "in counts"))


def _table(
    title: str,
    columns: tuple[str, ...],
    rows: Sequence[Mapping[str, str]],
    *,
    below: Sequence[str] = (),
    numbers: tuple[str, ...] = (),
) -> Table:
    return Table(title, columns, tuple(rows[:MOST]), max(0, len(rows) - MOST), tuple(below[:MOST]), numbers)

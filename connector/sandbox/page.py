"""The page for people at GET /: what arrived, newest first, with every metadata value and its type."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from importlib.resources import files
from typing import Any

from aiohttp import web

from connector.sandbox.data_events import ReceivedEvent
from connector.sandbox.html import Html, joined, tag
from connector.sandbox.metadata import is_link
from connector.sandbox.state import State

SHOWN = 200
REFRESH_SECONDS = "5"
HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; style-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
}
STYLE = files("connector.sandbox").joinpath("page.css")


def page_routes(state: State) -> list[web.RouteDef]:
    """The page and its style sheet."""

    async def show(_: web.Request) -> web.Response:
        body = render(state).encode("utf-8", "replace")  # metadata may hold lone surrogates
        return web.Response(body=body, content_type="text/html", charset="utf-8", headers=HEADERS)

    async def style(_: web.Request) -> web.Response:
        return web.Response(text=STYLE.read_text(encoding="utf-8"), content_type="text/css", headers=HEADERS)

    return [web.get("/", show), web.get("/sandbox/page.css", style)]


def render(state: State) -> str:
    """The whole page. It reloads itself; there is no script on it."""
    events = state.ledger.events
    head = tag(
        "head",
        tag("meta", charset="utf-8"),
        tag("meta", name="viewport", content="width=device-width, initial-scale=1"),
        tag("meta", http_equiv="refresh", content=REFRESH_SECONDS),
        tag("title", f"{len(events)} events · sandbox"),
        tag("link", rel="stylesheet", href="/sandbox/page.css"),
    )
    rows = [_row(event) for event in events[: -SHOWN - 1 : -1]]
    table = tag("table", _header(), tag("tbody", joined(rows)))
    body = tag("body", _heading(state), tag("main", table if rows else _nothing_yet()))
    return "<!doctype html>\n" + tag("html", head, body, lang="en")


def _heading(state: State) -> Html:
    events, stored = state.ledger.events, state.ledger.accepted(duplicate=False)
    counts = joined([tag("li", f"{name}: ", tag("b", number)) for name, number in sorted(state.ledger.counts.items())])
    told = f"{len(events)} events accepted, {len(stored)} stored, {len(events) - len(stored)} duplicates ignored."
    return tag(
        "header",
        tag("h1", "A local Intercom"),
        tag("p", told, f" The newest {SHOWN} are shown. ", tag("a", "As JSON", href="/sandbox/events")),
        tag("ul", counts),
    )


def _nothing_yet() -> Html:
    return tag("p", "Nothing has arrived yet. This page reloads itself.", class_="empty")


def _header() -> Html:
    names = ("#", "Event", "Contact", "Happened (UTC)", "Metadata")
    return tag("thead", tag("tr", joined([tag("th", name, scope="col") for name in names])))


def _row(event: ReceivedEvent) -> Html:
    marks = [tag("span", "duplicate, ignored", class_="mark")] if event.duplicate else []
    if event.dropped_keys:
        marks.append(tag("span", f"keys ignored: {', '.join(event.dropped_keys)}", class_="mark"))
    return tag(
        "tr",
        tag("td", event.number, class_="number"),
        tag("td", tag("b", event.name), joined(marks)),
        tag("td", event.email or event.external_id or event.contact_id, tag("small", f"by {event.identified_by}")),
        tag("td", _utc(event.created_at)),
        tag("td", _metadata(event.metadata, event.types)),
        class_="duplicate" if event.duplicate else "stored",
    )


def _metadata(metadata: Mapping[str, Any], types: Mapping[str, str]) -> Html:
    items = [
        tag("div", tag("dt", key), tag("dd", _value(value, types[key]), tag("small", types[key])))
        for key, value in metadata.items()
    ]
    return tag("dl", joined(items))


def _value(value: Any, kind: str) -> object:  # noqa: ANN401 - metadata is any JSON value
    match kind:
        case "monetary amount":
            return f"{value['amount'] // 100:,}.{value['amount'] % 100:02} {value['currency'].upper()}"
        case "rich link":
            return _link(value["url"], value["value"])
        case "link" | "image":
            return _link(value, value)
        case "date":
            return _utc(int(value))
        case "boolean" | "number":
            return json.dumps(value)
        case _:
            return value


def _link(url: str, text: str) -> Html | str:
    return tag("a", text, href=url, rel="noopener noreferrer") if is_link(url) else text


def _utc(seconds: int) -> str:
    try:
        return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%d %H:%M:%S")
    except (ValueError, OverflowError, OSError):
        return str(seconds)

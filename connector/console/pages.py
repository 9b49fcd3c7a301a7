"""Rendering: the templates, the headers that every page is sent with, and the sentences that many pages say."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from aiohttp import web
from jinja2 import Environment

from connector.console.words import FILTERS
from connector.web import templates
from connector.web.safety import HEADERS as COMMON
from connector.web.safety import OWN_SCRIPT
from connector.web.templates import Templates

JINJA: Templates = web.AppKey("connector.console.jinja", Environment)
HEADERS: Final[Mapping[str, str]] = {**COMMON, "Content-Security-Policy": OWN_SCRIPT}

NO_DATABASE = "The database does not answer. Nothing was changed, unless this page said so before. Try again soon."
NO_FORM = "It is larger than any of ours, or no form at all. Nothing was changed."
FOREIGN = "It does not come from this page in this session. Nothing was changed. Load the page again and send it anew."

DONE: Final[Mapping[str, str]] = {
    "replay": "Replayed. It is on its way again.",
    "translated_afresh": "Replayed: its event is mapped again by today's mapping.",
    "same_identity": "Replayed with the same identity: Intercom drops it should it have it already.",
    "discard": "Discarded.",
    "release": "Released. It goes out now.",
    "wake": "It is tried now.",
    "mapped_again": "Its event is mapped again.",
    "all_mapped_again": "They are mapped again, a thousand at most. Those that are still here: press it once more.",
    "paused": "Paused. Nothing is sent until you resume; what arrives is stored and waits.",
    "resumed": "Resumed. What has waited goes out now.",
    "watching": "Watching. What arrives is mapped and shown, and nothing is sent.",
    "live": "Live. What arrives from now on is sent.",
    "rotated": "The new secret counts. The old one stays good until you drop it.",
    "dropped": "Only the newest secret is good now.",
    "job": "The job has begun. It goes on when you leave this page, and after a restart.",
    "cancelled": "Cancelled. What was done stays done.",
    "deployed": "Deployed. Every process maps by it within a second.",
    "unchanged": "Nothing had to be changed.",
}
"""What was done is a word in the address, and the sentence for it stands here: nothing from an address is shown."""


def prepare(app: web.Application) -> None:
    """Give `app` the templates."""
    templates.prepare(app, JINJA, "connector.console", FILTERS)


def shown(request: web.Request, template: str, context: Mapping[str, Any], *, status: int = 200) -> web.Response:
    """A page."""
    return templates.rendered(request, JINJA, template, context, headers=HEADERS, status=status)


def message(request: web.Request, title: str, what: str, *, status: int) -> web.Response:
    """A page that says what happened, without anything that a session is needed for."""
    return shown(request, "message.html", {"title": title, "what": what}, status=status)

"""What every set-up page shows around itself, and how each says that something was done.

What was done is a word in the address, and the sentence for it stands here: nothing that comes in an address is shown.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from aiohttp import web

from connector.appstore import web as pages
from connector.appstore.parts import Parts
from connector.appstore.web import Visit
from connector.telemetry.facts import SetupChanged
from connector.workspaces import audit

DONE: Final[Mapping[str, str]] = {
    "installed": "The app is installed. It is watching: nothing is sent yet. Connect Stripe or Segment next.",
    "stripe_connected": "The Stripe account is connected. Its events arrive from now on.",
    "stripe_found": "This Stripe account was connected already; its key and its endpoint are up to date.",
    "webhook_added": "The endpoint is ready. Enter its address at Stripe.",
    "segment_added": "The source is ready. Enter its address and its secret in Segment.",
    "tracking_added": "The tracking address is ready. Give it, and a write key, to your Segment library.",
    "rotated": "There is a new secret. The old one stays good until you drop it.",
    "dropped": "Only the newest secret is good now.",
    "disconnected": "It is disconnected. What still arrives there is answered and dropped.",
    "choices": "Your choices are saved. They count for what arrives from now on.",
    "sample_sent": "Intercom has accepted the sample. It stands in the contact's timeline.",
    "mode": "Saved.",
}


class Desk:
    """Shows pages for one workspace, and writes down who changed what."""

    def __init__(self, parts: Parts) -> None:
        self.parts = parts

    def show(
        self,
        visit: Visit,
        template: str,
        title: str,
        *,
        error: str | None = None,
        status: int = 200,
        **more: Any,  # noqa: ANN401 - what the template is made for
    ) -> web.Response:
        """A page; with an `error` the sentence that says what to mend."""
        context: dict[str, Any] = {
            "title": title,
            "workspace": visit.workspace,
            "csrf": visit.session.csrf,
            "form": visit.form,
            "done": None if error else DONE.get(visit.request.query.get("done", "")),
            "error": error,
            "here": visit.request.path,
            "back": self.parts.app.installed_url() if self.parts.app else None,
            **more,
        }
        return pages.shown(visit.request, template, context, status=422 if error and status == 200 else status)

    async def changed(self, visit: Visit, what: str, **detail: object) -> None:
        """Write down who did it, and let every process see it at once."""
        parts, workspace = self.parts, visit.workspace
        await parts.database.transact(
            audit.record, workspace.id, actor=visit.session.actor, action=what, detail=detail, now=parts.now()
        )
        await parts.directory.reload()
        parts.tell(SetupChanged(workspace.id, what))


def go(address: str, done: str) -> web.Response:
    """To the page that shows what was done."""
    return pages.elsewhere(f"{address}?done={done}")

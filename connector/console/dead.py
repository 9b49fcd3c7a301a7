"""/console/dead-letters: what stands still, by why; and jobs that do something about many at once."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from aiohttp import web

from connector.console import search
from connector.console.access import Route, Visit
from connector.console.roles import Role
from connector.errors import UsageError
from connector.outbox import browse, bulk, reasons, selection
from connector.outbox.bulk import BulkJob, JobState
from connector.outbox.delivery import State
from connector.outbox.selection import Selection

STANDING = (State.DEAD, State.HELD, State.PARKED, State.WAITING)
ACTIONS = {
    "replay": "Each is mapped again by today's mapping, or goes out as it was where a try may have arrived.",
    "release": "What is held goes out, behind what happens now.",
    "discard": "Each is given up. A replay takes that back.",
}
FIELDS = ("state", "reason", "name", "type", "status", "since", "until")
DEFAULT_RATE, FASTEST = 50, 1_000
PREVIEWED = 12
LOOKED_AT = 5_000
"""Deliveries that a preview tells the names and ages of; how many there are is counted whole."""


class DeadLetters:
    """The groups, the preview of a job, and jobs."""

    def routes(self) -> list[Route]:
        """GET /console/dead-letters, /console/bulk (the preview) and jobs; POST begins and cancels."""
        return [
            Route("GET", "/console/dead-letters", Role.VIEWER, self._groups),
            Route("GET", "/console/bulk/{action}", Role.OPERATOR, self._preview),
            Route("POST", "/console/bulk/{action}", Role.OPERATOR, self._begin),
            Route("GET", "/console/jobs/{job}", Role.VIEWER, self._job),
            Route("POST", "/console/jobs/{job}/cancel", Role.OPERATOR, self._cancel),
        ]

    async def _groups(self, visit: Visit) -> web.StreamResponse:
        read, workspace_id = visit.parts.database.read, visit.workspace_id
        found = await read(browse.groups, workspace_id, STANDING)
        return visit.show(
            "dead_letters.html",
            "Dead letters",
            dead=[each for each in found if each.state is State.DEAD],
            others=[each for each in found if each.state is not State.DEAD],
            meaning=reasons.of_delivery,
            jobs=await read(bulk.latest, workspace_id),
        )

    async def _preview(self, visit: Visit) -> web.StreamResponse:
        action, wanted = _action(visit), _chosen(visit, visit.query)
        read = visit.parts.database.read
        matched = await read(selection.count, wanted)
        counts = await read(selection.count_by_name, wanted, most=LOOKED_AT)
        max_age = visit.parts.settings.max_age_ms
        old = 0
        if max_age is not None and action != "discard":
            old = await read(selection.count_older, wanted, than=visit.parts.now() - max_age, most=LOOKED_AT)
        return visit.show(
            "bulk.html",
            f"{action.capitalize()} {matched:,} deliveries",
            action=action,
            says=ACTIONS[action],
            counts=counts[:PREVIEWED],
            more=max(0, len(counts) - PREVIEWED),
            matched=matched,
            looked_at=LOOKED_AT if matched > LOOKED_AT else None,
            old=old,
            hours=visit.parts.settings.max_age,
            asked={name: visit.query[name] for name in FIELDS if name in visit.query},
            rate=DEFAULT_RATE,
            fastest=FASTEST,
        )

    async def _begin(self, visit: Visit) -> web.StreamResponse:
        action, form = _action(visit), visit.form
        wanted = _chosen(visit, {name: form[name] for name in FIELDS if form[name]})
        rate = form["rate"]
        if not (rate.isascii() and rate.isdigit() and 1 <= int(rate) <= FASTEST):
            raise UsageError(f"a rate is a number of deliveries a second, 1 … {FASTEST:,}")
        job = await visit.parts.database.transact(
            bulk.begin, action, wanted, actor=visit.actor, rate=int(rate), now=visit.parts.now()
        )
        return visit.go(f"/console/jobs/{job.id}", done="job")

    async def _job(self, visit: Visit) -> web.StreamResponse:
        job = await self._found(visit)
        return visit.show("job.html", f"{job.action.capitalize()}: job {job.id}", **_said(visit, job))

    async def _cancel(self, visit: Visit) -> web.StreamResponse:
        job = await self._found(visit)
        done = await visit.parts.database.transact(
            bulk.cancel, visit.workspace_id, job.id, actor=visit.actor, now=visit.parts.now()
        )
        return visit.go(f"/console/jobs/{job.id}", done="cancelled" if done else "unchanged")

    async def _found(self, visit: Visit) -> BulkJob:
        number = visit.request.match_info["job"]
        if not (number.isascii() and number.isdigit() and len(number) < 16):
            raise UsageError("that is no number of a job")
        job = await visit.parts.database.read(bulk.find, visit.workspace_id, int(number))
        if job is None:
            raise UsageError("there is no such job in this workspace")
        return job


def _said(visit: Visit, job: BulkJob) -> dict[str, Any]:
    chosen = job.selection
    fields = {
        "state": ", ".join(state.value for state in chosen.states),
        "reason": ", ".join(chosen.reasons),
        "name": chosen.name,
        "type": chosen.received_type,
        "status": chosen.status,
    }
    return {
        "job": job,
        "running": job.state is JobState.RUNNING,
        "chosen": {name: value for name, value in fields.items() if value not in (None, "")},
        "may_cancel": visit.role.may(Role.OPERATOR),
    }


def _action(visit: Visit) -> str:
    action = visit.request.match_info["action"]
    if action not in ACTIONS:
        raise UsageError("there is replay, release and discard")
    return action


def _chosen(visit: Visit, said: Any) -> Selection:  # noqa: ANN401 - any mapping of text
    """Which deliveries; nothing is done to everything because somebody forgot to say to what."""
    wanted = search.deliveries(visit.workspace_id, said, now=visit.parts.now())
    if not any(name in said for name in FIELDS):
        raise UsageError("which deliveries? Search for them first, then act on what was found")
    if wanted.states == (State.DELIVERED,) or (not wanted.states and not wanted.reasons):
        wanted = replace(wanted, states=tuple(state for state in State if state is not State.DELIVERED))
    return wanted

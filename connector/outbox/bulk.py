"""Doing something to many deliveries in the background: a row that says to which, and how far it has come.

A chore takes a running job, does a second's worth and writes down how far it is in the same transactions, so that a
restart goes on where it stopped and another process may take over. Cancelling is seen between two batches.
[SQL of `bulk_jobs`]
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import Any

from sqlalchemy import Connection, Row, func, insert, select, text, update

from connector.database.engine import Database
from connector.database.tables import bulk_jobs, deliveries
from connector.events import Identifier, IdentifierKind, Key
from connector.outbox import selection as sql
from connector.outbox import verbs
from connector.outbox.delivery import State
from connector.outbox.selection import NOWHERE, Selection
from connector.outbox.verbs import Verb
from connector.workspaces import audit

BATCH = 100
REASONS_KEPT = 20
VERBS: Mapping[str, Verb] = {
    "replay": verbs.replay_one,
    "discard": verbs.discard_one,
    "release": verbs.release_behind,
}


class JobState(StrEnum):
    """running ──► done, or cancelled by an operator."""

    RUNNING = "running"
    DONE = "done"
    CANCELLED = "cancelled"


@dataclass(frozen=True, slots=True)
class BulkJob:
    """One job. `rate` is deliveries a second, None as fast as it goes; times in milliseconds."""

    id: int
    workspace_id: int
    action: str
    selection: Selection
    state: JobState
    actor: str
    rate: int | None
    matched: int
    seen: int
    done: int
    refused: Mapping[str, int]
    last_id: Key | None
    created_at: int
    updated_at: int


def begin(
    connection: Connection, action: str, selection: Selection, *, actor: str, rate: int | None, now: int
) -> BulkJob:
    """A new job, and the line in the audit that it was begun. What it makes anew itself is not what is meant."""
    assert selection.workspace_id is not None
    chosen = json.dumps(_as_json(selection) | {"mapped_before": now})
    row = {
        "workspace_id": selection.workspace_id,
        "action": action,
        "chosen": chosen,
        "state": JobState.RUNNING,
        "actor": actor,
        "rate": rate,
        "matched": sql.count(connection, selection),
        "created_at": now,
        "updated_at": now,
    }
    job_id = connection.scalars(insert(bulk_jobs).values(row).returning(bulk_jobs.c.id)).one()
    detail = {"job": job_id, "matched": row["matched"], "chosen": json.loads(chosen)}
    name = f"deliveries.{action}.begun"
    audit.record(connection, selection.workspace_id, actor=actor, action=name, detail=detail, now=now)
    return get(connection, job_id)


def cancel(connection: Connection, workspace_id: int, job_id: int, *, actor: str, now: int) -> bool:
    """Stop it; whether it was running. What was done stays done."""
    here = (bulk_jobs.c.id == job_id, bulk_jobs.c.workspace_id == workspace_id)
    running = (*here, bulk_jobs.c.state == JobState.RUNNING)
    if not connection.execute(
        update(bulk_jobs).where(*running).values(state=JobState.CANCELLED, updated_at=now)
    ).rowcount:
        return False
    found = get(connection, job_id)
    detail = {"job": job_id, "done": found.done, "seen": found.seen}
    name = f"deliveries.{found.action}.cancelled"
    audit.record(connection, workspace_id, actor=actor, action=name, detail=detail, now=now)
    return True


def get(connection: Connection, job_id: int) -> BulkJob:
    """The job of that number, which is there."""
    return _job(connection.execute(select(bulk_jobs).where(bulk_jobs.c.id == job_id)).one())


def find(connection: Connection, workspace_id: int, job_id: int) -> BulkJob | None:
    """A workspace's job."""
    query = select(bulk_jobs).where(bulk_jobs.c.id == job_id, bulk_jobs.c.workspace_id == workspace_id)
    row = connection.execute(query).one_or_none()
    return None if row is None else _job(row)


def latest(connection: Connection, workspace_id: int, *, limit: int = 10) -> list[BulkJob]:
    """A workspace's jobs, the newest first."""
    query = select(bulk_jobs).where(bulk_jobs.c.workspace_id == workspace_id)
    return [_job(row) for row in connection.execute(query.order_by(bulk_jobs.c.id.desc()).limit(limit))]


def running(connection: Connection) -> Sequence[int]:
    """The jobs that are to be worked off, oldest first."""
    query = select(bulk_jobs.c.id).where(text("bulk_jobs.state = 'running'"))
    return connection.scalars(query.order_by(bulk_jobs.c.id)).all()


async def turn(database: Database, *, every_s: float) -> int:
    """A turn of the chore: of each running job what `every_s` seconds allow; how many deliveries were looked at."""
    looked_at = 0
    for job_id in await database.read(running):
        job = await database.read(get, job_id)
        left = max(1, int(job.rate * every_s)) if job.rate else BATCH * 10
        while left > 0:
            seen = await database.transact(step, job_id, limit=min(BATCH, left), now=database.clock.now())
            if not seen:
                break
            left -= seen
            looked_at += seen
    return looked_at


def step(connection: Connection, job_id: int, *, limit: int, now: int) -> int:
    """Do it to the next `limit` of a job's deliveries; how many those were, 0 where it is over."""
    query = select(bulk_jobs).where(bulk_jobs.c.id == job_id, bulk_jobs.c.state == JobState.RUNNING)
    row = connection.execute(query.with_for_update()).one_or_none()  # two processes take turns
    if row is None:
        return 0
    job = _job(row)
    after = NOWHERE if job.last_id is None else (job.workspace_id, job.last_id)
    ids = sql.page(connection, job.selection, after=after, limit=limit)
    results = verbs.act(connection, VERBS[job.action], job.selection, ids, now=now)
    refused = Counter(job.refused)
    for result in results:
        refused.update([result.why] if result.why and (result.why in refused or len(refused) < REASONS_KEPT) else [])
    changed: dict[str, Any] = {
        "seen": job.seen + len(ids),
        "done": job.done + sum(result.done for result in results),
        "refused": json.dumps(refused),
        "last_id": ids[-1][1] if ids else job.last_id,
        "updated_at": now,
    }
    if len(ids) < limit:
        changed["state"] = JobState.DONE
        detail = {"job": job_id, "matched": job.matched, "done": changed["done"], "refused": sum(refused.values())}
        name = f"deliveries.{job.action}"
        audit.record(connection, job.workspace_id, actor=job.actor, action=name, detail=detail, now=now)
    connection.execute(update(bulk_jobs).where(bulk_jobs.c.id == job_id).values(changed))
    return len(ids)


def oldest_due(connection: Connection, workspace_id: int) -> int | None:
    """Since when the delivery that has changed least lately is due (milliseconds)."""
    query = select(func.min(deliveries.c.updated_at)).where(
        deliveries.c.workspace_id == workspace_id, deliveries.c.state == State.DUE.value
    )
    since: int | None = connection.scalar(query)
    return since


def _as_json(selection: Selection) -> dict[str, Any]:
    said = {name: value for name, value in asdict(selection).items() if value not in (None, ())}
    if selection.one is not None:
        said["one"] = selection.one.hex()
    return said


def _selection(said: Mapping[str, Any]) -> Selection:
    changed = dict(said)
    if "states" in said:
        changed["states"] = tuple(State(each) for each in said["states"])
    if "reasons" in said:
        changed["reasons"] = tuple(said["reasons"])
    if "contact" in said:
        changed["contact"] = Identifier(IdentifierKind(said["contact"]["kind"]), said["contact"]["value"])
    if "one" in said:
        changed["one"] = bytes.fromhex(said["one"])
    return Selection(**changed)


def _job(row: Row[Any]) -> BulkJob:
    values = row._asdict()
    values["selection"] = _selection(json.loads(values.pop("chosen")))
    values["state"] = JobState(row.state)
    values["refused"] = json.loads(row.refused)
    return BulkJob(**values)

"""Mapping sets in the database: kept for ever, known by digest, one of them in use.  [SQL of `catalogues`]

Which one is in use stands in the one row of `service`, so that there is never another; two who change it at once wait
for each other at that row.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, Connection, Row, func, select, tuple_, update

from connector.catalogues.built import Built
from connector.catalogues.mapping_set import SHIPPED_ALONE, MappingSet
from connector.database.rows import insert_new
from connector.database.tables import catalogues, service
from connector.errors import UsageError
from connector.events import display
from connector.workspaces import audit, changes

NO_WORKSPACE = 0
"""In the audit: what concerns all of them."""


@dataclass(frozen=True, slots=True)
class Deployment:
    """A set as it was deployed. Times in milliseconds."""

    digest: str
    set: MappingSet
    entries: int
    shipped_digest: str
    deployed_at: int
    deployed_by: str
    activated_at: int
    active: bool


def active_digest(connection: Connection) -> str | None:
    """Which set is in use; None before the first deployment."""
    found: str | None = connection.scalar(select(service.c.catalogue))
    return found


def active(connection: Connection) -> MappingSet:
    """The set in use, as the operator wrote it; none of his files before the first deployment."""
    query = select(catalogues.c.documents).join(service, service.c.catalogue == catalogues.c.digest)
    documents = connection.scalar(query)
    return SHIPPED_ALONE if documents is None else MappingSet.from_json(documents)


def latest_from_folder(connection: Connection) -> str | None:
    """The digest of what a service found in its folder last: only what differs from it is news."""
    columns = catalogues.c
    query = select(columns.digest).where(columns.from_folder_at.is_not(None)).order_by(columns.from_folder_at.desc())
    found: str | None = connection.scalar(query.limit(1))
    return found


def page(connection: Connection, *, limit: int, before: tuple[int, str] | None = None) -> list[Deployment]:
    """The sets that were deployed, the latest first, from behind the (deployed_at, digest) `before`."""
    columns = catalogues.c
    query = select(catalogues).order_by(columns.deployed_at.desc(), columns.digest.desc()).limit(limit)
    if before is not None:
        query = query.where(tuple_(columns.deployed_at, columns.digest) < before)
    in_use = active_digest(connection)
    return [_deployment(row, in_use) for row in connection.execute(query)]


def starting_with(connection: Connection, text: str) -> Deployment:
    """The one set whose digest is, or begins with, `text`. Raises UsageError."""
    digest = catalogues.c.digest
    found = _found(connection, digest.startswith(text, autoescape=True), limit=2) if text else []
    if len(found) > 1:
        raise UsageError(f"several sets begin with {text!r}: give more of the digest")
    if not found:
        raise UsageError(f"there is no mapping set {text!r}. `connector mappings history` shows what there is")
    return found[0]


def before_active(connection: Connection) -> Deployment | None:
    """The set that was deployed last before the one in use."""
    columns = catalogues.c
    since = select(columns.deployed_at).join(service, service.c.catalogue == columns.digest).scalar_subquery()
    found = _found(connection, columns.deployed_at < since, limit=1)
    return found[0] if found else None


def keep(connection: Connection, built: Built, *, by: str, from_folder: bool, now: int) -> None:
    """Store a set as deployed at this moment, or as deployed once more: after all others, whatever the clock says."""
    latest: int = connection.scalar(select(func.max(catalogues.c.deployed_at))) or 0
    deployed_at = max(now, latest + 1)
    row = {
        "digest": built.set.digest,
        "documents": built.set.as_json(),
        "shipped_digest": built.shipped_digest,
        "entries": len(built.catalog.entries),
        "deployed_at": deployed_at,
        "deployed_by": display(by),
        "from_folder_at": deployed_at if from_folder else None,
        "activated_at": now,
    }
    if not insert_new(connection, catalogues, [row]):
        again = {name: row[name] for name in ("shipped_digest", "entries", "deployed_at", "deployed_by")}
        where = catalogues.c.digest == row["digest"]
        connection.execute(update(catalogues).where(where).values(again))
        if from_folder:
            connection.execute(update(catalogues).where(where).values(from_folder_at=deployed_at))


def activate(connection: Connection, digest: str, *, by: str, how: str, now: int) -> str | None:
    """Make a stored set the one in use, for everybody; the digest of the one before. Who comes second waits here."""
    changes.bump(connection)
    before = active_digest(connection)
    connection.execute(update(service).values(catalogue=digest))
    connection.execute(update(catalogues).where(catalogues.c.digest == digest).values(activated_at=now))
    detail = {"digest": digest, "before": before}
    audit.record(connection, NO_WORKSPACE, actor=by, action=how, detail=detail, now=now)
    return before


def _found(connection: Connection, where: ColumnElement[bool], *, limit: int) -> Sequence[Deployment]:
    query = select(catalogues).where(where).order_by(catalogues.c.deployed_at.desc()).limit(limit)
    in_use = active_digest(connection)
    return [_deployment(row, in_use) for row in connection.execute(query)]


def _deployment(row: Row[Any], in_use: str | None) -> Deployment:
    return Deployment(
        row.digest,
        MappingSet.from_json(row.documents),
        row.entries,
        row.shipped_digest,
        row.deployed_at,
        row.deployed_by,
        row.activated_at,
        row.digest == in_use,
    )

"""Making a mapping set the one in use: refused whole with its problems, or followed by every process.  [SQL]"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TypeAlias

from pydantic import ValidationError
from sqlalchemy import Connection, select

from connector.catalogues import store
from connector.catalogues.built import Built, build
from connector.catalogues.choosing import chosen, mistakes
from connector.catalogues.drift import drifts
from connector.catalogues.mapping_set import SHIPPED_ALONE
from connector.database.tables import workspaces
from connector.mapping.review import Checks
from connector.outbox import alerts, event_names
from connector.outbox.admission import close_drift
from connector.workspaces import changes, choices
from connector.workspaces.choices import Choices
from connector.workspaces.modes import Mode

REFUSED = "mappings_refused"
"""The alert about a folder whose change was refused."""
CHOICES_BROKEN = "choices_broken"
"""The alert about a workspace whose own entries, or other choices, do not fit the set in use."""
BEFORE_ANYTHING = "connector"


@dataclass(frozen=True, slots=True)
class Deployed:
    """The set in use now, and the one before; `changed` is false where it was in use already."""

    digest: str
    before: str | None
    changed: bool


@dataclass(frozen=True, slots=True)
class Refused:
    """Nothing was changed; why, in sentences that say what to do."""

    problems: tuple[str, ...]


Result: TypeAlias = Deployed | Refused


def deploy(connection: Connection, built: Built, *, by: str, now: int, from_folder: bool = False) -> Result:
    """Put a set into use, unless it has mistakes or would change what was sent before."""
    changes.bump(connection)  # whoever deploys at the same time waits here
    if problems := tuple(refusals(connection, built)):
        return Refused(problems)
    before = store.active_digest(connection)
    if before is None and built.set != SHIPPED_ALONE:
        _keep_shipped(connection, now=now)  # something to go back to
    if before != built.set.digest or from_folder:
        store.keep(connection, built, by=by, from_folder=from_folder, now=now)
    if before == built.set.digest:
        return Deployed(built.set.digest, before, changed=False)
    return _activated(connection, built.set.digest, by=by, how="deploy", now=now)


def roll_back(connection: Connection, digest: str, *, by: str, now: int) -> Deployed:
    """Put a set into use that was deployed before. What it sends in another type is left out when it is sent."""
    if store.active_digest(connection) == digest:
        return Deployed(digest, digest, changed=False)
    return _activated(connection, digest, by=by, how="rollback", now=now)


def refusals(connection: Connection, built: Built) -> Iterator[str]:
    """Everything that keeps a set from being used: its mistakes, types that are frozen, own entries it would break."""
    yield from (str(problem) for problem in built.mistakes)
    if built.ok:
        yield from (str(drift) for drift in drifts(built.catalog, event_names.frozen(connection)))
        yield from _broken(connection, built)


def _activated(connection: Connection, digest: str, *, by: str, how: str, now: int) -> Deployed:
    before = store.activate(connection, digest, by=by, how=how, now=now)
    close_drift(connection, now=now)
    for kind in (REFUSED, CHOICES_BROKEN):
        alerts.close_alerts(connection, kind, now=now)
    return Deployed(digest, before, changed=True)


def _keep_shipped(connection: Connection, *, now: int) -> None:
    store.keep(connection, build(SHIPPED_ALONE, Checks()), by=BEFORE_ANYTHING, from_folder=False, now=now)


def _broken(connection: Connection, built: Built) -> Iterator[str]:
    """Own entries of workspaces that would no longer fit."""
    columns = workspaces.c
    with_own = select(columns.app_id, columns.settings).where(
        columns.settings.contains('"entries"'), columns.mode != Mode.REMOVED
    )
    seen: dict[str, tuple[str, ...]] = {}
    for row in connection.execute(with_own):
        try:
            theirs = Choices.model_validate(json.loads(row.settings))
        except ValidationError:
            continue
        about = theirs.about_rules
        problems = seen[about] if about in seen else seen.setdefault(about, chosen(built, theirs).problems)
        for problem in problems[:1]:
            yield f"workspace {row.app_id}: {problem} (`connector workspaces choices {row.app_id}`)"


def choose(
    connection: Connection, built: Built, workspace_id: int, wanted: Choices, *, actor: str, now: int
) -> list[str]:
    """Store what a workspace chooses over the set in use, or say what keeps it from that."""
    if wrong := refusals_of_choices(connection, built, workspace_id, wanted):
        return wrong
    choices.write(connection, workspace_id, wanted, actor=actor, now=now)
    alerts.close_alerts(connection, CHOICES_BROKEN, workspace_id=workspace_id, now=now)
    return []


def refusals_of_choices(connection: Connection, built: Built, workspace_id: int, wanted: Choices) -> list[str]:
    """What keeps a workspace from choosing so: what is not there, mistakes, and types that it has frozen."""
    if wrong := mistakes(built, wanted):
        return wrong
    frozen = event_names.frozen(connection, workspace_id)
    return [str(drift) for drift in drifts(chosen(built, wanted).catalog, frozen)]

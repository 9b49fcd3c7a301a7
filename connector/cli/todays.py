"""The mapping set in use, for commands that have to tell what the service makes of an event."""

from __future__ import annotations

import asyncio

from connector.catalogues import store as sets
from connector.catalogues.built import Built, build
from connector.catalogues.choosing import RulesByWorkspace
from connector.cli.session import Session
from connector.mapping.catalog import Catalog
from connector.mapping.context import Options
from connector.mapping.entry import Entry
from connector.mapping.review import Checks
from connector.outbox.translation import RulesOf
from connector.workspaces import store


async def catalog(session: Session) -> Catalog:
    """What events are mapped by just now, by nobody's choices."""
    return (await _in_use(session)).catalog


async def rules(session: Session) -> RulesOf:
    """What each workspace's events are mapped by just now: the deployed set, as the workspace has chosen to have it."""
    settings, built = session.settings, await _in_use(session)
    options = Options(metadata_keys=settings.metadata_keys, zero_decimal_money=settings.zero_decimal_money.value)
    return RulesByWorkspace(built, options, lambda _workspace_id, _why: None).of


async def _in_use(session: Session) -> Built:
    found = await session.database.read(sets.active)
    return await asyncio.to_thread(build, found, Checks(metadata_keys=session.settings.metadata_keys))


async def entry_of(session: Session, workspace_id: int, mapping_id: str) -> tuple[Entry | None, str]:
    """Today's entry of that id in a workspace, where there is one, and the digest of what the workspace has today."""
    workspace = await session.database.read(store.get, session.vault, workspace_id)
    today = (await rules(session))(workspace)
    return next((entry for entry in today.catalog.entries if entry.id == mapping_id), None), today.digest

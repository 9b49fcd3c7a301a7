"""The mappings in use, for commands that have to tell what they make of an event."""

from __future__ import annotations

from dataclasses import replace

from connector.cli.session import Session
from connector.mapping.catalog import Catalog
from connector.mapping.context import Options
from connector.mapping.entry import Entry
from connector.mapping.review import Checks
from connector.mapping_files import load, shipped_folder
from connector.settings import Settings
from connector.workspaces import store


def catalog(settings: Settings) -> Catalog:
    """The shipped entries with the operator's over them."""
    folders = [shipped_folder(), *([settings.mappings_dir] if settings.mappings_dir else [])]
    return load(folders, Checks(metadata_keys=settings.metadata_keys)).catalog


def entry_of(settings: Settings, mapping_id: str) -> tuple[Entry | None, str]:
    """Today's entry of that id, where there is one, and the digest of today's set."""
    today = catalog(settings)
    return next((entry for entry in today.entries if entry.id == mapping_id), None), today.digest


async def options_of(session: Session, workspace_id: int) -> Options:
    """What the service and a workspace have chosen about events."""
    settings = session.settings
    found = await session.database.read(store.get, session.vault, workspace_id)
    options = Options(metadata_keys=settings.metadata_keys, zero_decimal_money=settings.zero_decimal_money.value)
    return replace(options, time_zone=found.time_zone, language=found.language)

"""The folders that `connector mappings` looks at: the shipped catalogue, and what an operator lays over it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from connector.errors import SettingsError

if TYPE_CHECKING:
    from connector.mapping.context import Options
    from connector.mapping_files import Loaded
    from connector.settings import Settings
    from connector.workspaces.store import Workspace

Folders = Annotated[
    list[Path] | None,
    typer.Argument(
        metavar="[FOLDER]...",
        help="Laid over the shipped catalogue, instead of CONNECTOR_MAPPINGS_DIR.",
        show_default=False,
    ),
]


def sources() -> Iterable[str]:
    """The names of the sources."""
    from connector.mapping.dialect import DIALECTS

    return DIALECTS


def folders(settings: Settings, given: Sequence[Path] | None) -> list[Path]:
    """The shipped catalogue, and what is laid over it."""
    from connector.mapping_files import shipped_folder

    own = list(given) if given else [settings.mappings_dir] if settings.mappings_dir else []
    return [shipped_folder(), *own]


def loaded(given: Sequence[Path] | None) -> tuple[Settings, Loaded]:
    """The catalogue that would be in use. Raises SettingsError where it has mistakes."""
    from connector.mapping.review import Checks
    from connector.mapping_files import load as load_folders
    from connector.settings import load

    settings = load()
    found = load_folders(folders(settings, given), Checks(settings.metadata_keys))
    if not found.ok:
        count = sum(not problem.warning for problem in found.problems)
        named = " ".join(str(folder) for folder in given or ())
        mistakes = "a mistake" if count == 1 else f"{count} mistakes"
        raise SettingsError(
            f"the mapping files have {mistakes}. See where: `{f'connector mappings check {named}'.strip()}`"
        )
    return settings, found


def options(settings: Settings, workspace: Workspace | None = None) -> Options:
    """What the service and a workspace have chosen about events."""
    from connector.mapping.context import Options

    return Options(
        metadata_keys=settings.metadata_keys,
        time_zone=workspace.time_zone if workspace else "UTC",
        language=workspace.language if workspace else "en",
        zero_decimal_money=settings.zero_decimal_money.value,
    )


def complete_event(incomplete: str) -> list[str]:
    """For a shell's completion: event types, names and ids that begin so; quiet where the files have mistakes."""
    from connector.errors import ConnectorError

    try:
        _, found = loaded(None)
    except ConnectorError:
        return []
    words = {
        word
        for entry in found.catalog.entries
        for word in (*entry.definition.trigger, entry.name or "", entry.id)
        if word.startswith(incomplete)
    }
    return sorted(words - {""})


def complete_type(incomplete: str) -> list[str]:
    """For a shell's completion: Stripe's event types, and those that the catalogue asks for."""
    from connector.mapping.stripe_types import stripe_types

    return sorted({word for word in (*stripe_types(), *complete_event(incomplete)) if word.startswith(incomplete)})

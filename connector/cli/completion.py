"""What a shell's tab completion is told beyond commands and options: never an error, never a new database."""

from __future__ import annotations


def workspaces(incomplete: str) -> list[str]:
    """The ids of the workspaces there are that begin so."""
    from sqlalchemy.exc import SQLAlchemyError

    from connector.cli.session import run
    from connector.database.engine import parse_url
    from connector.errors import ConnectorError
    from connector.settings import load

    try:
        url = parse_url(load().database_url)
        if url.get_backend_name() == "sqlite" and not _is_file(url.database):
            return []
        found = run(lambda session: session.app_ids())
    except (ConnectorError, SQLAlchemyError, OSError):
        return []
    return sorted(app_id for app_id in found.values() if app_id.startswith(incomplete))


def _is_file(path: str | None) -> bool:
    from pathlib import Path

    return path is not None and Path(path).is_file()

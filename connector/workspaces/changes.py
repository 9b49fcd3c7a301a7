"""One counter that rises with each change of a workspace or an endpoint, in the same transaction.

Reading it is how a running service notices what another process, such as the command line, has changed.
"""

from __future__ import annotations

from sqlalchemy import Connection, select, update

from connector.database.rows import insert_new
from connector.database.tables import service

_ONLY_ROW = 1


def bump(connection: Connection) -> None:
    """Say that something has changed."""
    insert_new(connection, service, [{"id": _ONLY_ROW, "changes": 0}])
    connection.execute(update(service).values(changes=service.c.changes + 1))


def count(connection: Connection) -> int:
    """How many changes there have been."""
    return connection.scalar(select(service.c.changes)) or 0

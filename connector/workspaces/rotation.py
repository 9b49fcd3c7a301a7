"""Re-encrypting everything with the first key: `connector keys rotate`.  [SQL]

Row by row in small transactions. A process that is killed leaves each secret under the old key or the new one, and
both are in use; the next run passes over what is done. A secret that changes meanwhile is left as it has become.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from sqlalchemy import Connection, Table, select, update

from connector.database.tables import endpoints, workspaces
from connector.workspaces.vault import Place, Vault

SEALED: Mapping[Table, Sequence[str]] = {
    workspaces: ("token",),
    endpoints: ("token", "signing_secrets", "authorization", "restricted_key", "browser_keys"),
}
"""Every column that holds ciphertext."""
AT_ONCE = 25
"""Rows in a transaction: it holds up webhooks for a few milliseconds."""


@dataclass(frozen=True, slots=True)
class Step:
    """Some rows were looked at: how many secrets were re-encrypted, how many were right already, and the last row."""

    rotated: int
    kept: int
    last: int | None


def count(connection: Connection, table: Table) -> int:
    """Rows that may hold secrets."""
    return len(connection.scalars(select(table.c.id)).all())


def rotate(connection: Connection, vault: Vault, table: Table, *, after: int) -> Step:
    """Re-encrypt the secrets of the next rows of `table` behind `after`. Raises SecretError where one does not open."""
    rows = connection.execute(select(table).where(table.c.id > after).order_by(table.c.id).limit(AT_ONCE)).mappings()
    rotated = kept = 0
    last = None
    for row in rows.all():
        last = row["id"]
        workspace_id = last if table is workspaces else row["workspace_id"]
        for column in SEALED[table]:
            if row[column] is None or row[column] == b"":
                continue
            if vault.is_current(row[column]):
                kept += 1
                continue
            place = Place(table.name, last, column, workspace_id)
            sealed = vault.seal(vault.open(row[column], place), place)
            unchanged = (table.c.id == last, table.c[column] == row[column])
            rotated += connection.execute(update(table).where(*unchanged).values({column: sealed})).rowcount
    return Step(rotated, kept, last)

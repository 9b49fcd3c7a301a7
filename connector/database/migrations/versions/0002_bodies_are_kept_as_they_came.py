"""Bodies are kept as they came

PostgreSQL compresses what is longer than 2 kB, with pglz: for a typical webhook that is nearly half of all the time that
it spends on storing one. What fits stays in its row as it is, as on SQLite; bodies are pruned after weeks anyway.

Revision ID: 0002
"""

from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

INLINE_BYTES = 8160
"""The most that PostgreSQL takes: a row has to fit a page of 8 kB."""


def upgrade() -> None:
    if op.get_bind().dialect.name == "postgresql":
        op.execute("ALTER TABLE bodies ALTER COLUMN body SET STORAGE EXTERNAL")
        op.execute(f"ALTER TABLE bodies SET (toast_tuple_target = {INLINE_BYTES})")

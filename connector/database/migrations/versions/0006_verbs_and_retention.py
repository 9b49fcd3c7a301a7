"""Releases, matches, retention; bodies in daily partitions on PostgreSQL

The bodies that are there become the first partition as they are: nothing is copied, and their index is kept. Until
this transaction ends a service of the version before waits; afterwards it writes into the partitions without noticing.

Revision ID: 0006
"""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

DAY_MS = 86_400_000


def upgrade() -> None:
    op.add_column("deliveries", sa.Column("released_at", sa.BigInteger(), nullable=True))
    op.create_table(
        "matches",
        sa.Column("workspace_id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("key", sa.LargeBinary(length=16), nullable=False),
        sa.Column("matched_by", sa.String(length=255), nullable=True),
        sa.Column("asked_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("workspace_id", "key", name=op.f("pk_matches")),
    )
    op.create_table(
        "retention",
        sa.Column("workspace_id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("task", sa.String(length=64), nullable=False),
        sa.Column("until_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("workspace_id", "task", name=op.f("pk_retention")),
    )
    if op.get_bind().dialect.name == "postgresql":
        _partition_bodies()


def _partition_bodies() -> None:
    op.execute("LOCK TABLE bodies IN ACCESS EXCLUSIVE MODE")
    op.execute("ALTER TABLE bodies RENAME TO bodies_before")
    op.execute("ALTER INDEX pk_bodies RENAME TO pk_bodies_before")
    op.execute(
        "CREATE TABLE bodies (LIKE bodies_before INCLUDING DEFAULTS INCLUDING STORAGE, "
        "CONSTRAINT pk_bodies PRIMARY KEY (workspace_id, received_at, key)) PARTITION BY RANGE (received_at)"
    )
    now = "(extract(epoch FROM clock_timestamp()) * 1000)::bigint"
    last = op.get_bind().scalar(sa.text(f"SELECT greatest({now}, (SELECT max(received_at) FROM bodies_before))"))  # noqa: S608
    ends = (int(last) // DAY_MS + 1) * DAY_MS
    op.execute(f"ALTER TABLE bodies ATTACH PARTITION bodies_before FOR VALUES FROM (MINVALUE) TO ({ends})")
    op.execute("CREATE TABLE bodies_other PARTITION OF bodies DEFAULT WITH (toast_tuple_target = 8160)")

"""Many processes and priorities

Revision ID: 0005
"""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

WAITING = sa.text("state = 'received'")


def upgrade() -> None:
    op.create_table(
        "processes",
        sa.Column("id", sa.LargeBinary(length=16), nullable=False),
        sa.Column("name", sa.String(length=255), nullable=False),
        sa.Column("started_at", sa.BigInteger(), nullable=False),
        sa.Column("seen_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_processes")),
    )
    op.create_table(
        "ticks",
        sa.Column("task", sa.String(length=64), nullable=False),
        sa.Column("tick", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("taken_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("task", "tick", name=op.f("pk_ticks")),
    )
    op.create_table(
        "regions",
        sa.Column("region", sa.String(length=8), nullable=False),
        sa.Column("breaker_failures", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("breaker_opened", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("breaker_until", sa.BigInteger(), nullable=True),
        sa.Column("rate", sa.Float(), nullable=True),
        sa.Column("tokens", sa.Float(), server_default=sa.text("0"), nullable=False),
        sa.Column("refilled_at", sa.BigInteger(), nullable=True),
        sa.Column("refused_at", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("region", name=op.f("pk_regions")),
    )
    # adding a column with a constant default rewrites no row, on either database
    op.add_column(
        "received_events", sa.Column("priority", sa.SmallInteger(), server_default=sa.text("0"), nullable=False)
    )
    op.drop_index("ix_received_events_to_map", table_name="received_events")
    op.create_index(
        "ix_received_events_to_map",
        "received_events",
        ["priority", "workspace_id", "received_at"],
        sqlite_where=WAITING,
        postgresql_where=WAITING,
    )
    if op.get_bind().dialect.name == "postgresql":
        op.create_index("ix_queue_leased", "queue", ["lease_id"], postgresql_where=sa.text("lease_id IS NOT NULL"))

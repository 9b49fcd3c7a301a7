"""History in counts, a lock on each backfill, and what Intercom says it has seen

Revision ID: 0013
"""

import sqlalchemy as sa
from alembic import op

revision = "0013"
down_revision = "0011"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "summaries",
        sa.Column("workspace_id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("id", sa.LargeBinary(length=16), nullable=False),
        sa.Column("user_id", sa.String(length=255), nullable=False),
        sa.Column("name", sa.String(length=255), nullable=False),
        sa.Column("count", sa.Integer(), nullable=False),
        sa.Column("first", sa.BigInteger(), nullable=False),
        sa.Column("last", sa.BigInteger(), nullable=False),
        sa.Column("deliveries", sa.Text(), nullable=False),
        sa.Column("before", sa.Text(), nullable=True),
        sa.Column("tried_at", sa.BigInteger(), nullable=True),
        sa.Column("made_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("workspace_id", "id", name=op.f("pk_summaries")),
    )
    for name in ("summaries", "summarised"):
        op.add_column("backfills", sa.Column(name, sa.BigInteger(), server_default=sa.text("0"), nullable=False))
    op.add_column("backfills", sa.Column("holder", sa.LargeBinary(length=16), nullable=True))
    op.add_column("backfills", sa.Column("holder_name", sa.String(length=255), nullable=True))
    op.add_column("backfills", sa.Column("held_until", sa.BigInteger(), nullable=True))
    op.add_column("deliveries", sa.Column("seen_at", sa.BigInteger(), nullable=True))

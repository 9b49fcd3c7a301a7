"""Unmapped types are counted

Revision ID: 0003
"""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_index(
        "ix_received_events_unmapped",
        "received_events",
        ["workspace_id", "source", "type", "received_at", "state"],
        unique=False,
        sqlite_where=sa.text("state = 'unmapped'"),
        postgresql_where=sa.text("state = 'unmapped'"),
    )


def downgrade() -> None:
    op.drop_index("ix_received_events_unmapped", table_name="received_events")

"""Mapping sets in the database, which of them is in use, and which event names count among Intercom's 120

Revision ID: 0004
"""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "catalogues",
        sa.Column("digest", sa.String(length=64), nullable=False),
        sa.Column("documents", sa.Text(), nullable=False),
        sa.Column("shipped_digest", sa.String(length=64), nullable=False),
        sa.Column("entries", sa.Integer(), nullable=False),
        sa.Column("deployed_at", sa.BigInteger(), nullable=False),
        sa.Column("deployed_by", sa.String(length=255), nullable=False),
        sa.Column("from_folder_at", sa.BigInteger(), nullable=True),
        sa.Column("activated_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("digest", name=op.f("pk_catalogues")),
    )
    op.add_column("service", sa.Column("catalogue", sa.String(length=64), nullable=True))
    op.add_column("event_names", sa.Column("counted_at", sa.BigInteger(), nullable=True))
    # what was seen may have been sent: counting a name too many is mended by `event-names forget`
    op.execute(sa.text("UPDATE event_names SET counted_at = first_seen_at WHERE stopped_reason IS NULL"))
    # what Intercom had refused for want of room waits for room from now on
    op.execute(sa.text("UPDATE event_names SET stopped_reason = 'no_room' WHERE stopped_reason IS NOT NULL"))

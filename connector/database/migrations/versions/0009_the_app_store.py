"""The app store: OAuth states, set-up links and sessions, what Intercom was told, Stripe's ids of our endpoints

Revision ID: 0009
"""

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None


def upgrade() -> None:
    with op.batch_alter_table("endpoints", schema=None) as batch_op:
        batch_op.add_column(sa.Column("browser_keys", sa.LargeBinary(), nullable=True))
        batch_op.add_column(sa.Column("account_id", sa.String(length=255), nullable=True))
        batch_op.add_column(sa.Column("remote_id", sa.String(length=255), nullable=True))

    op.create_table(
        "oauth_states",
        sa.Column("key", sa.LargeBinary(length=16), nullable=False),
        sa.Column("browser", sa.LargeBinary(length=16), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("key", name=op.f("pk_oauth_states")),
    )
    with op.batch_alter_table("oauth_states", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_oauth_states_created_at"), ["created_at"], unique=False)

    op.create_table(
        "setup_links",
        sa.Column("workspace_id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("key", sa.LargeBinary(length=16), nullable=False),
        sa.Column("expires_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("workspace_id", "key", name=op.f("pk_setup_links")),
    )
    with op.batch_alter_table("setup_links", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_setup_links_expires_at"), ["expires_at"], unique=False)

    op.create_table(
        "setup_sessions",
        sa.Column("workspace_id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("key", sa.LargeBinary(length=16), nullable=False),
        sa.Column("actor", sa.String(length=255), nullable=False),
        sa.Column("expires_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("workspace_id", "key", name=op.f("pk_setup_sessions")),
    )
    with op.batch_alter_table("setup_sessions", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_setup_sessions_expires_at"), ["expires_at"], unique=False)

    op.create_table(
        "health_reports",
        sa.Column("workspace_id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("report", sa.Text(), nullable=False),
        sa.Column("told_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("workspace_id", name=op.f("pk_health_reports")),
    )

"""The console: its users and sessions, bulk jobs, counts by the hour, and indexes of what stands still

The indexes are partial: what is delivered at the first try is in none of them.

Revision ID: 0011
"""

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None

_ID = sa.BigInteger().with_variant(sa.Integer, "sqlite")


def _partial(name: str, table: str, columns: list[str], where: str) -> None:
    op.create_index(name, table, columns, sqlite_where=sa.text(where), postgresql_where=sa.text(where))


def upgrade() -> None:
    op.create_table(
        "console_users",
        sa.Column("name", sa.String(length=64), nullable=False),
        sa.Column("role", sa.String(length=16), nullable=False),
        sa.Column("password", sa.String(length=255), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("password_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_console_users")),
    )
    op.create_table(
        "console_sessions",
        sa.Column("key", sa.LargeBinary(length=16), nullable=False),
        sa.Column("user_name", sa.String(length=64), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("expires_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("key", name=op.f("pk_console_sessions")),
    )
    op.create_index(op.f("ix_console_sessions_user_name"), "console_sessions", ["user_name"])
    op.create_table(
        "bulk_jobs",
        sa.Column("id", _ID, nullable=False),
        sa.Column("workspace_id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("action", sa.String(length=16), nullable=False),
        sa.Column("chosen", sa.Text(), nullable=False),
        sa.Column("state", sa.String(length=32), nullable=False),
        sa.Column("actor", sa.String(length=255), nullable=False),
        sa.Column("rate", sa.Integer(), nullable=True),
        sa.Column("matched", sa.Integer(), nullable=False),
        sa.Column("seen", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("done", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("refused", sa.Text(), server_default=sa.text("'{}'"), nullable=False),
        sa.Column("last_id", sa.LargeBinary(length=16), nullable=True),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("updated_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_bulk_jobs")),
    )
    _partial("ix_bulk_jobs_running", "bulk_jobs", ["id"], "state = 'running'")
    op.create_index(op.f("ix_bulk_jobs_workspace_id_id"), "bulk_jobs", ["workspace_id", "id"])
    op.create_table(
        "hours",
        sa.Column("workspace_id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("hour", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("received", sa.Integer(), nullable=False),
        sa.Column("delivered", sa.Integer(), nullable=False),
        sa.Column("dead", sa.Integer(), nullable=False),
        sa.Column("p50_ms", sa.Integer(), nullable=True),
        sa.Column("p95_ms", sa.Integer(), nullable=True),
        sa.PrimaryKeyConstraint("workspace_id", "hour", name=op.f("pk_hours")),
    )
    _partial(
        "ix_received_events_broken",
        "received_events",
        ["workspace_id", "state", "received_at"],
        "state IN ('failed', 'unparseable')",
    )
    _partial(
        "ix_deliveries_reason", "deliveries", ["workspace_id", "state", "reason", "updated_at"], "reason IS NOT NULL"
    )
    _partial(
        "ix_attempts_failed",
        "attempts",
        ["workspace_id", "status", "started_at", "delivery_id"],
        "outcome <> 'delivered'",
    )

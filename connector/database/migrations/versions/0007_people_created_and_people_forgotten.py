"""People created, and people forgotten

Revision ID: 0007
"""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "known_contacts",
        sa.Column("workspace_id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("identifier", sa.LargeBinary(length=16), nullable=False),
        sa.Column("contact_id", sa.String(length=255), nullable=True),
        sa.Column("seen_at", sa.BigInteger(), nullable=False),
        sa.Column("holder", sa.LargeBinary(length=16), nullable=True),
        sa.Column("held_until", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("workspace_id", "identifier", name=op.f("pk_known_contacts")),
    )
    op.create_table(
        "erasures",
        sa.Column("workspace_id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("identifier", sa.LargeBinary(length=16), nullable=False),
        sa.Column("identifier_kind", sa.String(length=32), nullable=False),
        sa.Column("identifier_value", sa.String(length=255), nullable=False),
        sa.Column("asked_by", sa.String(length=255), nullable=False),
        sa.Column("asked_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("workspace_id", "identifier", name=op.f("pk_erasures")),
    )


def downgrade() -> None:
    op.drop_table("erasures")
    op.drop_table("known_contacts")

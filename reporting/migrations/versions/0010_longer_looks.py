"""Longer looks: asked for by one person, granted by another."""

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"

Id = sa.BigInteger().with_variant(sa.Integer, "sqlite")


def upgrade() -> None:
    op.create_table(
        "longer_looks",
        sa.Column("id", Id, primary_key=True),
        sa.Column("incident", Id, sa.ForeignKey("incidents.id"), nullable=False),
        sa.Column("alert", Id, sa.ForeignKey("alerts.id"), nullable=False),
        sa.Column("since_ns", sa.BigInteger(), nullable=False),
        sa.Column("until_ns", sa.BigInteger(), nullable=False),
        sa.Column("reason", sa.String(), nullable=False),
        sa.Column("asked_by", Id, sa.ForeignKey("accounts.id"), nullable=False),
        sa.Column("asked_ns", sa.BigInteger(), nullable=False),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("answered_by", Id, sa.ForeignKey("accounts.id"), nullable=True),
        sa.Column("answered_ns", sa.BigInteger(), nullable=True),
        sa.Column("ends_ns", sa.BigInteger(), nullable=True),
        sa.CheckConstraint("answered_by IS NULL OR answered_by <> asked_by", name="ck_longer_looks_two"),
    )
    op.create_index("ix_longer_looks_state", "longer_looks", ["state", "asked_ns"])
    op.create_index("ix_longer_looks_incident", "longer_looks", ["incident"])


def downgrade() -> None:
    op.drop_table("longer_looks")

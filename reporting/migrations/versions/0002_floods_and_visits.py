"""What a row of the log stands for, and visits."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"

VISITS = ("address", "person", "site")


def upgrade() -> None:
    op.add_column("breaches", sa.Column("flood", sa.Boolean(), nullable=False, server_default=sa.false()))
    op.add_column("breaches", sa.Column("samples", sa.String(), nullable=False, server_default=""))
    op.create_table(
        "visits",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("journal", sa.String(), nullable=False),
        sa.Column("offset", sa.BigInteger(), nullable=False),
        sa.Column("minute_ns", sa.BigInteger(), nullable=False),
        sa.Column("source", sa.String(), nullable=False),
        sa.Column("address", sa.String(), nullable=False),
        sa.Column("client", sa.BigInteger(), nullable=False),
        sa.Column("device", sa.BigInteger(), nullable=False),
        sa.Column("person", sa.BigInteger(), nullable=False),
        sa.Column("profile", sa.String(), nullable=False),
        sa.Column("site", sa.String(), nullable=False),
        sa.Column("count", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["journal"], ["journals.name"]),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("journal", "offset", "site", name="uq_visits_journal_offset_site"),
    )
    op.create_index("ix_visits_minute_ns", "visits", ["minute_ns"])
    for column in VISITS:
        op.create_index(f"ix_visits_{column}_minute_ns", "visits", [column, "minute_ns"])


def downgrade() -> None:
    op.drop_table("visits")
    for column in ("samples", "flood"):
        op.drop_column("breaches", column)

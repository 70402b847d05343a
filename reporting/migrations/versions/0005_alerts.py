"""Alerts that climb a ladder, their links, digests and tests; what a program asked for by itself."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"

ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    with op.batch_alter_table("breaches") as table:
        table.add_column(sa.Column("background", sa.Boolean(), nullable=False, server_default=sa.false()))
    with op.batch_alter_table("alerts") as table:
        table.add_column(sa.Column("rule", sa.String(), nullable=False, server_default=""))
        table.add_column(sa.Column("step", sa.BigInteger(), nullable=False, server_default="0"))
        table.add_column(sa.Column("next_step_ns", sa.BigInteger(), nullable=True))
        table.add_column(sa.Column("escalated", sa.String(), nullable=False, server_default=""))
    op.create_index("ix_alerts_next_step", "alerts", ["state", "next_step_ns"])
    with op.batch_alter_table("outbox") as table:
        table.alter_column("alert", existing_type=ID, nullable=True)
        table.add_column(sa.Column("kind", sa.String(), nullable=False, server_default="alert"))
        table.add_column(sa.Column("receipt", sa.String(), nullable=False, server_default=""))
        table.add_column(sa.Column("unanswered", sa.BigInteger(), nullable=False, server_default="0"))
    op.create_table(
        "alert_links",
        sa.Column("token_sha256", sa.String(), primary_key=True),
        sa.Column("alert", ID, sa.ForeignKey("alerts.id"), nullable=False),
        sa.Column("role", sa.String(), nullable=False),
        sa.Column("created_ns", sa.BigInteger(), nullable=False),
        sa.Column("expires_ns", sa.BigInteger(), nullable=False),
        sa.Column("used_ns", sa.BigInteger(), nullable=True),
        sa.Column("used_by", ID, sa.ForeignKey("accounts.id"), nullable=True),
    )
    op.create_index("ix_alert_links_alert", "alert_links", ["alert"])
    op.create_table(
        "summaries",
        sa.Column("kind", sa.String(), primary_key=True),
        sa.Column("recipient", sa.String(), primary_key=True),
        sa.Column("day", sa.String(), primary_key=True),
        sa.Column("until_ns", sa.BigInteger(), nullable=False),
    )
    op.create_table(
        "alert_tests",
        sa.Column("name", sa.String(), primary_key=True),
        sa.Column("asked_ns", sa.BigInteger(), nullable=False),
    )


def downgrade() -> None:
    for table in ("alert_tests", "summaries", "alert_links"):
        op.drop_table(table)
    op.execute("DELETE FROM outbox WHERE alert IS NULL")
    with op.batch_alter_table("outbox") as outbox:
        outbox.alter_column("alert", existing_type=ID, nullable=False)
        for column in ("kind", "receipt", "unanswered"):
            outbox.drop_column(column)
    op.drop_index("ix_alerts_next_step", "alerts")
    with op.batch_alter_table("alerts") as alerts:
        for column in ("rule", "step", "next_step_ns", "escalated"):
            alerts.drop_column(column)
    with op.batch_alter_table("breaches") as breaches:
        breaches.drop_column("background")

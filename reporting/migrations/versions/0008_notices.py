"""When a trouble was told by mail; what came about before there were such mails is not told any more."""

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"


def upgrade() -> None:
    op.add_column("troubles", sa.Column("told_ns", sa.BigInteger(), nullable=True))
    op.execute("UPDATE troubles SET told_ns = at_ns")


def downgrade() -> None:
    op.drop_column("troubles", "told_ns")

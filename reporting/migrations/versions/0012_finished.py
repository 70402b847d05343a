"""When a journal was read to its end: its days begin then, and not when it was last written."""

import sqlalchemy as sa
from alembic import op

revision = "0012"
down_revision = "0011"


def upgrade() -> None:
    op.add_column("journals", sa.Column("finished_ns", sa.BigInteger(), nullable=True))


def downgrade() -> None:
    op.drop_column("journals", "finished_ns")

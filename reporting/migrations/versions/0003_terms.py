"""The words of a search that is a concern."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    op.add_column("breaches", sa.Column("terms", sa.String(), nullable=False, server_default=""))


def downgrade() -> None:
    op.drop_column("breaches", "terms")

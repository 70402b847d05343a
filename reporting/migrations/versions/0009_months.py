"""Which month's key seals a name; those from before are sealed to a role's own."""

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"


def upgrade() -> None:
    op.add_column("person_names", sa.Column("month", sa.String(), nullable=False, server_default=""))


def downgrade() -> None:
    op.drop_column("person_names", "month")

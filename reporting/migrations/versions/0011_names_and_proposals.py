"""Names as they were typed, found by how they compare; and who settled a proposal, when, and with what words."""

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"


def upgrade() -> None:
    op.add_column("accounts", sa.Column("login", sa.String(), nullable=True))
    op.execute("UPDATE accounts SET login = name")  # what is there was kept as it compares
    op.create_index("ix_accounts_login", "accounts", ["login"], unique=True)
    op.add_column("proposals", sa.Column("settled_by", sa.BigInteger(), nullable=True))
    op.add_column("proposals", sa.Column("settled_ns", sa.BigInteger(), nullable=True))
    op.add_column("proposals", sa.Column("answer", sa.String(), nullable=False, server_default=""))


def downgrade() -> None:
    for column in ("answer", "settled_ns", "settled_by"):
        op.drop_column("proposals", column)
    op.drop_index("ix_accounts_login", "accounts")
    op.execute("UPDATE accounts SET name = login WHERE login IS NOT NULL")
    op.drop_column("accounts", "login")

"""What the breach log's search needs, and what people do with the log."""

import logging

import sqlalchemy as sa
from alembic import op

from reporting.logline import reason

log = logging.getLogger("schoolgate.reporting")

revision = "0007"
down_revision = "0006"

ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
TABLES = ("api_tokens", "exports", "saved_views", "proposals", "breach_marks", "breach_names")
INDEXES = ("ix_breaches_kind_at_ns", "ix_breaches_device_at_ns", "ix_breaches_samples_at_ns")


FILL = (
    "INSERT INTO breach_names (text, theme, category, profile)"
    " SELECT DISTINCT {text}, theme, category, profile FROM breaches WHERE {text} != '' AND reason != 'sealed'"
    " ON CONFLICT DO NOTHING"
)


def upgrade() -> None:
    op.create_index("ix_breaches_kind_at_ns", "breaches", ["kind", "at_ns"])
    for name, column, where in (
        ("ix_breaches_device_at_ns", "device", sa.text("device != 0")),
        ("ix_breaches_samples_at_ns", "samples", sa.text("samples != ''")),
    ):
        op.create_index(name, "breaches", [column, "at_ns"], sqlite_where=where, postgresql_where=where)
    op.create_table(
        "breach_names",
        sa.Column("id", ID, nullable=False),
        *(sa.Column(name, sa.String(), nullable=False) for name in ("text", "theme", "category", "profile")),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("text", "theme", "category", "profile", name="uq_breach_names"),
    )
    op.create_table(
        "breach_marks",
        sa.Column("breach", ID, nullable=False),
        sa.Column("account", ID, nullable=False),
        sa.Column("at_ns", sa.BigInteger(), nullable=False),
        sa.Column("note", sa.String(), nullable=False),
        sa.ForeignKeyConstraint(["breach"], ["breaches.id"], ondelete="CASCADE"),
        sa.ForeignKeyConstraint(["account"], ["accounts.id"]),
        sa.PrimaryKeyConstraint("breach"),
    )
    op.create_table(
        "proposals",
        sa.Column("id", ID, nullable=False),
        sa.Column("account", ID, nullable=False),
        sa.Column("at_ns", sa.BigInteger(), nullable=False),
        sa.Column("breach", ID, nullable=True),
        *(sa.Column(name, sa.String(), nullable=False) for name in ("host", "profile", "why", "state")),
        sa.ForeignKeyConstraint(["breach"], ["breaches.id"], ondelete="SET NULL"),
        sa.ForeignKeyConstraint(["account"], ["accounts.id"]),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("ix_proposals_state_at_ns", "proposals", ["state", "at_ns"])
    op.create_table(
        "saved_views",
        sa.Column("id", ID, nullable=False),
        sa.Column("account", ID, nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("query", sa.String(), nullable=False),
        sa.Column("at_ns", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["account"], ["accounts.id"]),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("account", "name", name="uq_saved_views_account_name"),
    )
    op.create_table(
        "exports",
        sa.Column("id", ID, nullable=False),
        sa.Column("account", ID, nullable=False),
        sa.Column("at_ns", sa.BigInteger(), nullable=False),
        sa.Column("form", sa.String(), nullable=False),
        sa.Column("query", sa.String(), nullable=False),
        sa.Column("entries", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["account"], ["accounts.id"]),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_table(
        "api_tokens",
        sa.Column("sha256", sa.String(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("role", sa.String(), nullable=False),
        sa.Column("account", ID, nullable=False),
        sa.Column("made_ns", sa.BigInteger(), nullable=False),
        sa.Column("revoked_ns", sa.BigInteger(), nullable=True),
        sa.ForeignKeyConstraint(["account"], ["accounts.id"]),
        sa.PrimaryKeyConstraint("sha256"),
    )
    if op.get_bind().dialect.name == "sqlite":
        _trigrams()
    else:
        _server_trigrams()
    for text in ("host", "samples"):
        op.execute(FILL.format(text=text))


EXTENSION = "SELECT nspname FROM pg_extension JOIN pg_namespace n ON n.oid = extnamespace WHERE extname = 'pg_trgm'"
"""In which schema of the database the extension is."""


def _trigrams() -> None:
    """An index of every three letters in a row of each text; it keeps no text itself and follows the table."""
    op.execute(
        "CREATE VIRTUAL TABLE breach_names_trigrams"
        " USING fts5(text, content='breach_names', content_rowid='id', tokenize='trigram')"
    )
    op.execute(
        "CREATE TRIGGER breach_names_added AFTER INSERT ON breach_names BEGIN"
        " INSERT INTO breach_names_trigrams (rowid, text) VALUES (new.id, new.text); END"
    )
    op.execute(
        "CREATE TRIGGER breach_names_removed AFTER DELETE ON breach_names BEGIN"
        " INSERT INTO breach_names_trigrams (breach_names_trigrams, rowid, text)"
        " VALUES ('delete', old.id, old.text); END"
    )


def _server_trigrams() -> None:
    """Let a search go by the server's extension, if it has that and lets us use it; without, a search reads all names.

    The extension is there once for all schemas of a database, so what it gives is called by its own schema.
    """
    try:
        with op.get_bind().begin_nested():
            op.execute("CREATE EXTENSION IF NOT EXISTS pg_trgm SCHEMA public")
            schema = op.get_bind().scalar(sa.text(EXTENSION)).replace('"', '""')
            op.execute(
                f'CREATE INDEX ix_breach_names_trigrams ON breach_names USING gin (text "{schema}".gin_trgm_ops)'
            )
    except sa.exc.DBAPIError as error:
        log.warning("Searching by site will be slow, as the extension pg_trgm cannot be had: %s", reason(error))


def downgrade() -> None:
    if op.get_bind().dialect.name == "sqlite":
        op.execute("DROP TABLE breach_names_trigrams")
    for table in TABLES:
        op.drop_table(table)
    for index in INDEXES:
        op.drop_index(index, "breaches")

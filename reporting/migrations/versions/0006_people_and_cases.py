"""Second steps, sealed names, looks, triage and incidents; history cannot be changed."""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"

HISTORIES = ("account_events", "looks", "alert_events", "incident_events")
"""Tables whose rows the database lets nobody change. That they go when their time is over is retention's business."""

Id = sa.BigInteger().with_variant(sa.Integer, "sqlite")


def upgrade() -> None:
    _accounts()
    _names()
    _cases()
    _looks()
    for table in HISTORIES:
        _keep(table)


def downgrade() -> None:
    if op.get_bind().dialect.name == "postgresql":
        for table in HISTORIES:
            op.execute(f"DROP TRIGGER {table}_keep ON {table}")
        op.execute("DROP FUNCTION schoolgate_keep()")
    for table in (
        "looks", "incident_events", "alert_events", "alert_triage", "incidents", "person_names", "role_key_copies",
        "role_keys", "account_keys", "account_events", "invitations", "password_resets", "recovery_codes",
        "account_states",
    ):  # fmt: skip
        op.drop_table(table)


def _account(name: str = "account", *, key: bool = False, maybe: bool = False) -> sa.Column:
    return sa.Column(name, Id, sa.ForeignKey("accounts.id"), primary_key=key, nullable=maybe)


def _number(name: str, *, maybe: bool = False) -> sa.Column:
    return sa.Column(name, sa.BigInteger(), nullable=maybe)


def _text(name: str, *, key: bool = False) -> sa.Column:
    return sa.Column(name, sa.String(), primary_key=key, nullable=False)


def _bytes(name: str) -> sa.Column:
    return sa.Column(name, sa.LargeBinary(), nullable=False)


def _to(name: str, target: str, *, key: bool = False, maybe: bool = False) -> sa.Column:
    kind = sa.String() if target.endswith("role") else Id
    return sa.Column(name, kind, sa.ForeignKey(target), primary_key=key, nullable=maybe)


def _accounts() -> None:
    op.create_table(
        "account_states",
        _account(key=True),
        _number("epoch"),
        _number("closed_ns", maybe=True),
        sa.Column("new_password", sa.Boolean(), nullable=False),
        _bytes("totp_secret"),
        _number("totp_since_ns", maybe=True),
        _number("totp_step"),
    )
    op.create_table("recovery_codes", _account(key=True), _text("sha256", key=True), _number("used_ns", maybe=True))
    op.create_table(
        "password_resets",
        _text("token_sha256", key=True),
        _account(),
        _number("created_ns"),
        _number("used_ns", maybe=True),
    )
    op.create_table(
        "invitations", _text("token_sha256", key=True), _text("roles"), _number("created_ns"), _account("by")
    )
    op.create_table(
        "account_events",
        sa.Column("id", Id, primary_key=True),
        _number("at_ns"),
        _account(maybe=True),
        _account("by", maybe=True),
        _text("what"),
        _text("address"),
        _text("says"),
    )
    op.create_index("ix_account_events_account_at_ns", "account_events", ["account", "at_ns"])


def _names() -> None:
    op.create_table("account_keys", _account(key=True), _bytes("public"), _bytes("salt"), _bytes("wrapped"))
    op.create_table("role_keys", _text("role", key=True), _bytes("public"), _number("created_ns"))
    op.create_table("role_key_copies", _to("role", "role_keys.role", key=True), _account(key=True), _bytes("sealed"))
    op.create_table(
        "person_names",
        sa.Column("person", sa.BigInteger(), primary_key=True),
        _to("role", "role_keys.role", key=True),
        _bytes("sealed"),
        _number("written_ns"),
        _account("written_by"),
    )


def _cases() -> None:
    op.create_table(
        "incidents",
        sa.Column("id", Id, primary_key=True),
        sa.Column("number", sa.BigInteger(), nullable=False, unique=True),
        _number("opened_ns"),
        _account("opened_by"),
        _text("audience"),
        _text("subject"),
        _text("profile"),
        _text("state"),
        _number("closed_ns", maybe=True),
    )
    op.create_index("ix_incidents_state", "incidents", ["state", "opened_ns"])
    op.create_table(
        "incident_events",
        sa.Column("id", Id, primary_key=True),
        _to("incident", "incidents.id"),
        _number("at_ns"),
        _account(),
        _text("field"),
        _text("says"),
    )
    op.create_index("ix_incident_events_incident", "incident_events", ["incident", "id"])
    op.create_table(
        "alert_triage",
        _to("alert", "alerts.id", key=True),
        _text("judgement"),
        _account("assigned", maybe=True),
        _to("incident", "incidents.id", maybe=True),
    )
    op.create_table(
        "alert_events",
        sa.Column("id", Id, primary_key=True),
        _to("alert", "alerts.id"),
        _number("at_ns"),
        _account(),
        _text("what"),
        _text("says"),
    )
    op.create_index("ix_alert_events_alert", "alert_events", ["alert", "id"])


def _looks() -> None:
    op.create_table(
        "looks",
        sa.Column("id", Id, primary_key=True),
        _number("at_ns"),
        _account(),
        _text("subject"),
        _to("alert", "alerts.id", maybe=True),
        _to("incident", "incidents.id", maybe=True),
        _text("what"),
        _text("reason"),
    )
    op.create_index("ix_looks_at_ns", "looks", ["at_ns"])
    op.create_index("ix_looks_account_at_ns", "looks", ["account", "at_ns"])


def _keep(table: str) -> None:
    if op.get_bind().dialect.name == "sqlite":
        op.execute(
            f"CREATE TRIGGER {table}_keep BEFORE UPDATE ON {table} "
            "BEGIN SELECT RAISE(ABORT, 'history is only added to'); END"
        )
        return
    op.execute(
        "CREATE OR REPLACE FUNCTION schoolgate_keep() RETURNS trigger LANGUAGE plpgsql AS "
        "$$ BEGIN RAISE integrity_constraint_violation USING MESSAGE = 'history is only added to'; END $$"
    )
    op.execute(f"CREATE TRIGGER {table}_keep BEFORE UPDATE ON {table} FOR EACH ROW EXECUTE FUNCTION schoolgate_keep()")

"""The tables of accounts and people: the second step of a log-in, who came in, sealed names, and who looked at whom.

Nothing here reads or writes them. No secret stands in them in the open: codes are hashed, secrets and names sealed.
"""

from sqlalchemy import BigInteger, ForeignKey, Index, String
from sqlalchemy.orm import Mapped, mapped_column

from reporting.models import Id, Table


class AccountStateRow(Table):
    """What an account's log-in needs besides its password; an account without a row has nothing special.

    *epoch* goes up when every log-in of the account is to end. *totp_secret* is sealed (`reporting.sealing`), and in
    force once *totp_since_ns* is set; *totp_step* is the step of the last code that was taken, so none works twice.
    """

    __tablename__ = "account_states"

    account: Mapped[int] = mapped_column(ForeignKey("accounts.id"), primary_key=True)
    epoch: Mapped[int] = mapped_column(default=0)
    closed_ns: Mapped[int | None] = mapped_column(BigInteger, default=None)
    new_password: Mapped[bool] = mapped_column(default=False)
    totp_secret: Mapped[bytes] = mapped_column(default=b"")
    totp_since_ns: Mapped[int | None] = mapped_column(BigInteger, default=None)
    totp_step: Mapped[int] = mapped_column(default=0)


class RecoveryCodeRow(Table):
    """A code that stands in once for the second step, by its SHA-256: it is 80 random bits, so nobody can try them."""

    __tablename__ = "recovery_codes"

    account: Mapped[int] = mapped_column(ForeignKey("accounts.id"), primary_key=True)
    sha256: Mapped[str] = mapped_column(String, primary_key=True)
    used_ns: Mapped[int | None] = mapped_column(BigInteger, default=None)


class ResetRow(Table):
    """A one-use right to give an account a new password, by the SHA-256 of its token."""

    __tablename__ = "password_resets"

    token_sha256: Mapped[str] = mapped_column(String, primary_key=True)
    account: Mapped[int] = mapped_column(ForeignKey("accounts.id"))
    created_ns: Mapped[int]
    used_ns: Mapped[int | None] = mapped_column(BigInteger, default=None)


class InvitationRow(Table):
    """A one-use right to make an account with *roles*, given on the pages, by the SHA-256 of its token."""

    __tablename__ = "invitations"

    token_sha256: Mapped[str] = mapped_column(String, primary_key=True)
    roles: Mapped[str]
    created_ns: Mapped[int]
    by: Mapped[int] = mapped_column(ForeignKey("accounts.id"))


class AccountEventRow(Table):
    """Something that happened to an account; *by* did it. Rows are only added.

    *what*: made, in, refused, code-refused, out-everywhere, password, second-step, recovery-used, invited, roles,
    closed, reset. *says* has no secret in it.
    """

    __tablename__ = "account_events"
    __table_args__ = (Index("ix_account_events_account_at_ns", "account", "at_ns"),)

    id: Mapped[int] = mapped_column(Id, primary_key=True)
    at_ns: Mapped[int]
    account: Mapped[int | None] = mapped_column(ForeignKey("accounts.id"), default=None)
    by: Mapped[int | None] = mapped_column(ForeignKey("accounts.id"), default=None)
    what: Mapped[str]
    address: Mapped[str] = mapped_column(default="")
    says: Mapped[str] = mapped_column(default="")


class AccountKeyRow(Table):
    """An account's own key pair; *wrapped* is the private key, sealed with a key made from the password and *salt*."""

    __tablename__ = "account_keys"

    account: Mapped[int] = mapped_column(ForeignKey("accounts.id"), primary_key=True)
    public: Mapped[bytes]
    salt: Mapped[bytes]
    wrapped: Mapped[bytes]


class RoleKeyRow(Table):
    """The public key that names are sealed to for a role (G30)."""

    __tablename__ = "role_keys"

    role: Mapped[str] = mapped_column(String, primary_key=True)
    public: Mapped[bytes]
    created_ns: Mapped[int]


class RoleKeyCopyRow(Table):
    """A role's private key, sealed to the key of an account that holds the role."""

    __tablename__ = "role_key_copies"

    role: Mapped[str] = mapped_column(ForeignKey("role_keys.role"), primary_key=True)
    account: Mapped[int] = mapped_column(ForeignKey("accounts.id"), primary_key=True)
    sealed: Mapped[bytes]


class PersonNameRow(Table):
    """The name of the person with the number *person*, sealed to *role*; it stands nowhere in the open.

    *month* is whose data key seals it (`reporting.month_keys`); empty: the role's own key does, as an earlier version
    wrote it.
    """

    __tablename__ = "person_names"

    person: Mapped[int] = mapped_column(BigInteger, primary_key=True)
    role: Mapped[str] = mapped_column(ForeignKey("role_keys.role"), primary_key=True)
    sealed: Mapped[bytes]
    written_ns: Mapped[int]
    written_by: Mapped[int] = mapped_column(ForeignKey("accounts.id"))
    month: Mapped[str] = mapped_column(default="", server_default="")


class LookRow(Table):
    """That *account* looked at the record of *subject* (as an alert names it), and why. Rows are only added.

    *what*: context (the hour around an alert), longer (more than that), name, opened (who opened the site of one),
    incident or export.
    """

    __tablename__ = "looks"
    __table_args__ = (Index("ix_looks_at_ns", "at_ns"), Index("ix_looks_account_at_ns", "account", "at_ns"))

    id: Mapped[int] = mapped_column(Id, primary_key=True)
    at_ns: Mapped[int]
    account: Mapped[int] = mapped_column(ForeignKey("accounts.id"))
    subject: Mapped[str]
    alert: Mapped[int | None] = mapped_column(ForeignKey("alerts.id"), default=None)
    incident: Mapped[int | None] = mapped_column(ForeignKey("incidents.id"), default=None)
    what: Mapped[str]
    reason: Mapped[str]

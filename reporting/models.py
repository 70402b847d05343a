"""The tables of the database, and nothing that reads or writes them.

Times are UTC nanoseconds, severities the integers of `blocklists.rulebook.Severity`. A breach's key everywhere is
(journal, offset): that it is unique is what makes ingest exactly-once. Migrations in `migrations/` make the tables; a
test holds the two together.
"""

from typing import Any

from sqlalchemy import JSON, BigInteger, ForeignKey, Index, Integer, LargeBinary, String, UniqueConstraint, text
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

Id = BigInteger().with_variant(Integer, "sqlite")
"""SQLite counts up only a column that is declared INTEGER."""


class Table(DeclarativeBase):
    """What all tables share: 64-bit whole numbers."""

    type_annotation_map = {int: BigInteger, dict[str, Any]: JSON, bytes: LargeBinary}  # noqa: RUF012 - SQLAlchemy's


def only_where(condition: str) -> dict[str, Any]:
    """The options of an index that holds only the rows of *condition*."""
    return {"sqlite_where": text(condition), "postgresql_where": text(condition)}


class JournalRow(Table):
    """A journal, how far it has been read, and where its MAC chain stood there.

    *state*: reading, finished, or cut (its file is shorter than what was read, or gone). *chain*: verified, unverified
    (its seed cannot be unsealed) or broken. *offset* is the byte after the last record taken in; *count* and *head* are
    the chain's at that place. *finished_ns* is when it was read to its end, where that is known.
    """

    __tablename__ = "journals"

    name: Mapped[str] = mapped_column(String, primary_key=True)
    site: Mapped[str]
    kind: Mapped[str]
    instance: Mapped[int]
    started_ns: Mapped[int]
    sealed_seed: Mapped[bytes]
    offset: Mapped[int] = mapped_column(default=0)
    count: Mapped[int] = mapped_column(default=0)
    head: Mapped[bytes] = mapped_column(default=b"")
    state: Mapped[str] = mapped_column(default="reading")
    chain: Mapped[str] = mapped_column(default="unverified")
    heartbeat_ns: Mapped[int] = mapped_column(default=0)
    finished_ns: Mapped[int | None] = mapped_column(BigInteger, default=None)


class BreachRow(Table):
    """A breach as its journal had it (`reporting.breach.Breach`), how many repeats followed and when the last was.

    *count* includes the first. *flood*: it stands for others of its category too. *samples* are a few names
    besides *host* that it stands for, with blanks between. *terms*: the words of a search, which only whoever its alert
    is for may read (G5). *background*: a program asked for it by itself. *extra* holds what a newer writer said and
    this version does not know.
    """

    __tablename__ = "breaches"
    __table_args__ = (
        UniqueConstraint("journal", "offset", name="uq_breaches_journal_offset"),
        Index("ix_breaches_at_ns", "at_ns"),
        Index("ix_breaches_profile_at_ns", "profile", "at_ns"),
        Index("ix_breaches_category_at_ns", "category", "at_ns"),
        Index("ix_breaches_severity_at_ns", "severity", "at_ns"),
        Index("ix_breaches_host_at_ns", "host", "at_ns"),
        Index("ix_breaches_address_at_ns", "address", "at_ns"),
        Index("ix_breaches_person_at_ns", "person", "at_ns"),
        Index("ix_breaches_kind_at_ns", "kind", "at_ns"),
        Index("ix_breaches_device_at_ns", "device", "at_ns", **only_where("device != 0")),
        Index("ix_breaches_samples_at_ns", "samples", "at_ns", **only_where("samples != ''")),
    )

    id: Mapped[int] = mapped_column(Id, primary_key=True)
    journal: Mapped[str] = mapped_column(ForeignKey("journals.name"))
    offset: Mapped[int]
    kind: Mapped[str]
    at_ns: Mapped[int]
    source: Mapped[str]
    address: Mapped[str]
    client: Mapped[int]
    device: Mapped[int]
    person: Mapped[int]
    profile: Mapped[str]
    host: Mapped[str]
    path: Mapped[str]
    reason: Mapped[str]
    category: Mapped[str]
    theme: Mapped[str]
    severity: Mapped[int]
    list: Mapped[str]
    rule: Mapped[str]
    policy: Mapped[int]
    flood: Mapped[bool] = mapped_column(default=False)
    samples: Mapped[str] = mapped_column(default="")
    terms: Mapped[str] = mapped_column(default="")
    background: Mapped[bool] = mapped_column(default=False)
    count: Mapped[int] = mapped_column(default=1)
    last_ns: Mapped[int]
    extra: Mapped[dict[str, Any]] = mapped_column(default=dict)


class VisitRow(Table):
    """A site that a client was let through to in one minute, and how often (`reporting.breach.Visit`)."""

    __tablename__ = "visits"
    __table_args__ = (
        UniqueConstraint("journal", "offset", "site", name="uq_visits_journal_offset_site"),
        Index("ix_visits_minute_ns", "minute_ns"),
        Index("ix_visits_address_minute_ns", "address", "minute_ns"),
        Index("ix_visits_person_minute_ns", "person", "minute_ns"),
        Index("ix_visits_site_minute_ns", "site", "minute_ns"),
    )

    id: Mapped[int] = mapped_column(Id, primary_key=True)
    journal: Mapped[str] = mapped_column(ForeignKey("journals.name"))
    offset: Mapped[int]
    minute_ns: Mapped[int]
    source: Mapped[str]
    address: Mapped[str]
    client: Mapped[int]
    device: Mapped[int]
    person: Mapped[int]
    profile: Mapped[str]
    site: Mapped[str]
    count: Mapped[int]


class DamagedRow(Table):
    """A piece of a journal that could not be taken in, or that somebody changed; the bytes are kept for a look.

    *reason* begins with "damaged:", "tampered:", "unknown:" (a newer version's record) or "torn:" (never
    acknowledged).
    """

    __tablename__ = "damaged"
    __table_args__ = (Index("ix_damaged_journal_offset", "journal", "offset"),)

    id: Mapped[int] = mapped_column(Id, primary_key=True)
    journal: Mapped[str] = mapped_column(ForeignKey("journals.name"))
    offset: Mapped[int]
    found_ns: Mapped[int]
    reason: Mapped[str]
    bytes: Mapped[bytes]


class AlertRow(Table):
    """Something that a person must act on. *number* is what people say; *audience* the only role that may see it.

    *subject* is "person:<number>" or "address:<text>"; *state* is open or acknowledged. *rule* says which of the rules
    opened it. *step* is how far up the ladder it is, *next_step_ns* when the next is told, *escalated* (comma text) the
    roles besides *audience* that were told and may see it.
    """

    __tablename__ = "alerts"
    __table_args__ = (
        Index("ix_alerts_subject_theme", "subject", "theme", "last_ns"),
        Index("ix_alerts_state_act_by", "state", "act_by_ns"),
        Index("ix_alerts_next_step", "state", "next_step_ns"),
    )

    id: Mapped[int] = mapped_column(Id, primary_key=True)
    number: Mapped[int] = mapped_column(unique=True)
    opened_ns: Mapped[int]
    severity: Mapped[int]
    theme: Mapped[str]
    audience: Mapped[str]
    subject: Mapped[str]
    profile: Mapped[str]
    state: Mapped[str] = mapped_column(default="open")
    act_by_ns: Mapped[int]
    count: Mapped[int]
    last_ns: Mapped[int]
    acknowledged_ns: Mapped[int | None] = mapped_column(BigInteger, default=None)
    acknowledged_by: Mapped[int | None] = mapped_column(ForeignKey("accounts.id"), default=None)
    rule: Mapped[str] = mapped_column(default="")
    step: Mapped[int] = mapped_column(default=0)
    next_step_ns: Mapped[int | None] = mapped_column(BigInteger, default=None)
    escalated: Mapped[str] = mapped_column(default="")


class AlertBreachRow(Table):
    """Which breaches an alert is about."""

    __tablename__ = "alert_breaches"

    alert: Mapped[int] = mapped_column(ForeignKey("alerts.id"), primary_key=True)
    breach: Mapped[int] = mapped_column(ForeignKey("breaches.id"), primary_key=True)


class OutboxRow(Table):
    """A message that waits to be sent or was sent. *state* is waiting, sent or unanswered: nothing is ever given up.

    It is unanswered where the server had the whole mail twice and never said that it took it: a third would be one too
    many. *unanswered* counts that. *kind* is alert, escalation, digest, weekly, test or notice; *alert* is empty where
    it is about none or several. *attempts* and *due_ns* (when next) are written before each attempt, so that a crash in
    it is an attempt too. *address* is what was known when the alert opened, and then where it went; *receipt* is what
    the server said when it took it.
    """

    __tablename__ = "outbox"
    __table_args__ = (Index("ix_outbox_state_due", "state", "due_ns"),)

    id: Mapped[int] = mapped_column(Id, primary_key=True)
    alert: Mapped[int | None] = mapped_column(ForeignKey("alerts.id"), default=None)
    kind: Mapped[str] = mapped_column(default="alert")
    channel: Mapped[str] = mapped_column(default="mail")
    recipient: Mapped[str]
    address: Mapped[str]
    subject: Mapped[str]
    body: Mapped[str]
    created_ns: Mapped[int]
    due_ns: Mapped[int]
    attempts: Mapped[int] = mapped_column(default=0)
    state: Mapped[str] = mapped_column(default="waiting")
    last_error: Mapped[str] = mapped_column(default="")
    sent_ns: Mapped[int | None] = mapped_column(BigInteger, default=None)
    receipt: Mapped[str] = mapped_column(default="")
    unanswered: Mapped[int] = mapped_column(default=0)


class AccountRow(Table):
    """Somebody who may log in. *roles* is comma text of `reporting.permissions.ROLES`.

    *name* is as they typed it, *login* the same as it is compared (`accounts.tidy`).
    """

    __tablename__ = "accounts"
    __table_args__ = (Index("ix_accounts_login", "login", unique=True),)

    id: Mapped[int] = mapped_column(Id, primary_key=True)
    name: Mapped[str] = mapped_column(unique=True)
    roles: Mapped[str]
    password_hash: Mapped[str]
    created_ns: Mapped[int]
    login: Mapped[str | None] = mapped_column(default=None)


class EnrolmentRow(Table):
    """A one-use right to make an account, by the SHA-256 of its token (hexadecimal)."""

    __tablename__ = "enrolments"

    token_sha256: Mapped[str] = mapped_column(String, primary_key=True)
    roles: Mapped[str]
    created_ns: Mapped[int]
    used_ns: Mapped[int | None] = mapped_column(BigInteger, default=None)


class MetaRow(Table):
    """Small facts about this database itself, by name."""

    __tablename__ = "meta"

    name: Mapped[str] = mapped_column(String, primary_key=True)
    value: Mapped[bytes]

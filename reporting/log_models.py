"""The tables of what people do with the breach log, and of what its search needs; nothing that reads or writes them.

`reporting.models` has the log itself. Times are UTC nanoseconds.
"""

from sqlalchemy import BigInteger, ForeignKey, Index, String, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from reporting.models import Id, Table


class BreachNameRow(Table):
    """A text that breaches have as their host or among their samples, with what says who may read it.

    Each combination once, so there are far fewer than breaches: what a search by site looks through
    (`reporting.host_search`). In SQLite a trigram index follows this table by triggers.
    """

    __tablename__ = "breach_names"
    __table_args__ = (UniqueConstraint("text", "theme", "category", "profile", name="uq_breach_names"),)

    id: Mapped[int] = mapped_column(Id, primary_key=True)
    text: Mapped[str]
    theme: Mapped[str]
    category: Mapped[str]
    profile: Mapped[str]


class MarkRow(Table):
    """A breach that somebody calls a false positive: it should not have been refused or recorded."""

    __tablename__ = "breach_marks"

    breach: Mapped[int] = mapped_column(ForeignKey("breaches.id", ondelete="CASCADE"), primary_key=True)
    account: Mapped[int] = mapped_column(ForeignKey("accounts.id"))
    at_ns: Mapped[int]
    note: Mapped[str] = mapped_column(default="")


class ProposalRow(Table):
    """Somebody asks for *host* to be opened to *profile*, and why; nothing is opened by it.

    *state* is open, withdrawn, or what somebody else has settled it as, with *answer* as their words.
    """

    __tablename__ = "proposals"
    __table_args__ = (Index("ix_proposals_state_at_ns", "state", "at_ns"),)

    id: Mapped[int] = mapped_column(Id, primary_key=True)
    account: Mapped[int] = mapped_column(ForeignKey("accounts.id"))
    at_ns: Mapped[int]
    breach: Mapped[int | None] = mapped_column(ForeignKey("breaches.id", ondelete="SET NULL"), default=None)
    host: Mapped[str]
    profile: Mapped[str]
    why: Mapped[str]
    state: Mapped[str] = mapped_column(default="open")
    settled_by: Mapped[int | None] = mapped_column(BigInteger, default=None)
    settled_ns: Mapped[int | None] = mapped_column(BigInteger, default=None)
    answer: Mapped[str] = mapped_column(default="", server_default="")


class SavedViewRow(Table):
    """A search that somebody keeps under a name; *query* is what the form sends."""

    __tablename__ = "saved_views"
    __table_args__ = (UniqueConstraint("account", "name", name="uq_saved_views_account_name"),)

    id: Mapped[int] = mapped_column(Id, primary_key=True)
    account: Mapped[int] = mapped_column(ForeignKey("accounts.id"))
    name: Mapped[str]
    query: Mapped[str]
    at_ns: Mapped[int]


class ExportRow(Table):
    """Who took entries of the log away, when, in which form and by which search (G5). *entries* is -1 until the end."""

    __tablename__ = "exports"

    id: Mapped[int] = mapped_column(Id, primary_key=True)
    account: Mapped[int] = mapped_column(ForeignKey("accounts.id"))
    at_ns: Mapped[int]
    form: Mapped[str]
    query: Mapped[str]
    entries: Mapped[int] = mapped_column(default=-1)


class ApiTokenRow(Table):
    """A script's right to read as *role*, by the SHA-256 of its token; it holds only while its maker has that role."""

    __tablename__ = "api_tokens"

    sha256: Mapped[str] = mapped_column(String, primary_key=True)
    name: Mapped[str]
    role: Mapped[str]
    account: Mapped[int] = mapped_column(ForeignKey("accounts.id"))
    made_ns: Mapped[int]
    revoked_ns: Mapped[int | None] = mapped_column(BigInteger, default=None)

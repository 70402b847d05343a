"""The tables of alerts beyond the alerts themselves: one-use links, what was summed up, and test alerts."""

from sqlalchemy import BigInteger, ForeignKey, Index, String
from sqlalchemy.orm import Mapped, mapped_column

from reporting.models import Table


class AlertLinkRow(Table):
    """A one-use right to acknowledge an alert, by the SHA-256 of its token (hexadecimal); the token is only in a mail.

    *role* is whom the mail was for. *used_by* is the account that used it.
    """

    __tablename__ = "alert_links"
    __table_args__ = (Index("ix_alert_links_alert", "alert"),)

    token_sha256: Mapped[str] = mapped_column(String, primary_key=True)
    alert: Mapped[int] = mapped_column(ForeignKey("alerts.id"))
    role: Mapped[str]
    created_ns: Mapped[int]
    expires_ns: Mapped[int]
    used_ns: Mapped[int | None] = mapped_column(BigInteger, default=None)
    used_by: Mapped[int | None] = mapped_column(ForeignKey("accounts.id"), default=None)


class SummaryRow(Table):
    """A digest or weekly report that was written, so that none is written twice.

    *kind* is digest or weekly, *recipient* a role, *day* the date that it is of (ISO 8601), *until_ns* the end of what
    it sums up.
    """

    __tablename__ = "summaries"

    kind: Mapped[str] = mapped_column(String, primary_key=True)
    recipient: Mapped[str] = mapped_column(String, primary_key=True)
    day: Mapped[str] = mapped_column(String, primary_key=True)
    until_ns: Mapped[int]


class AlertTestRow(Table):
    """A test alert that somebody asked for, by the name of its request; how it went stands in the outbox."""

    __tablename__ = "alert_tests"

    name: Mapped[str] = mapped_column(String, primary_key=True)
    asked_ns: Mapped[int]

"""The tables of what people do about alerts: triage, incidents, and the history of both, whose rows are only added.

Nothing here reads or writes them.
"""

from sqlalchemy import BigInteger, ForeignKey, Index
from sqlalchemy.orm import Mapped, mapped_column

from reporting.models import Id, Table


class TriageRow(Table):
    """What people have made of an alert so far; an alert without a row is untouched. The history is AlertEventRow's.

    *judgement* is true, false or empty.
    """

    __tablename__ = "alert_triage"

    alert: Mapped[int] = mapped_column(ForeignKey("alerts.id"), primary_key=True)
    judgement: Mapped[str] = mapped_column(default="")
    assigned: Mapped[int | None] = mapped_column(ForeignKey("accounts.id"), default=None)
    incident: Mapped[int | None] = mapped_column(ForeignKey("incidents.id"), default=None)


class AlertEventRow(Table):
    """Something that *account* did about an alert: acknowledged, judged, note, assigned, incident or looked."""

    __tablename__ = "alert_events"
    __table_args__ = (Index("ix_alert_events_alert", "alert", "id"),)

    id: Mapped[int] = mapped_column(Id, primary_key=True)
    alert: Mapped[int] = mapped_column(ForeignKey("alerts.id"))
    at_ns: Mapped[int]
    account: Mapped[int] = mapped_column(ForeignKey("accounts.id"))
    what: Mapped[str]
    says: Mapped[str] = mapped_column(default="")


class IncidentRow(Table):
    """An incident: its number, and which role it belongs to, as an alert does. What it says is IncidentEventRow's."""

    __tablename__ = "incidents"
    __table_args__ = (Index("ix_incidents_state", "state", "opened_ns"),)

    id: Mapped[int] = mapped_column(Id, primary_key=True)
    number: Mapped[int] = mapped_column(unique=True)
    opened_ns: Mapped[int]
    opened_by: Mapped[int] = mapped_column(ForeignKey("accounts.id"))
    audience: Mapped[str]
    subject: Mapped[str] = mapped_column(default="")
    profile: Mapped[str] = mapped_column(default="")
    state: Mapped[str] = mapped_column(default="open")
    closed_ns: Mapped[int | None] = mapped_column(BigInteger, default=None)


class IncidentEventRow(Table):
    """What *account* wrote into the *field* of an incident; the newest of a field is what it says now."""

    __tablename__ = "incident_events"
    __table_args__ = (Index("ix_incident_events_incident", "incident", "id"),)

    id: Mapped[int] = mapped_column(Id, primary_key=True)
    incident: Mapped[int] = mapped_column(ForeignKey("incidents.id"))
    at_ns: Mapped[int]
    account: Mapped[int] = mapped_column(ForeignKey("accounts.id"))
    field: Mapped[str]
    says: Mapped[str]

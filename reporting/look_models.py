"""The table of longer looks: what somebody asked to see of a person beyond an alert's hour, and who answered.

Nothing here reads or writes it. The history of each is the incident's, whose rows are only added.
"""

from sqlalchemy import BigInteger, CheckConstraint, ForeignKey, Index
from sqlalchemy.orm import Mapped, mapped_column

from reporting.models import Id, Table

TWO = "answered_by IS NULL OR answered_by <> asked_by"


class LongerLookRow(Table):
    """A look at whom *alert* is about, from *since_ns* until before *until_ns*, for *incident*.

    *state* is asked, granted or refused. Who asks never answers: the database refuses that too. A grant ends at
    *ends_ns*.
    """

    __tablename__ = "longer_looks"
    __table_args__ = (
        CheckConstraint(TWO, name="ck_longer_looks_two"),
        Index("ix_longer_looks_state", "state", "asked_ns"),
        Index("ix_longer_looks_incident", "incident"),
    )

    id: Mapped[int] = mapped_column(Id, primary_key=True)
    incident: Mapped[int] = mapped_column(ForeignKey("incidents.id"))
    alert: Mapped[int] = mapped_column(ForeignKey("alerts.id"))
    since_ns: Mapped[int]
    until_ns: Mapped[int]
    reason: Mapped[str]
    asked_by: Mapped[int] = mapped_column(ForeignKey("accounts.id"))
    asked_ns: Mapped[int]
    state: Mapped[str] = mapped_column(default="asked")
    answered_by: Mapped[int | None] = mapped_column(ForeignKey("accounts.id"), default=None)
    answered_ns: Mapped[int | None] = mapped_column(BigInteger, default=None)
    ends_ns: Mapped[int | None] = mapped_column(BigInteger, default=None)

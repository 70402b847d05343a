"""History is only added to: the database itself refuses to change it."""

import pytest
from sqlalchemy import text
from sqlalchemy.exc import IntegrityError

from reporting.case_models import AlertEventRow, IncidentEventRow, IncidentRow
from reporting.models import AccountRow, AlertRow
from reporting.people_models import AccountEventRow, LookRow
from tests.support.databases import opened


@pytest.fixture
async def database(where):
    async with opened(where) as database:
        async with database.writing() as session:
            session.add(AccountRow(id=1, name="ann", roles="dsl", password_hash="x", created_ns=1))
            await session.flush()
            usual = {"opened_ns": 1, "audience": "dsl", "subject": "person:7", "profile": "ks2"}
            session.add(AlertRow(id=1, number=1001, severity=3, theme="", act_by_ns=1, count=1, last_ns=1, **usual))
            session.add(IncidentRow(id=1, number=101, opened_by=1, **usual))
            await session.flush()
            session.add(AccountEventRow(at_ns=1, account=1, what="in", says="as it was"))
            session.add(LookRow(at_ns=1, account=1, subject="person:7", what="name", reason="as it was"))
            session.add(AlertEventRow(alert=1, at_ns=1, account=1, what="note", says="as it was"))
            session.add(IncidentEventRow(incident=1, at_ns=1, account=1, field="what", says="as it was"))
        yield database


@pytest.mark.parametrize(
    ("table", "column"),
    [("account_events", "says"), ("looks", "reason"), ("alert_events", "says"), ("incident_events", "says")],
)
async def test_no_row_of_a_history_can_be_changed(database, table, column):
    with pytest.raises(IntegrityError, match="history is only added to"):
        async with database.writing() as session:
            await session.execute(text(f"update {table} set {column} = 'as it never was'"))
    async with database.reading() as session:
        assert await session.scalar(text(f"select {column} from {table}")) == "as it was"

"""That nothing is lost between a breach and the breach log, however much comes at once."""

import asyncio
import tempfile
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import select

from blocklists.rulebook import Severity
from reporting.models import AlertRow, BreachRow
from reporting.recorder import Recorder
from tests.support.databases import opened
from tests.support.journals import again, breach, follower, open_journal

SEVERITIES = (Severity.NONE, Severity.NOTE, Severity.CONCERN, Severity.URGENT)

offered = st.lists(
    st.tuples(
        st.sampled_from(["10.0.0.1", "10.0.0.2", "2001:db8::1"]),
        st.integers(0, 300),
        st.sampled_from(SEVERITIES),
        st.integers(1, 5),
        st.integers(1, 2),
        st.sampled_from([0.0, 0.01, 5.0]),
    ),
    max_size=300,
)


@settings(max_examples=12, deadline=None)
@given(offered)
def test_the_log_counts_as_many_as_were_offered_of_each_person_and_severity(asked):
    wanted: dict[tuple[str, int, int], int] = {}
    for address, _, severity, times, person, _ in asked:
        wanted[address, person, severity] = wanted.get((address, person, severity), 0) + times
    with tempfile.TemporaryDirectory() as folder:
        rows, alerts = asyncio.run(_logged(Path(folder), asked))
    found: dict[tuple[str, int, int], int] = {}
    for row in rows:
        key = row.address, row.person, row.severity
        found[key] = found.get(key, 0) + row.count
    assert found == wanted
    told = sum(count for (*_, severity), count in wanted.items() if severity >= Severity.CONCERN)
    assert sum(alert.count for alert in alerts) == told


async def _logged(folder, asked):
    """The rows and alerts of what *asked* offers a recorder, a packet that comes again going the short way."""
    spool = folder / "spool"
    spool.mkdir()
    now = [0.0]
    recorder = Recorder(open_journal(spool, sealed_seed=b"sealed"), monotonic=lambda: now[0])
    for address, number, severity, times, person, pause in asked:
        one = breach(number, address=address, severity=severity, person=person)
        name = recorder.first(f"{number} {severity}", one)
        for _ in range(times - 1):
            assert again(recorder, (address, name), one.at_ns) or recorder.first(name, one)
        now[0] += pause
        recorder.sweep()
    recorder.flush()
    recorder.journal.close()
    async with opened(folder / "school.db") as database:
        ingest = follower(database, spool)
        while await ingest.step():
            pass
        ingest.close()
        async with database.reading() as session:
            return [list(await session.scalars(select(table))) for table in (BreachRow, AlertRow)]

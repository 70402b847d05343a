import pytest

from blocklists import snapshot
from blocklists.clients import Client
from blocklists.policy import Kind, Reason, Request, decide
from blocklists.rulebook import Permit, Permits
from reporting import intake
from reporting.alert_rules import DAY
from reporting.breach import Visit
from reporting.frames import Frame
from reporting.got_through import NoHostError, close, close_for_all
from tests.support.databases import opened
from tests.support.journals import AT
from tests.support.staff_pages import school

MINUTE = AT - AT % 60_000_000_000


@pytest.fixture
async def database(tmp_path):
    async with opened(tmp_path / "school.db") as database:
        async with database.writing() as session:
            session.add(intake.new_journal("a.journal", None, AT))
        yield database


async def visited(database, *visits):
    frames = [Frame(number, number + 1, one, {}) for number, one in enumerate(visits)]
    async with database.writing() as session:
        await intake.store(session, intake.sorted_out(frames, "a.journal", AT), None, AT)


def visit(days=0, site="bad.test", count=1, **who):
    return Visit(1, MINUTE - days * DAY, "dns", {site: count}, profile="ks3", **who)


class Incidents:
    """Stands where incidents are kept: what it was given, in order."""

    def __init__(self):
        self.opened = []

    async def open(self, incident):
        self.opened.append(incident)
        return len(self.opened)


async def test_one_action_closes_it_for_all_lists_who_opened_it_drafts_the_notice_and_opens_the_incident(
    database, tmp_path
):
    live = school(tmp_path)
    await visited(
        database,
        visit(person=12, count=3),
        visit(2, person=12),
        visit(1, client=7, address="10.20.0.9"),
        visit(31, person=40),
        visit(site="good.test", person=41),
    )
    incidents = Incidents()
    done = await close_for_all(
        "WWW.Bad.test.",
        by=3,
        database=database,
        permits=live.files.permits,
        called=lambda person: f"K7QM-00{person}" if person else "",
        open_incident=incidents.open,
        school="Harbour Primary",
        now_ns=lambda: AT,
    )
    assert [(one.who, one.count) for one in done.who] == [("Person K7QM-0012", 4), ("Device 7", 1)]
    assert "www.bad.test" in done.notice
    assert "Harbour Primary" in done.notice
    assert "Person" not in done.notice
    [incident] = incidents.opened
    assert (done.incident, incident.kind, incident.by, incident.who) == (1, "got_through", 3, done.who)
    live.refresh()
    for profile in ("ks2", "staff"):
        verdict = decide(live.policy, Request(Kind.DNS, Client("10.20.0.7", profile), "a.www.bad.test", AT))
        assert verdict.blocked
        assert verdict.reason is Reason.EMERGENCY
    assert not decide(live.policy, Request(Kind.DNS, Client("10.30.0.7", "staff"), "other.test", AT)).blocked


def test_what_is_closed_already_stays_so_once_and_passes_stay(tmp_path):
    file = tmp_path / "permits"
    given = Permit(number=5, opens=True, entries=("games.test",), until=AT + 1, profiles=("ks2",))
    snapshot.write(file, Permits((given,)), version=9, written_ns=1)
    assert [close(file, "bad.test", AT), close(file, "bad.test", AT), close(file, "worse.test", AT)] == [6, 6, 7]
    found = snapshot.read(file, Permits)
    assert (found.version, found.body.permits[0], len(found.body.permits)) == (11, given, 3)


@pytest.mark.parametrize("host", ["", "localhost", "two words.test", "http://bad.test/", "a..test"])
async def test_what_is_no_site_closes_nothing(database, tmp_path, host):
    incidents = Incidents()
    with pytest.raises(NoHostError):
        await close_for_all(
            host,
            by=3,
            database=database,
            permits=tmp_path / "permits",
            called=str,
            open_incident=incidents.open,
            now_ns=lambda: AT,
        )
    assert (incidents.opened, (tmp_path / "permits").exists()) == ([], False)


async def test_where_it_cannot_be_closed_nothing_else_is_done(database, tmp_path):
    incidents = Incidents()
    (tmp_path / "permits").write_bytes(b"damaged")
    with pytest.raises(snapshot.SnapshotError):
        await close_for_all(
            "bad.test", by=3, database=database, permits=tmp_path / "permits", called=str, open_incident=incidents.open
        )
    assert incidents.opened == []

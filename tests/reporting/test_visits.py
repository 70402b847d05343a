"""Which permitted names are visits, and that their counts are neither lost nor anybody else's."""

from collections import Counter

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from blocklists import defaults
from blocklists.clients import Client
from blocklists.policy import Policy, decide
from blocklists.rulebook import ListUse, Role
from blocklists.verdict import Action, Kind, Reason, Request, Verdict
from reporting import visits as visits_module
from reporting.breach import Visit
from reporting.frames import read_frames
from reporting.helplines import Helplines
from reporting.visits import CLIENTS, HELPLINE, MINUTE, OTHER, RECORD, SITES_EACH, Visits, worth_a_visit
from tests.support.journals import SEED
from tests.support.killed_child import told_until_killed
from tests.support.small_policy import PlainNames

AT = 28_333_333 * MINUTE
PUPIL = Client("10.0.0.7", "ks2", number=7, device=8, person=9)
OPEN = Verdict(Action.ALLOW, Reason.OPEN)
BOOK = defaults.rulebook("Test School")
PROFILES = BOOK.profiles


class Page:
    """Where the records go."""

    def __init__(self):
        self.records = []
        self.visits = Visits(self.records.append, kept=True)

    def counts(self):
        """Visits by (minute, address, site)."""
        found = Counter()
        for record in self.records:
            for site, count in record.sites.items():
                found[record.minute_ns, record.address, site] += count
        return found


@pytest.fixture
def page():
    return Page()


def test_a_visit_is_written_once_its_minute_is_over(page):
    page.visits.add(PUPIL, ["bbc.co.uk", "a.test", "bbc.co.uk"], AT + 5)
    page.visits.add(PUPIL, ["bbc.co.uk"], AT + MINUTE - 1)
    assert not page.visits.sweep(AT + MINUTE - 1)
    assert page.records == []
    page.visits.sweep(AT + MINUTE)
    sites = {"bbc.co.uk": 3, "a.test": 1}
    fields = {"address": "10.0.0.7", "client": 7, "device": 8, "person": 9, "profile": "ks2"}
    assert page.records == [Visit(1, AT, "dns", sites, **fields)]
    page.visits.sweep(AT + 2 * MINUTE)
    assert len(page.records) == 1


def test_until_a_dsl_is_confirmed_nothing_is_counted(page):
    visits = Visits(page.records.append, kept=False)
    visits.add(PUPIL, ["bbc.co.uk"], AT)
    visits.flush()
    assert page.records == []


def test_a_sweep_writes_some_clients_and_says_that_there_are_more(page):
    for number in range(5):
        page.visits.add(Client(f"10.0.0.{number}", "ks2"), ["a.test"], AT)
    assert page.visits.sweep(AT + MINUTE, most=3)
    assert len(page.records) == 3
    assert not page.visits.sweep(AT + MINUTE, most=3)
    assert len(page.records) == 5


def test_all_clients_of_a_minute_are_written_within_ten_seconds_of_sweeps():
    records = CLIENTS + visits_module.SITES / visits_module.RECORD
    assert records / visits_module.SLICE * 0.05 < 10


def test_a_sweep_writes_few_records_however_many_sites_each_client_was_at(page):
    for number in range(40):
        page.visits.add(Client(f"10.0.0.{number}", "ks2"), [f"s{site}.test" for site in range(400)], AT)
    assert page.visits.sweep(AT + MINUTE, most=20) is True
    assert 20 <= len(page.records) < 20 + SITES_EACH / visits_module.RECORD + 1
    while page.visits.sweep(AT + MINUTE, most=20):
        pass
    assert sum(sum(record.sites.values()) for record in page.records) == 40 * 400


def test_flush_writes_what_is_left_over_and_the_minute_that_goes_on(page):
    for number in range(3):
        page.visits.add(Client(f"10.0.0.{number}", "ks2"), ["a.test"], AT)
    page.visits.sweep(AT + MINUTE, most=1)
    page.visits.add(PUPIL, ["b.test"], AT + MINUTE)
    page.visits.flush()
    assert len(page.records) == 4


def test_after_the_clock_was_set_back_a_minute_that_seemed_to_come_is_written(page):
    page.visits.add(PUPIL, ["a.test"], AT + 9 * MINUTE)
    page.visits.add(PUPIL, ["a.test"], AT)
    page.visits.sweep(AT)
    assert page.counts() == {(AT + 9 * MINUTE, "10.0.0.7", "a.test"): 1}


def test_many_sites_are_several_records(page):
    page.visits.add(PUPIL, [f"{n}.test" for n in range(RECORD + 1)], AT)
    page.visits.flush()
    assert [len(record.sites) for record in page.records] == [RECORD, 1]


def test_a_record_of_the_longest_names_fits_a_frame():
    sites = {f"{n:02}.{'x' * 250}": 2**40 for n in range(RECORD)}
    assert len(msgspec.msgpack.encode(Visit(1, AT, "dns", sites))) < 32_768


def test_a_client_pushes_out_only_its_own_sites(page):
    page.visits.add(PUPIL, [f"{n}.test" for n in range(SITES_EACH + 7)], AT)
    page.visits.add(PUPIL, ["1.test"], AT)
    page.visits.add(Client("10.0.0.8", "ks2"), ["a.test"], AT)
    page.visits.flush()
    counts = page.counts()
    assert counts[AT, "10.0.0.7", OTHER] == 7
    assert counts[AT, "10.0.0.7", "1.test"] == 2
    assert counts[AT, "10.0.0.8", "a.test"] == 1


def test_room_comes_back_when_a_minute_is_written(page, monkeypatch):
    monkeypatch.setattr(visits_module, "SITES", 2)
    page.visits.add(PUPIL, ["a.test", "b.test", "c.test"], AT)
    page.visits.sweep(AT + MINUTE)
    page.visits.add(PUPIL, ["d.test"], AT + MINUTE)
    page.visits.flush()
    assert page.counts() == {
        (AT, "10.0.0.7", "a.test"): 1,
        (AT, "10.0.0.7", "b.test"): 1,
        (AT, "10.0.0.7", OTHER): 1,
        (AT + MINUTE, "10.0.0.7", "d.test"): 1,
    }


def test_clients_beyond_the_bound_are_counted_by_profile(page, monkeypatch):
    monkeypatch.setattr(visits_module, "CLIENTS", 1)
    page.visits.add(PUPIL, ["a.test"], AT)
    page.visits.add(Client("10.0.0.8", "ks3", person=4), ["a.test"], AT)
    page.visits.add(PUPIL, ["a.test"], AT)
    page.visits.flush()
    assert [(r.address, r.person, r.profile, r.sites) for r in page.records] == [
        ("10.0.0.7", 9, "ks2", {"a.test": 2}),
        ("", 0, "ks3", {"a.test": 1}),
    ]


@given(
    st.lists(
        st.tuples(
            st.integers(0, 3),
            st.lists(st.sampled_from(["", "a.test", "b.test", "c.test", "d.test"]), max_size=6),
            st.integers(-2, 3),
        ),
        max_size=60,
    )
)
def test_what_is_written_is_what_was_given(given_visits):
    page, wanted = Page(), Counter()
    for number, sites, minute in given_visits:
        page.visits.add(Client(f"10.0.0.{number}", "ks2"), sites, AT + minute * MINUTE + 5)
        wanted.update((AT + minute * MINUTE, f"10.0.0.{number}", site) for site in sites if site)
        page.visits.sweep(AT + minute * MINUTE, most=2)
    page.visits.flush()
    assert page.counts() == wanted
    assert page.visits._sites == 0


@pytest.mark.parametrize(
    ("host", "site"),
    [
        ("www.bbc.co.uk", "bbc.co.uk"),
        ("maths.github.io", "maths.github.io"),
        ("a.b.example.test", "example.test"),
        ("github.io", "github.io"),
        ("printer", ""),
        ("4.3.2.1.in-addr.arpa", ""),
    ],
)
def test_a_visit_is_to_the_registrable_name(host, site):
    assert worth_a_visit(OPEN, PROFILES["ks2"], host) == site


@pytest.mark.parametrize(
    "verdict",
    [
        Verdict(Action.BLOCK, Reason.CATEGORY, category="gambling"),
        Verdict(Action.BLOCK, Reason.CATEGORY, category="adverts", quiet=True),
        Verdict(Action.ALLOW, Reason.ALWAYS_OPEN, rule="fonts.gstatic.com"),
        Verdict(Action.ALLOW, Reason.CATEGORY, category="forums", personal=True),
    ],
    ids=["blocked", "quiet", "a helpline's letters", "information and forums"],
)
def test_what_is_nobodys_to_read_is_no_visit(verdict):
    assert worth_a_visit(verdict, PROFILES["staff"], "www.example.test") == ""


@pytest.mark.parametrize("profile", PROFILES)
def test_a_helpline_is_no_site_of_anybodys_and_written_nowhere(page, profile, tmp_path):
    verdict = Verdict(Action.ALLOW, Reason.ALWAYS_OPEN, rule="childline.org.uk")
    assert worth_a_visit(verdict, PROFILES[profile], "www.childline.org.uk") == HELPLINE
    page.visits.add(PUPIL, [HELPLINE, "bbc.co.uk", HELPLINE], AT)
    page.visits.flush()
    assert [record.sites for record in page.records] == [{"bbc.co.uk": 1}]


@pytest.mark.parametrize("kept", [True, False])
def test_whoever_turns_to_a_helpline_is_counted_for_the_week_and_no_visit(tmp_path, kept):
    records, counting = [], Helplines(tmp_path / "helplines-dns-0")
    visits = Visits(records.append, kept=kept, helplines=counting)
    for number in range(6):
        visits.add(Client(f"10.0.0.{number}", "ks2"), [HELPLINE, HELPLINE], AT)
    assert not (tmp_path / "helplines-dns-0").exists()
    visits.sweep(AT + 1440 * MINUTE)
    assert records == []
    assert b":5}" in (tmp_path / "helplines-dns-0").read_bytes()


@pytest.mark.parametrize("category", ["information", "essential", "sex_education", "forums"])
@pytest.mark.parametrize("lists", [("it",), ("it", "strict"), ("it", "taught")], ids=" ".join)
def test_whatever_else_a_site_is_on_a_list_of_nobodys_business_keeps_it_out(category, lists):
    uses = {"it": ListUse(Role.CATEGORY, category), "strict": ListUse(Role.CATEGORY, "dynamic_hosting")}
    book = msgspec.structs.replace(BOOK, lists=uses | {"taught": ListUse(Role.EDUCATION)})
    request = Request(Kind.DNS, Client("10.0.0.7", "staff"), "www.example.test", AT)
    verdict = decide(Policy(book, PlainNames({"www.example.test": lists})), request)
    assert not verdict.blocked
    assert bool(worth_a_visit(verdict, PROFILES["staff"], "www.example.test")) is (category == "forums")


@pytest.mark.parametrize("profile", PROFILES)
def test_visits_are_kept_for_those_profiles_for_whom_the_policy_says_so(profile):
    nobody = {"eyfs", "ks1", "unregistered", "equipment", "visitor"}
    assert bool(worth_a_visit(OPEN, PROFILES[profile], "www.example.test")) is (profile not in nobody)
    assert PROFILES[profile].visits == (0 if profile in nobody else 90)


def test_kill_9_loses_no_visit_of_a_minute_that_was_swept(tmp_path):
    told = told_until_killed(_CHILD, tmp_path, 20)
    (path,) = tmp_path.glob("*.journal")
    found = Counter()
    for frame in read_frames(path, seed=SEED):
        found[frame.record.minute_ns // MINUTE] += sum(frame.record.sites.values())
    swept = [int(minute) for minute in told]
    assert {minute: found[minute] for minute in swept} == dict.fromkeys(swept, 30 * 4)


_CHILD = """
import os, sys
from pathlib import Path
from blocklists.clients import Client
from reporting.recorder import Recorder
from reporting.visits import MINUTE, Visits
from tests.support.journals import open_journal

recorder = Recorder(open_journal(Path(sys.argv[1])))
visits = Visits(recorder.visit, kept=True)
minute = 0
while True:
    for number in range(30):
        visits.add(Client(f"10.0.0.{number}", "ks2"), ["a.test", "b.test", "a.test", "c.test"], minute * MINUTE)
    minute += 1
    visits.sweep(minute * MINUTE)
    os.write(1, b"%d\\n" % (minute - 1))
"""

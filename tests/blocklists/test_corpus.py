"""The corpus of curriculum and help sites: what no change of the shipped lists or policy may close (POLICY: education
first)."""

import csv
import datetime
import zoneinfo

import pytest

from blocklists import defaults, domain, url
from blocklists.calendar import Period
from blocklists.clients import Client
from blocklists.live import Live
from blocklists.policy import Kind, Reason, Request, decide
from deploy import config, setup

BANDS = ("eyfs", "ks1", "ks2", "ks3", "ks4", "ks5", "staff")
ROWS = list(defaults.table("corpus"))
LONDON = zoneinfo.ZoneInfo("Europe/London")
MONDAY = int(datetime.datetime(2027, 1, 11, 10, tzinfo=LONDON).timestamp()) * 10**9
"""A Monday at 10:00, in a lesson: nothing is open because school is out."""


@pytest.fixture(scope="module")
def policy(tmp_path_factory: pytest.TempPathFactory):
    """The shipped rulebook over an index compiled from the shipped lists."""
    made = setup.init(tmp_path_factory.mktemp("corpus") / "school", "Test School", shown_by="A. Okafor")
    live = Live(config.load(made.folder / config.NAME).files)
    live.refresh()
    return live.policy


def requests(name: str, band: str):
    client = Client("10.0.0.1", band)
    yield Request(Kind.DNS, client, name, MONDAY)
    yield Request(Kind.URL, client, name, MONDAY, url=url.canonical(f"https://{name}/"))


def test_the_corpus_is_large_enough_to_notice_what_a_list_closes():
    assert len(ROWS) >= 300
    assert len({row["subject"] for row in ROWS}) >= 20


def test_every_name_is_canonical_and_stands_once_in_order():
    names = [row["name"] for row in ROWS]
    assert names == sorted(set(names))
    assert [name for name in names if domain.canonical(name) != name] == []


def test_every_row_says_which_bands_it_is_for_in_their_order_and_why():
    for row in ROWS:
        bands = row["bands"].split(" ")
        assert bands == [band for band in BANDS if band in bands], row
        assert row["subject"].strip(), row


def test_help_is_for_everybody():
    assert [row["name"] for row in ROWS if row["subject"] == "help" and row["bands"] != " ".join(BANDS)] == []


def test_the_file_has_no_cell_too_many_and_no_space_to_trim():
    with (defaults.DATA / "corpus.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.reader(file))
    assert rows[0] == ["name", "bands", "subject"]
    assert [row for row in rows if len(row) != 3 or any(cell != cell.strip() for cell in row)] == []


def test_every_site_is_known_and_open_in_a_lesson_in_each_of_its_bands(policy):
    assert policy.rulebook.calendar.period(MONDAY, policy.zone) is Period.LESSON
    closed = [
        f"{row['name']} for {band}: {verdict.reason} {verdict.category} {verdict.rule}"
        for row in ROWS
        for band in row["bands"].split()
        for request in requests(row["name"], band)
        if (verdict := decide(policy, request)).blocked or verdict.reason is Reason.UNKNOWN
    ]
    assert closed == []
